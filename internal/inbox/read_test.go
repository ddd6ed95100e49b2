package inbox_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"courier/internal/inbox"
)

const form = "application/x-www-form-urlencoded"

func TestInbox_ReadsMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ media, target, body, to, text string }{
		"TwilioForm":     {form, "/", "To=%2B1206&From=%2B1&Body=a+b%0A", "+1206", "a b\n"},
		"PlainJSON":      {"application/json", "/", `{"to":"+1206","from":"x","text":"hi"}`, "+1206", "hi"},
		"ContextDump":    {"application/json", "/", `{"body":"B","recipient":"+1206","template_data":{"to":"+1999"}}`, "+1206", "B"},
		"NumberAsNumber": {"application/json", "/", `{"msisdn":12065550199,"message":"m"}`, "12065550199", "m"},
		"Lists":          {"application/json", "/", `{"recipients":["+1206","+1207"],"content":"c"}`, "+1206", "c"},
		"Nested":         {"application/json", "/", `{"messages":[{"from":"x","destinations":[{"to":"41793026727"}],"text":"t"}]}`, "41793026727", "t"},
		"ToObject":       {"application/json", "/", `{"from":{"number":"+1"},"to":{"number":"+2"},"message":{"content":{"text":"t"}}}`, "+2", "t"},
		"RootList":       {"application/json", "/", `[{"PHONE-Number":"+1","Sms_Text":"t"}]`, "+1", "t"},
		"Cloud":          {form, "/", "Action=Publish&PhoneNumber=%2B1206&Message=hey", "+1206", "hey"},
		"Query":          {"", "/send?to=%2B1206&text=a%20b", "", "+1206", "a b"},
		"QueryAndBody":   {"text/plain", "/send?dst=1206", "just text\n", "1206", "just text\n"},
		"JSONNoType":     {"", "/", ` {"to":"+1","sms":"s"}`, "+1", "s"},
		"JSONString":     {"text/plain", "/", `"quoted"`, "", "quoted"},
		"BrokenJSON":     {"application/json", "/", `{"to":`, "", ""},
		"BrokenForm":     {form, "/", "To=%2B1206&Body=%zz", "+1206", ""},
		"Empty":          {"", "/", "", "", ""},
		"EmptyLists":     {"application/json", "/", `{"to":[],"text":[]}`, "", ""},
		"InvalidUTF8":    {"application/json", "/", "{\"to\":\"+1\",\"text\":\"a\xffb\"}", "+1", "a\ufffdb"},
		"NUL":            {"application/json", "/", `{"to":"+1","text":"a\u0000b"}`, "+1", "a\x00b"},
		"TooDeep":        {"application/json", "/", strings.Repeat(`{"a":`, 40) + `{"to":"+1"}` + strings.Repeat("}", 40), "", ""},
		"FarTooDeep":     {"application/json", "/", strings.Repeat("[", 100_000), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := open(t, inbox.Options{})
			do(t, box, http.MethodPost, c.target, c.body, "Content-Type", c.media)
			got := list(t, box, "")
			if len(got) != 1 || got[0].To != c.to || got[0].Text != c.text {
				t.Errorf("got %+v, want to %q, text %q", got, c.to, c.text)
			}
		})
	}
}

func TestInbox_KeepsBinaryBody(t *testing.T) {
	t.Parallel()
	box := open(t, inbox.Options{})
	do(t, box, http.MethodPost, "/", "a\xff\x00b")
	got := list(t, box, "")[0]
	raw, err := base64.StdEncoding.DecodeString(got.BodyBase64)
	if err != nil || string(raw) != "a\xff\x00b" || got.Body != "a\ufffd\x00b" {
		t.Errorf("body %q, base64 %q: %v", got.Body, got.BodyBase64, err)
	}
}

func FuzzInbox(f *testing.F) {
	f.Add(form, "/?to=1", []byte("To=%2B1206&Body=x"))
	f.Add("application/json", "/", []byte(`{"messages":[{"to":["+1"],"text":{"a":"b"}}]}`))
	f.Add("text/plain", "/", []byte("\xff\x00"))
	f.Fuzz(func(t *testing.T, media, query string, body []byte) {
		box := open(t, inbox.Options{})
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(string(body)))
		request.RequestURI = "/?" + query
		request.Header.Set("Content-Type", media)
		box.ServeHTTP(httptest.NewRecorder(), request)
		messages := box.Messages()
		if len(messages) != 1 || !utf8.ValidString(messages[0].To) || !utf8.ValidString(messages[0].Text) {
			t.Fatalf("kept %+v", messages)
		}
		answer := httptest.NewRecorder()
		box.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/_inbox/messages", nil))
		if !json.Valid(answer.Body.Bytes()) {
			t.Fatalf("listing is not JSON: %q", answer.Body)
		}
	})
}

func BenchmarkInbox(b *testing.B) {
	box := open(b, inbox.Options{})
	body := `{"to":"+12065550199","text":"Your login code is 123456"}`
	for b.Loop() {
		request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/send", strings.NewReader(body))
		box.ServeHTTP(httptest.NewRecorder(), request)
	}
}
