package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"courier"
	"courier/internal/httpapi"
	"courier/internal/store"
)

// builder makes requests of all that a template reads of a message, but for some gateways.
type builder struct{ httpapi.Workbench }

func (builder) Request(_ context.Context, gateway string, m *courier.Message) (*httpapi.TrialSent, error) {
	switch gateway {
	case "gone":
		return nil, errors.New("the gateway is gone")
	case "broken":
		return nil, &courier.RenderError{Err: errors.New("no field of this name")}
	}
	return &httpapi.TrialSent{
		Method: "POST", URL: "https://gateway.example.com/",
		Body: fmt.Sprintf("%d %s %s %s %s %s %s", m.SendCount+1, m.To, m.Body, m.Subject, m.TemplateData, m.RequestHeaders, m.Metadata),
	}, nil
}

// TestAPI_BuiltRequests gives a key that may not read texts what a template makes of a
// message without them.
func TestAPI_BuiltRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *httpapi.Options) {
		withKeys(o)
		o.Workbench = builder{}
	})
	f.putAttempted(t)
	m := &courier.Message{
		ID: courier.ID{1}, Status: courier.StatusQueued, Gateway: "main", To: number, Body: "123456", CreatedAt: now(),
		TemplateData: []byte(`{"code":123456,"to":["` + number + `"],"new":true,"no":null}`), RequestHeaders: []byte(`["123456",1]`),
	}
	if _, err := f.memory.Store.Enqueue(t.Context(), []*courier.Message{m}); err != nil {
		t.Fatal(err)
	}
	for _, gateway := range []string{"main", "gone", "broken"} {
		f.memory.attempt(t, courier.StatusQueued, courier.Attempt{Gateway: gateway, Outcome: courier.OutcomeRetry})
	}
	request := func(body string) string {
		text, _ := json.Marshal(body)
		return `"request":{"method":"POST","url":"https://gateway.example.com/","headers":{},"body":` + string(text) + `,"curl":""},"fault":null}`
	}
	failing := func(hint string) string {
		return `{"gateway":"gone","attempt":2,"request":null,"fault":"the gateway is gone"},
			{"gateway":"broken","attempt":3,"request":null,"fault":"render request: no field of this name` + hint + `"}`
	}
	for path, want := range map[string][2]string{
		idText: {
			`{"gateway":"main","attempt":2,` + request("2 +1206•••0199 <redacted> <redacted> {\"code\":\"<redacted>\"} {\"Cookie\":[\"<redacted>\"]} {\"order\":7}"),
			`{"gateway":"main","attempt":2,` + request("2 "+number+" Your code is <123456> s {\"code\": \"123456\"} {\"Cookie\":[\"secret\"]} {\"order\":7}"),
		},
		m.ID.String(): {
			`{"gateway":"main","attempt":1,` + request("1 +1206•••0199 <redacted>  {\"code\":0,\"new\":true,\"no\":null,\"to\":[\"<redacted>\"]} [\"<redacted>\",0] ") + "," +
				failing(" (number and text are masked for your key, which may be why)"),
			`{"gateway":"main","attempt":1,` + request("1 "+number+" 123456  "+string(m.TemplateData)+" "+string(m.RequestHeaders)+" ") + "," + failing(""),
		},
	} {
		path = "/v1/messages/" + path + "/requests"
		wantJSON(t, f.call(t, "GET", path, "", "X-API-Key: reader").Body.String(), `{"masked":true,"requests":[`+want[0]+`]}`)
		wantJSON(t, f.call(t, "GET", path, "", "X-API-Key: auditor").Body.String(), `{"masked":false,"requests":[`+want[1]+`]}`)
		wantProblem(t, f.call(t, "GET", path, "", "X-API-Key: sender"), courier.CodeForbidden, "", "")
	}
	later := now().Add(time.Hour)
	if count, err := f.memory.Scrub(t.Context(), store.Sweep{Now: later, Before: later, Limit: 1}); err != nil || count != 1 {
		t.Fatalf("scrubbed %d messages: %v", count, err)
	}
	wantJSON(t, f.call(t, "GET", "/v1/messages/"+idText+"/requests", "", "X-API-Key: auditor").Body.String(),
		`{"masked":false,"requests":[{"gateway":"main","attempt":2,"request":null,"fault":"the text was deleted, as retention.scrub_after says"}]}`)
	wantProblem(t, f.call(t, "GET", "/v1/messages/"+strings.Repeat("0", 32)+"/requests", "", asRoot), courier.CodeNotFound, "", "")
}

// TestAPI_GetMessageWebhooks shows what became of those that are told, and not of others who listen.
func TestAPI_GetMessageWebhooks(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *httpapi.Options) {
		o.ToldFunc = func(listener, callbackURL string) (id, host string) {
			return map[string]string{"a": "shop", "c": "callback_url"}[listener], map[string]string{"c": strings.TrimPrefix(callbackURL, "https://")}[listener]
		}
	})
	for _, listener := range []string{"a", "b", "c"} {
		if err := f.memory.Listen(t.Context(), listener, []courier.Status{courier.StatusSent}); err != nil {
			t.Fatal(err)
		}
	}
	f.putAttempted(t)
	notices, err := f.memory.Notices(t.Context(), courier.ID{0: 1, 15: 1})
	if err != nil || len(notices) != 3 {
		t.Fatalf("notices %+v, %v", notices, err)
	}
	if err := f.memory.RecordNotices(t.Context(), []store.Notice{{Seq: notices[2].Seq, State: store.NoticeGivenUp, Tries: 2, TriedAt: now(), Fault: "it answered 500"}}); err != nil {
		t.Fatal(err)
	}
	w := f.call(t, "GET", "/v1/messages/"+idText, "")
	var got struct{ Webhooks json.RawMessage }
	decode(t, w.Body.String(), &got)
	wantJSON(t, string(got.Webhooks), `[
		{"webhook":"shop","host":null,"event":"message.sent","at":"2026-01-02T03:04:06.000006Z","state":"waiting","tries":0,"tried_at":null,"fault":null},
		{"webhook":"callback_url","host":"example.com/123456","event":"message.sent","at":"2026-01-02T03:04:06.000006Z","state":"given_up","tries":2,
		 "tried_at":"2026-01-02T03:04:05.000006Z","fault":"it answered 500"}]`)
	d := parseDocument(t, f)
	var value any
	decode(t, w.Body.String(), &value)
	d.check(t, "webhooks", d.Paths["/v1/messages/{id}"]["get"].Responses["200"].Content["application/json"].Schema, value)
}
