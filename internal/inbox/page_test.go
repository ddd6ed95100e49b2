package inbox_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"courier/internal/inbox"
	"courier/internal/web/webtest"
)

// serve serves an inbox until the test ends.
func serve(t *testing.T, options inbox.Options) *inbox.Server {
	t.Helper()
	server, err := inbox.Listen(t.Context(), "127.0.0.1:0", options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return server
}

// send has the inbox catch a text, as JSON with more fields.
func send(t *testing.T, box http.Handler, to, text, more string) *httptest.ResponseRecorder {
	t.Helper()
	return do(t, box, http.MethodPost, "/send", `{"to":"`+to+`","from":"ACME","body":"`+text+`"`+more+`}`, "Content-Type", "application/json", "Authorization", "Bearer secret")
}

// TestPage_Phone has messages arrive while the page is looked at.
func TestPage_Phone(t *testing.T) {
	t.Parallel()
	browser := webtest.Start(t)
	box := serve(t, inbox.Options{})
	tab := browser.Tab(t, webtest.Look{})
	tab.Open(box.URL())
	tab.WaitText("No message yet")
	tab.Wait(`document.getElementById("live").textContent === "live"`)
	tab.Inspect("inbox-empty")

	send(t, box, "+12065550101", "Hello Ada, welcome to ACME.", "")
	tab.WaitText("welcome to ACME")
	send(t, box, "+12065550102", "Your code is 493-721. Do not share it.", "")
	tab.WaitText("493-721")
	tab.Wait(`document.querySelector("#who").textContent === "+12065550102"`)
	tab.TabTo(".copy")
	tab.Press(kb.Enter)
	tab.WaitText("Copied 493721")
	if got := tab.Clipboard(); got != "493721" {
		t.Errorf("the clipboard has %q", got)
	}
	tab.Inspect("inbox")

	// By the keyboard: the other conversation, its request, a gateway that fails.
	tab.TabTo(`#list a[href*="0101"]`)
	tab.Press(kb.Enter)
	tab.Wait(`document.querySelector("#who").textContent === "+12065550101"`)
	tab.TabTo(`[href*="#request"]`)
	tab.Press(kb.Enter)
	tab.WaitText("Bearer ***")
	tab.TabTo("#answers-fail")
	tab.Press(kb.Enter)
	tab.Wait(`document.activeElement.id === "answers-fail" && document.activeElement.getAttribute("aria-pressed") === "true"`)
	if got := send(t, box, "+12065550101", "Your code is 111222", "").Code; got != http.StatusServiceUnavailable {
		t.Errorf("the gateway answers %d", got)
	}
	tab.WaitText("The gateway answered 503: the phone got nothing.")
	tab.Inspect("inbox-fails")
	tab.TabTo("#answers-usual")
	tab.Press(kb.Enter)
	tab.Wait(`document.querySelector("#answers-usual").getAttribute("aria-pressed") === "true"`)
	if got := send(t, box, "+12065550101", "Your code is 111222", "").Code; got != http.StatusCreated {
		t.Errorf("the gateway answers %d", got)
	}
	tab.WaitText("Copy 111222")
	tab.TabTo("#empty button")
	tab.Press(kb.Enter)
	tab.WaitText("No message yet")
}

// TestPage_Attack shows texts that would like to be more.
func TestPage_Attack(t *testing.T) {
	t.Parallel()
	browser := webtest.Start(t)
	box := serve(t, inbox.Options{})
	evil := `<script>document.title='owned'</script><img src=//evil.example/x onerror=alert(1)>` + "\u202etxt\u2066 \x1b[31mred\x1b[0m"
	long := strings.Repeat("W", 1<<20)
	for _, message := range [][2]string{{evil, long}, {long, long}, {evil, evil + " code 123456"}} {
		body, err := json.Marshal(map[string]string{"to": message[0], "text": message[1], "from": message[0], "receipt_url": "javascript:alert(1)"})
		if err != nil {
			t.Fatal(err)
		}
		do(t, box, http.MethodPost, "/send", string(body))
	}
	do(t, box, http.MethodPost, "/x?"+strings.Repeat("%3Cb%3E", 2000), evil, "X-Evil", `"><script>1</script>`)
	tab := browser.Tab(t, webtest.Look{})
	tab.Open(box.URL())
	tab.WaitText("<script>document.title='owned'</script>")
	tab.WaitText("[U+202E]")
	tab.Inspect("inbox-attack")
	send(t, box, "+12065550101", "newer", "")
	tab.WaitText("newer")
	tab.Click(`#list a[href="/_inbox/?to="]`)
	tab.Wait(`document.querySelector("#who").textContent === "no recipient"`)
	tab.Open(box.URL() + "/_inbox/?to=" + strings.Repeat("W", 256))
	tab.WaitText("WWWWWW")
	tab.Inspect("inbox-attack-long")
	if got := webtest.Eval[string](tab, "document.title"); strings.Contains(got, "owned") {
		t.Errorf("the title is %q", got)
	}
}
