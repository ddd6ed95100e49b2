package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/internal/httpapi"
)

const idText = "01000000-0000-0000-0000-000000000001"

func TestAPI_Send(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	w := f.call(t, "POST", "/v1/messages", ` {
		"to": "`+number+`", "body": "caf\u00e9 \ud83d\ude00 \"<&>\"", "from": "Shop", "channel": "sms", "subject": "s",
		"template_type": "login_code_valid", "template_data": {"a": [1, {"b": "}"}], "c": 1e400}, "request_headers": {"A": ["b"]},
		"metadata": {"order": 7}, "gateway": "b", "callback_url": "https://example.com/status", "send_at": "2026-01-02T04:00:00Z", "ttl": "5m", "expires_at": null, "type": 2 } `,
		"Content-Type: application/json; charset=UTF-8", "Idempotency-Key: k-1")
	if w.Code != http.StatusAccepted || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %v: %s", w.Code, w.Header(), w.Body)
	}
	wantJSON(t, w.Body.String(), `{"id":"`+idText+`","status":"queued","to":"`+number+`","created_at":"2026-01-02T03:04:05.000006Z"}`)
	want := courier.Draft{
		To: number, Body: `café 😀 "<&>"`, From: "Shop", Channel: "sms", Subject: "s", TemplateType: "login_code_valid",
		TemplateData: []byte(`{"a": [1, {"b": "}"}], "c": 1e400}`), RequestHeaders: []byte(`{"A": ["b"]}`), Metadata: []byte(`{"order": 7}`),
		Gateway: "b", CallbackURL: "https://example.com/status",
		Lifetime: courier.Lifetime{SendAt: "2026-01-02T04:00:00Z", TTL: "5m"}, IdempotencyKey: "k-1",
	}
	if diff := cmp.Diff(want, f.judge.draft); diff != "" {
		t.Errorf("draft (-want +got):\n%s", diff)
	}
	if len(f.memory.all(t)) != 1 {
		t.Errorf("%d messages were stored", len(f.memory.all(t)))
	}
}

func TestAPI_SendTakesRecipient(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"recipient":"` + number + `","body":"Hi"}`,
		`{"recipient":"` + number + `","body":"Hi","to":"` + number + `"}`,
		`{"recipient":"` + number + `","body":"Hi","to":null,"type":"sms"}`,
	} {
		f := newFixture(t, nil)
		if w := f.call(t, "POST", "/v1/messages", body); w.Code != http.StatusAccepted || f.memory.all(t)[0].To != number {
			t.Errorf("%s: got %d: %s", body, w.Code, w.Body)
		}
	}
}

func TestAPI_SendRefuses(t *testing.T) {
	t.Parallel()
	const invalid = courier.CodeInvalidRequest
	for _, test := range []struct {
		name, body string
		code       courier.ErrorCode
		location   string
		detail     string
	}{
		{"Recipient", `{"to":"1","body":"a"}`, courier.CodeInvalidRecipient, "body.to", "to: it is no number"},
		{"NoRecipient", `{"body":"a"}`, courier.CodeInvalidRecipient, "body.to", ""},
		{"TwoRecipients", `{"to":"+12065550199","recipient":"+12065550198","body":"a"}`, invalid, "body.recipient", "differ"},
		{"ToNumber", `{"to":12065550199,"body":"a"}`, invalid, "body.to", "not a number; write it in quotes"},
		{"BodyObject", `{"to":"+12065550199","body":{}}`, invalid, "body.body", "not an object"},
		{"BodyArray", `{"to":"+12065550199","body":[]}`, invalid, "body.body", "not an array"},
		{"BodyBoolean", `{"to":"+12065550199","body":true}`, invalid, "body.body", "not a boolean"},
		{"TTLNumber", `{"to":"+12065550199","body":"a","ttl":300}`, invalid, "body.ttl", "not a number"},
		{"DataString", `{"to":"+12065550199","template_data":"{}"}`, invalid, "body.template_data", "must be a JSON object, not a string"},
		{"Type", `{"to":"+12065550199","body":"a","type":1}`, invalid, "body.type", "only text messages"},
		{"Twice", `{"to":"+12065550199","body":"a","body":"b"}`, invalid, "body.body", "twice"},
		{"TwiceNull", `{"to":"+12065550199","body":null,"body":"b"}`, invalid, "body.body", "twice"},
		{"TwiceEscaped", `{"to":"+12065550199","body":"a","bod\u0079":"b"}`, invalid, "body.body", "twice"},
		{"Case", `{"TO":"+12065550199","body":"a"}`, invalid, "body.TO", "to is the nearest"},
		{"Camel", `{"to":"+12065550199","body":"a","sendAt":"x"}`, invalid, "body.sendAt", "send_at is the nearest"},
		{"Typo", `{"to":"+12065550199","body":"a","metdata":{}}`, invalid, "body.metdata", "metadata is the nearest"},
		{"Part", `{"to":"+12065550199","body":"a","headers":{}}`, invalid, "body.headers", "request_headers is the nearest"},
		{"Unknown", `{"to":"+12065550199","body":"a","priority":"high"}`, invalid, "body.priority", "no field has this name"},
		{"UnknownNull", `{"to":"+12065550199","body":"a","priority":null}`, invalid, "body.priority", "no field has this name"},
		{"UnknownWithData", `{"to":"+12065550199","body":"a","code 123456":1}`, invalid, "", "a name that no field has"},
		{"UnknownLong", `{"to":"+12065550199","body":"a","aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":1}`, invalid, "", "a name that no field has"},
		{"UnknownEmpty", `{"to":"+12065550199","body":"a","":1}`, invalid, "", "a name that no field has"},
		{"KeyOfBatch", `{"to":"+12065550199","body":"a","idempotency_key":"k"}`, invalid, "body.idempotency_key", "no field"},
		{"Array", `[]`, invalid, "", "a JSON object is expected, not an array"},
		{"String", `"hi"`, invalid, "", "not a string"},
		{"Null", ` null`, invalid, "", "not null"},
		{"Blank", "\n\t ", invalid, "", "the body is missing"},
		{"Syntax", "{\n \"to\": \"+1\",\n \"body\" }", invalid, "body.body", "at line 3, column 9: invalid character '}'"},
		{"Truncated", `{"to":"+12065550199"`, invalid, "", "at line 1, column 21: it ends too early"},
		{"Trailing", `{"to":"+12065550199","body":"a"} x`, invalid, "", "after top-level value"},
		{"TwoValues", `{"to":"+12065550199","body":"a"}{}`, invalid, "", "after top-level value"},
		{"SingleQuotes", `{'to':'+12065550199'}`, invalid, "", "at line 1, column 2"},
		{"InvalidUTF8", "{\"to\":\"+12065550199\",\"body\":\"a\xff\"}", invalid, "body.body", "at line 1, column 31: the body is not valid UTF-8"},
		{"HighSurrogate", `{"to":"+12065550199","body":"a\ud83d"}`, invalid, "body.body", "surrogate"},
		{"LowSurrogate", `{"to":"+12065550199","body":"\\\ude00"}`, invalid, "body.body", "surrogate"},
		{"TwoHighSurrogates", `{"to":"+12065550199","body":"\ud83d\ud83d\ude00"}`, invalid, "body.body", "surrogate"},
		{"SurrogateAndLetter", `{"to":"+12065550199","body":"\ud83d\u0041 and more"}`, invalid, "body.body", "surrogate"},
		{"SurrogateInName", `{"\udead":1}`, invalid, "", "surrogate"},
		{"Deep", `{"metadata":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, invalid, "body.metadata", "max depth"},
		{"DataTwice", `{"to":"+12065550199","template_data":{"a":{"code 123456":1,"code 123456":2}}}`, invalid, "body.template_data", "twice"},
		{"DataSyntax", `{"to":"+12065550199","template_data":{"code 123456":[1 2]}}`, invalid, "body.template_data", "at line 1, column 56"},
		{"DataSurrogate", `{"to":"+12065550199","template_data":{"a":"\ud83d123456"}}`, invalid, "body.template_data", "surrogate"},
		{"ByteOrderMark", "\ufeff{}", invalid, "", "at line 1, column 1"},
		{"Literal", `{"to":"+12065550199","body":nul}`, invalid, "body.body", "at line 1, column 32"},
		{"DeepUnknown", `{"a":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`, invalid, "body.a", "no field"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			w := f.call(t, "POST", "/v1/messages", test.body)
			wantProblem(t, w, test.code, test.location, test.detail)
			if strings.Contains(w.Body.String(), "123456") || strings.Contains(w.Body.String(), "5550199") {
				t.Errorf("the answer quotes the request: %s", w.Body)
			}
			if len(f.memory.all(t)) != 0 {
				t.Error("a refused message was stored")
			}
		})
	}
}

func TestAPI_SendRefusesMedia(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	good := `{"to":"` + number + `","body":"a"}`
	for header, location := range map[string]string{
		"Content-Type: application/x-www-form-urlencoded": "header.Content-Type",
		"Content-Type: text/plain":                        "header.Content-Type",
		"Content-Type: ":                                  "header.Content-Type",
		"Content-Type: ;":                                 "header.Content-Type",
		"Content-Type: application/json; charset=latin1":  "header.Content-Type",
		"Content-Encoding: gzip":                          "header.Content-Encoding",
	} {
		wantProblem(t, f.call(t, "POST", "/v1/messages", good, header), courier.CodeUnsupportedMedia, location, "")
	}
	wantProblem(t, f.call(t, "POST", "/v1/messages", "", "Content-Type: application/json"), courier.CodeInvalidRequest, "", "the body is missing")
}

// countingReader counts what is read of an endless body.
type countingReader struct{ read int64 }

func (r *countingReader) Read(into []byte) (int, error) {
	for i := range into {
		into[i] = ' '
	}
	r.read += int64(len(into))
	return len(into), nil
}

func TestAPI_SendRefusesLargeBodies(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *httpapi.Options) { o.MaxBodySize = 1000 })
	for path, limit := range map[string]int64{"/v1/messages": 1000, "/v1/messages/batch": 8000, "/v1/messages/" + idText + "/retry": 1000} {
		for _, length := range []int64{10 << 20, -1} {
			body := &countingReader{}
			r := httptest.NewRequestWithContext(t.Context(), "POST", path, io.LimitReader(body, 10<<20))
			r.ContentLength = length
			r.Host = "localhost"
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			f.api.Admin().ServeHTTP(w, r)
			wantProblem(t, w, courier.CodeRequestTooLarge, "", "api.max_body_size")
			if length > 0 && body.read > 0 || body.read > 2*limit+1024 {
				t.Errorf("%s: %d bytes of a body of length %d were read", path, body.read, length)
			}
		}
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestAPI_SendRefusesBrokenBodies(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for detail, err := range map[string]error{"in time": os.ErrDeadlineExceeded, "whole": io.ErrUnexpectedEOF} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/messages", failingReader{err})
		r.Host = "localhost"
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		f.api.Admin().ServeHTTP(w, r)
		wantProblem(t, w, courier.CodeInvalidRequest, "", detail)
	}
}

func TestAPI_SendIdempotent(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	body := `{"to":"` + number + `","body":"a"}`
	first := f.call(t, "POST", "/v1/messages", body, "Idempotency-Key: k")
	second := f.call(t, "POST", "/v1/messages", body, "Idempotency-Key: k")
	if first.Code != http.StatusAccepted || second.Code != http.StatusAccepted {
		t.Errorf("first %d %s, second %d %s", first.Code, first.Body, second.Code, second.Body)
	}
	wantJSON(t, second.Body.String(), strings.Replace(first.Body.String(), "}", `,"replayed":true}`, 1))
	if contains(first.Body.String(), "replayed") {
		t.Errorf("the first is no replay: %s", first.Body)
	}
	if first.Header().Get("Idempotency-Replayed") != "" || second.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("Idempotency-Replayed: %v, %v", first.Header(), second.Header())
	}
	other := f.call(t, "POST", "/v1/messages", `{"to":"`+number+`","body":"b"}`, "Idempotency-Key: k")
	wantProblem(t, other, courier.CodeIdempotencyConflict, "header.Idempotency-Key", "use a new key")
	wantProblem(t, f.call(t, "POST", "/v1/messages", body, "Idempotency-Key: "), courier.CodeInvalidRequest, "header.Idempotency-Key", "1 to 255")
	if len(f.memory.all(t)) != 1 {
		t.Errorf("%d messages were stored", len(f.memory.all(t)))
	}
}

func TestAPI_SendIdempotencyKeyOfIntake(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	w := f.call(t, "POST", "/v1/messages", `{"to":"`+number+`","body":"a"}`, "Idempotency-Key: a b")
	wantProblem(t, w, courier.CodeInvalidRequest, "header.Idempotency-Key", "no spaces")
}
