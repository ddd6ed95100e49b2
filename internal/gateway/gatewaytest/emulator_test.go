package gatewaytest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

const small = `
request:
  method: POST
  path: /{account}/send
  auth: [{ type: basic, user: "{account}", password: "{token}" }]
  body: form
  query: { v: { pattern: '\d' } }
  fields:
    to: { required: true, pattern: '\+\d+', missing: no recipient, wrong: no recipient }
    text: { required: true, max: 10 }
    parts: { type: integer, min: 1, max: 3 }
    urgent: { type: boolean }
    hook: {}
  needs: [[text, parts]]
  refuse: { method: wrong, path: wrong, auth: "401", type: wrong, missing: wrong, wrong: wrong, unknown: wrong }
read: { to: to, text: text, callback: hook }
id: M{digits:8}
answers:
  ok: { status: 201, headers: { X-Id: "{id}" }, json: { id: "{id}", parts: [ { $each: part, n: "{part#}", id: "{id}" } ], code: "{code}" } }
  no recipient: { status: 400, text: "no recipient for {account}" }
  wrong: { status: 400, text: wrong }
error: { status: 422, json: { code: "{code#}", text: "{means}", status: "{status#}" } }
statuses: { "401": 401 }
receipt: { method: POST, form: { id: "{id}", state: "{state}", code: "{code}", to: "{to}" } }
sign: [{ when: [token], kind: twilio, secret: "{token}" }]
states: { on the way: null, there: delivered, lost: undelivered }
failed: lost
success: [on the way, there]
receipts: { odd: { state: lost, code: "9", gives: { status: rejected } } }
`

func newSmall(t *testing.T, options EmulatorOptions) *Emulator {
	t.Helper()
	options.Source = small
	options.AnswerCodes = map[string]string{"401": "who are you", "7": "not today"}
	options.ReceiptCodes = map[string]string{"5": "switched off"}
	options.Options.NowFunc = func() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }
	e, err := NewEmulator(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// post sends a form to an emulator and returns status and body of the answer.
func post(t *testing.T, e *Emulator, target, form string) (int, string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth("acc", "tok")
	answer := httptest.NewRecorder()
	e.ServeHTTP(answer, request)
	return answer.Code, answer.Body.String()
}

func TestEmulator_Checks(t *testing.T) {
	t.Parallel()
	known := map[string]string{"account": "acc", "token": "tok"}
	other := map[string]string{"account": "acc", "token": "other"}
	for name, c := range map[string]struct {
		params       map[string]string
		target, form string
		status       int
		body         string
	}{
		"Good":      {known, "/acc/send?v=1", "to=%2B1&text=hi", 201, `"parts":[{"id":`},
		"Learned":   {nil, "/acc/send?v=1", "to=%2B1&text=hi", 201, `"parts":[{"id":`},
		"Mismatch":  {nil, "/else/send?v=1", "to=%2B1&text=hi", 401, `{"code":401,"status":401,"text":"who are you"}`},
		"Token":     {other, "/acc/send?v=1", "to=%2B1&text=hi", 401, `"who are you"`},
		"Path":      {known, "/acc/sent", "to=%2B1&text=hi", 400, "wrong"},
		"Query":     {known, "/acc/send?w=1", "to=%2B1&text=hi", 400, "wrong"},
		"QueryRule": {known, "/acc/send?v=12", "to=%2B1&text=hi", 400, "wrong"},
		"Missing":   {known, "/acc/send", "text=hi", 400, "no recipient for acc"},
		"Empty":     {known, "/acc/send", "to=&text=hi", 400, "no recipient for acc"},
		"Pattern":   {known, "/acc/send", "to=1&text=hi", 400, "no recipient for acc"},
		"Long":      {known, "/acc/send", "to=%2B1&text=12345678901", 400, "wrong"},
		"Number":    {known, "/acc/send", "to=%2B1&text=hi&parts=2&urgent=true", 201, ""},
		"NoNumber":  {known, "/acc/send", "to=%2B1&text=hi&parts=2.5", 400, "wrong"},
		"Large":     {known, "/acc/send", "to=%2B1&text=hi&parts=4", 400, "wrong"},
		"NoFlag":    {known, "/acc/send", "to=%2B1&text=hi&urgent=yes", 400, "wrong"},
		"Unknown":   {known, "/acc/send", "to=%2B1&text=hi&more=1", 400, "wrong"},
		"Numbered":  {known, "/acc/send", "to=%2B12065550102&text=hi", 422, `{"code":7,"status":422,"text":"not today"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newSmall(t, EmulatorOptions{Params: c.params})
			status, body := post(t, e, c.target, c.form)
			if status != c.status || !strings.Contains(body, c.body) || strings.Contains(body, "{") && strings.Contains(body, "null") {
				t.Errorf("got %d %s, want %d %s", status, body, c.status, c.body)
			}
			if taken := len(e.Messages()); (taken == 1) != (c.status == 201) {
				t.Errorf("%d messages were taken", taken)
			}
		})
	}
}

// TestEmulator_Deliver has it report to the address of the request.
func TestEmulator_Deliver(t *testing.T) {
	t.Parallel()
	var got []string
	status := http.StatusNoContent
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		got = append(got, form.Get("state")+form.Get("code"))
		if r.Header.Get("X-Twilio-Signature") == "" || form.Get("id") == "" {
			t.Errorf("got %v %v", r.Header, form)
		}
		w.WriteHeader(status)
	}))
	defer hook.Close()
	var taken []Message
	e := newSmall(t, EmulatorOptions{OnMessageFunc: func(m Message) { taken = append(taken, m) }})
	for _, to := range []string{"%2B12065550199", "%2B13105550101"} {
		if status, body := post(t, e, "/acc/send", "to="+to+"&text=hi&hook="+url.QueryEscape(hook.URL)); status != 201 {
			t.Fatal(body)
		}
	}
	for _, m := range taken {
		if err := e.Deliver(t.Context(), hook.Client(), m); err != nil {
			t.Error(err)
		}
	}
	if err := e.Deliver(t.Context(), hook.Client(), taken[0], "5", "odd"); err != nil {
		t.Error(err)
	}
	if want := []string{"on the way", "there", "lost", "lost5", "lost9"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	status = http.StatusNotFound
	if err := e.Deliver(t.Context(), hook.Client(), taken[0], "there"); err == nil {
		t.Error("a refused receipt is no error")
	}
	taken[0].Callback = ""
	if err := e.Deliver(t.Context(), hook.Client(), taken[0], "there"); err == nil {
		t.Error("a receipt without an address is no error")
	}
	if _, err := e.Receipts(t.Context(), taken[0], "else"); err == nil {
		t.Error("a report that does not exist is no error")
	}
}

func TestNewEmulator_Faults(t *testing.T) {
	t.Parallel()
	for old, want := range map[string]string{
		"receipt:":     "field reciept not found",
		"  ok:":        `there is no answer "ok"`,
		"body: form":   `request.body is "x"`,
		"wrong: wrong": `there is no answer "not there"`,
	} {
		text := map[string]string{"receipt:": "reciept:", "  ok:": "  okay:", "body: form": "body: x", "wrong: wrong": "wrong: not there"}[old]
		_, err := NewEmulator(EmulatorOptions{Source: strings.Replace(small, old, text, 1), AnswerCodes: map[string]string{"401": "x"}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
