package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"courier"
	"courier/internal/store"
	"courier/internal/web/webtest"
)

// fill stores messages of many kinds, and returns the paths of two.
func (s *site) fill(t *testing.T) (unknown, queued string) {
	t.Helper()
	if err := s.store.Listen(t.Context(), "webhook:shop", []courier.Status{courier.StatusUnknown}); err != nil {
		t.Fatal(err)
	}
	ends := []struct {
		status courier.Status
		class  courier.Class
		said   string
	}{
		{courier.StatusUnknown, courier.ClassOutcomeUnknown, "the gateway was asked and the connection broke before its answer; look the message up at the gateway"},
		{courier.StatusSent, "", ""},
		{courier.StatusRejected, courier.ClassInvalidDestination, "the gateway answered 400"},
		{courier.StatusAbandoned, courier.ClassGatewayError, "the gateway answered 500"},
	}
	for i, end := range ends {
		path := s.message(t, func(m *courier.Message) {
			m.ID[14], m.To, m.TemplateType, m.Country = byte(i), fmt.Sprintf("+1206555010%d", i), "login_code_valid", "US" //nolint:gosec // a few
			m.Body = "Your code is 123456\n\n@shop.example #123456"
		})
		if end.status == courier.StatusUnknown {
			unknown = path
		}
		s.attempt(t, end.status, func(a *courier.Attempt) {
			a.Class, a.Message = end.class, end.said
			if a.Outcome, _ = end.class.Verdict(); a.Class != "" {
				a.HTTPStatus, a.Excerpt = 500, `{"error":{"code":30003,"message":"Unreachable"}}`
			}
		})
		s.clock.Add(int64(time.Second))
	}
	id, _ := courier.ParseID(strings.TrimPrefix(unknown, "/messages/"))
	s.tell(t, id, store.Notice{State: store.NoticeGivenUp, Tries: 9, TriedAt: s.now(), Fault: "it answered 500 " + hostile})
	return unknown, s.message(t, func(m *courier.Message) { m.To, m.Body = hostile, hostile })
}

// enter gets to an element and presses Enter, by keyboard alone.
func enter(tab *webtest.Tab, selector string) {
	tab.TabTo(selector)
	tab.Press(kb.Enter)
}

// act opens what can be done, says why and does it, by keyboard alone.
func act(tab *webtest.Tab, selector, reason string) {
	enter(tab, selector+" summary")
	tab.TabTo(selector + " input[name=reason]")
	tab.Press(reason + kb.Enter)
}

// TestBrowser goes through the pages and does all that can be done on them, by keyboard
// alone, on a desk and on a phone, in the light and in the dark.
func TestBrowser(t *testing.T) {
	t.Parallel()
	s := open(t, keys())
	unknown, queued := s.fill(t)
	browser := webtest.Start(t)
	tab := browser.Tab(t, webtest.Look{})

	tab.Open(s.server.URL + "/messages?status=unknown")
	tab.Inspect("sign-in")
	tab.Type("#key", "root")
	tab.Press(kb.Enter)
	tab.WaitText("+12065550100")
	tab.Open(s.server.URL + "/messages")
	tab.WaitText("alert(1)")
	tab.Inspect("messages")

	tab.Open(s.server.URL + queued)
	act(tab, ".act", "nobody wants it")
	tab.WaitText("The message is canceled.")
	enter(tab, ".crumbs a")
	tab.Wait("document.querySelector('#to')")
	tab.TabTo("#to")
	tab.Press("+12065550100" + kb.Enter)
	tab.Wait("document.querySelectorAll('tbody tr').length == 1 && !location.href.includes('0100')")
	enter(tab, "tbody a")
	tab.WaitText("Attempt 1: unknown")
	tab.WaitText("Live")
	tab.TabTo(".request summary")
	tab.Press(kb.Enter)
	tab.Wait("document.querySelector('.request').open")
	tab.WaitText("POST https://gateway.example.com/send")
	tab.WaitText("<script>alert(1)</script>")
	tab.WaitText("Webhook given up")
	tab.Inspect("message")
	tab.Press(kb.Enter) // what is open is not renewed

	act(tab, ".act:nth-child(2)", "not in the gateway's list")
	tab.WaitText("The message is resolved.")
	tab.WaitText("undelivered")
	act(tab, ".act", "its owner waits")
	tab.WaitText("The message is queued again.")
	tab.WaitText("Live")
	s.attempt(t, courier.StatusSent, func(a *courier.Attempt) { a.Number = 2 })
	tab.WaitText("Attempt 2: accepted") // it came without a reload
	tab.Wait("location.pathname == '" + unknown + "'")

	enter(tab, "nav a[href='/']")
	tab.WaitText("Oldest that wait")
	tab.Inspect("overview")
	enter(tab, ".tabs a:nth-child(2)")
	tab.WaitText("Messages in 15 minutes")
	enter(tab, ".figures summary")
	tab.Wait("document.querySelector('.figures').open")
	tab.Axe()

	tab.TabTo("#to")
	tab.Press("+12065550103" + kb.Enter)
	tab.Wait("location.pathname == '/messages' && document.querySelectorAll('tbody tr').length == 1")

	tab.Open(s.server.URL + "/messages?status=abandoned")
	act(tab, ".act", "the gateway works again")
	tab.WaitText("Retry: 1 message")
	tab.Inspect("bulk")
	enter(tab, "main button")
	tab.WaitText("running")
	tab.Inspect("action")
	act(tab, ".act", "enough")
	tab.WaitText("stopped")
	enter(tab, ".crumbs a")
	tab.WaitText("the gateway works again")
	tab.Inspect("actions")

	enter(tab, "nav a[href='/audit']")
	tab.WaitText("action.stop")
	tab.Inspect("audit")
	tab.TabTo("#action")
	tab.Press("action.stop")
	enter(tab, ".filters button")
	tab.Wait("location.search.includes('action.stop') && document.querySelectorAll('tbody tr').length == 1")

	enter(tab, "nav a[href='/gateways']")
	tab.WaitText("Counts are those of the last hour.")
	tab.Inspect("gateways")
	enter(tab, "tbody a")
	tab.WaitText("As each node sees it")
	act(tab, ".act", "their status page is red")
	tab.WaitText("The gateway is paused")
	tab.WaitText("their status page is red")
	tab.Inspect("gateway")
	act(tab, ".act", "it is green again")
	tab.WaitText("The gateway takes messages again.")
	enter(tab, ".act:nth-child(2) summary")
	tab.TabTo("#test-to")
	tab.Press("+12065550107" + kb.Enter)
	tab.WaitText("Test of the gateway main")

	enter(tab, ".visitor button")
	tab.Wait("location.pathname == '/sign-in'")
}

// TestBrowser_Reader sees neither texts nor numbers, and is thrown out with its key.
func TestBrowser_Reader(t *testing.T) {
	t.Parallel()
	s := open(t, keys())
	path, _ := s.fill(t)
	tab := webtest.Start(t).Tab(t, webtest.Look{Width: webtest.PhoneWidth})
	tab.Open(s.server.URL + "/sign-in")
	tab.Type("#key", "reader")
	tab.Click("main button")
	tab.WaitText("Nodes")
	tab.Inspect("overview")
	tab.Open(s.server.URL + path)
	tab.WaitText("read_body")
	tab.WaitText("+1206•••0100")
	tab.WaitText("Live")
	tab.Allow("401") // the stream of a page that can no longer be seen
	s.api.SetKeys(keys()[2:])
	tab.Wait("location.pathname == '/sign-in'")
}
