package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"courier"
)

// wantAnswer checks what holds for every answer: it is JSON of the kind that
// its status says, and a problem has a code with that status.
func wantAnswer(t *testing.T, f *fixture, path, body string, headers ...string) bool {
	t.Helper()
	w := f.call(t, "POST", path, body, append([]string{"Content-Type: application/json"}, headers...)...)
	if w.Code == http.StatusAccepted {
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%q was taken: %s", body, w.Body)
		}
		return true
	}
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Code.HTTPStatus() != w.Code || p.Detail == "" {
		t.Fatalf("%q: got %d, %v: %s", body, w.Code, err, w.Body)
	}
	if w.Code >= http.StatusInternalServerError {
		t.Fatalf("%q: got %d: %s", body, w.Code, w.Body)
	}
	return false
}

// sameText reports whether the draft has the texts that encoding/json reads.
func sameText(draft courier.Draft, body string) bool {
	var want struct {
		Body         *string
		TemplateData json.RawMessage `json:"template_data"`
	}
	if err := json.Unmarshal([]byte(body), &want); err != nil {
		return false
	}
	if string(want.TemplateData) == "null" {
		want.TemplateData = nil
	}
	return (want.Body == nil && draft.Body == "" || want.Body != nil && *want.Body == draft.Body) && string(want.TemplateData) == string(draft.TemplateData)
}

func FuzzSend(f *testing.F) {
	for _, body := range []string{
		`{"to":"` + number + `","body":"a"}`,
		`{"recipient":"` + number + `","body":"\ud83d\ude00\"\\","template_data":{"a":[1,{"b":"}"}]},"metadata":{},"ttl":"5m"}`,
		`{"to":1}`, `{"to":"` + number + `","body":null,"template_data":null,"type":2} `, `[]`, `"\u00e9`, `{"\u0074o":"` + number + `"}`,
	} {
		f.Add(body, "key")
	}
	fix := newFixture(f, nil)
	f.Fuzz(func(t *testing.T, body, key string) {
		fix.memory.Store = newDouble().Store
		headers := []string{"Idempotency-Key: " + key}
		if strings.ContainsAny(key, "\r\n") {
			headers = nil
		}
		if !wantAnswer(t, fix, "/v1/messages", body, headers...) {
			return
		}
		if !utf8.ValidString(body) {
			t.Fatalf("%q was taken", body)
		}
		if strings.Contains(strings.ToLower(body), `\u`) {
			return // encoding/json folds the case of names, which may be written so too
		}
		if !sameText(fix.judge.draft, body) {
			t.Fatalf("%q became %+v", body, fix.judge.draft)
		}
	})
}

func FuzzBatch(f *testing.F) {
	const part = `{"to":"` + number + `","body":"a","idempotency_key":"k"}`
	for _, body := range []string{
		`{"messages":[` + part + `]}`, `{"messages":[` + part + ` , {}, 7, [[]], "]" ]}`, `{"messages":{}}`, `{"messages":[]}`, `{"messages":[null]}`, "{\"messages\":[{\"\x9c\":\"\"}," + part + "]}",
	} {
		f.Add(body)
	}
	fix := newFixture(f, nil)
	f.Fuzz(func(t *testing.T, body string) {
		fix.memory.Store = newDouble().Store
		if !wantAnswer(t, fix, "/v1/messages/batch", body) {
			return
		}
		for _, m := range fix.memory.all(t) {
			if !utf8.ValidString(m.To + m.Body + string(m.TemplateData) + string(m.Metadata)) {
				t.Fatalf("%q: a message with ill-formed text was taken", body)
			}
		}
		var asked struct{ Messages []json.RawMessage }
		if err := json.Unmarshal([]byte(body), &asked); err != nil {
			t.Fatalf("%q was taken: %v", body, err)
		}
		w := fix.call(t, "POST", "/v1/messages/batch", body)
		var answer struct{ Results []struct{ Index int } }
		decode(t, w.Body.String(), &answer)
		if len(answer.Results) != len(asked.Messages) {
			t.Fatalf("%q has %d messages and got %d results", body, len(asked.Messages), len(answer.Results))
		}
		for i, result := range answer.Results {
			if result.Index != i {
				t.Fatalf("%q: result %d has index %d", body, i, result.Index)
			}
		}
	})
}
