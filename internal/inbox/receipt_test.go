package inbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"courier/internal/gateway/gatewaytest"
	"courier/internal/gateway/preset"
	"courier/internal/inbox"
)

// hook takes the receipts of an inbox and passes on what each says.
func hook(t *testing.T) (address string, told <-chan string) {
	t.Helper()
	heard := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var receipt struct{ Reference, Status string }
		if json.Unmarshal(body, &receipt) == nil {
			heard <- receipt.Reference + " " + receipt.Status
		} else if values, err := url.ParseQuery(string(body)); err == nil {
			heard <- values.Get("MessageStatus")
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/receipts/phone/secret", heard
}

// hear returns the next of what is told.
func hear(t *testing.T, told <-chan string, want ...string) {
	t.Helper()
	for _, want := range want {
		select {
		case got := <-told:
			if got != want {
				t.Errorf("told %q, want %q", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("nothing was told, want %q", want)
		}
	}
}

// report asks for a receipt of the last message.
func report(t *testing.T, box *inbox.Inbox, kind string) *httptest.ResponseRecorder {
	t.Helper()
	messages := box.Messages()
	return do(t, box, http.MethodPost, "/_inbox/receipts", "id="+messages[len(messages)-1].ID+"&receipt="+kind, "Content-Type", form)
}

// TestInbox_Receipts reports as the preset webhook wants it.
func TestInbox_Receipts(t *testing.T) {
	t.Parallel()
	address, told := hook(t)
	noted := make(chan inbox.Receipt, 100)
	box := open(t, inbox.Options{LateDelay: time.Millisecond, OnReceiptFunc: func(r inbox.Receipt) { noted <- r }})
	send(t, box, "+12065550101", "x", `,"id":"ours","receipt_url":"`+address+`"`)
	for kind, want := range map[string][]string{
		"delivered": {"ours delivered"}, "undelivered": {"ours undelivered"}, "late": {"ours delivered"}, "twice": {"ours delivered", "ours delivered"},
	} {
		if got := report(t, box, kind).Code; got != http.StatusSeeOther {
			t.Errorf("%s: status %d", kind, got)
		}
		hear(t, told, want...)
	}
	for range 5 {
		if got := <-noted; !got.Taken() || got.To != "+12065550101" || got.Fault != "" {
			t.Errorf("noted %+v", got)
		}
	}
	if got := box.Messages()[0].Receipts; len(got) != 5 {
		t.Errorf("the message has the receipts %+v", got)
	}
	for kind, want := range map[string]int{"none": 422, "": 422, "lost": 422} {
		if got := report(t, box, kind).Code; got != want {
			t.Errorf("%q: status %d, want %d", kind, got, want)
		}
	}
	if got := do(t, box, http.MethodPost, "/_inbox/receipts", "id=none&receipt=late", "Content-Type", form).Code; got != http.StatusNotFound {
		t.Errorf("a message that is none: status %d", got)
	}
	// By itself, once it is told to.
	do(t, box, http.MethodPost, "/_inbox/gateway", "receipts=undelivered", "Content-Type", form)
	send(t, box, "+12065550101", "x", `,"id":"next","receipt_url":"`+address+`"`)
	hear(t, told, "next undelivered")
	// Where it is not wanted, or cannot be had.
	for more, want := range map[string]string{"": "names no address", `,"receipt_url":"javascript:alert(1)"`: "names no address"} {
		send(t, box, "+12065550101", "x", more)
		if got := report(t, box, "delivered"); got.Code != http.StatusConflict || !strings.Contains(got.Body.String(), want) {
			t.Errorf("%q: %d %s", more, got.Code, got.Body)
		}
	}
	<-noted
	send(t, box, "+12065550101", "x", `,"receipt_url":"http://127.0.0.1:1/receipts/phone/secret"`)
	if got := <-noted; got.Taken() || !strings.Contains(got.Fault, "refused") || strings.Contains(got.Fault, "secret") {
		t.Errorf("noted %+v", got)
	}
}

// TestInbox_ReceiptsOfProvider reports as Twilio does.
func TestInbox_ReceiptsOfProvider(t *testing.T) {
	t.Parallel()
	set, err := preset.Load("")
	if err != nil {
		t.Fatal(err)
	}
	twilio, err := set.Get("twilio")
	if err != nil {
		t.Fatal(err)
	}
	address, told := hook(t)
	box := open(t, inbox.Options{LateDelay: time.Millisecond, Emulation: &inbox.Emulation{Name: "twilio", Emulator: gatewaytest.EmulatorOptions{
		Source: twilio.Emulator, AnswerCodes: twilio.Errors.AnswerMeanings(), ReceiptCodes: twilio.Errors.ReceiptMeanings(),
	}}})
	text := func(to string) int {
		body := url.Values{"To": {to}, "From": {"+12065550110"}, "Body": {"code 123456"}, "StatusCallback": {address}}
		return do(t, box, http.MethodPost, "/2010-04-01/Accounts/AC1/Messages.json", body.Encode(), "Content-Type", form, "Authorization", "Basic QUMxOnRva2Vu").Code
	}
	if got := text("+12065550199"); got != http.StatusCreated {
		t.Fatalf("the message is answered with %d", got)
	}
	hear(t, told, "sent", "delivered")
	for kind, want := range map[string][]string{"undelivered": {"undelivered"}, "twice": {"delivered", "delivered"}, "late": {"delivered"}} {
		report(t, box, kind)
		hear(t, told, want...)
	}
	do(t, box, http.MethodPost, "/_inbox/gateway", "receipts=none", "Content-Type", form)
	if got := text("none"); got != http.StatusBadRequest {
		t.Errorf("a wrong number is answered with %d", got)
	}
	if got := report(t, box, "delivered"); got.Code != http.StatusConflict || !strings.Contains(got.Body.String(), "did not take") {
		t.Errorf("of a refused message: %d %s", got.Code, got.Body)
	}
	if page := do(t, box, http.MethodGet, "/_inbox/", "").Body.String(); !strings.Contains(page, "<strong>twilio</strong>") {
		t.Error("the page does not say that it is twilio")
	}
	if _, err := inbox.New(inbox.Options{Emulation: &inbox.Emulation{Name: "x"}}); err == nil || !strings.Contains(err.Error(), "emulate x") {
		t.Errorf("a description that is none: %v", err)
	}
	if got := box.Messages(); !slices.Equal([]string{got[0].To, got[0].From, got[0].Code}, []string{"+12065550199", "+12065550110", "123456"}) {
		t.Errorf("the message is read as %+v", got[0])
	}
}
