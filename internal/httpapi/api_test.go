package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/internal/httpapi"
)

const number = "+12065550199"

// fixture is an API over doubles.
type fixture struct {
	api    *httpapi.API
	memory *double
	judge  *judge
	puts   int
}

func newFixture(tb testing.TB, change func(*httpapi.Options)) *fixture {
	tb.Helper()
	f := &fixture{memory: newDouble(), judge: &judge{}}
	options := httpapi.Options{Intake: f.judge, Engine: f.memory, Store: f.memory, NowFunc: now}
	if change != nil {
		change(&options)
	}
	var err error
	if f.api, err = httpapi.New(options); err != nil {
		tb.Fatal(err)
	}
	return f
}

// call makes a request of the admin listener. Headers are "Name: value".
func (f *fixture) call(tb testing.TB, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	tb.Helper()
	return request(tb, f.api.Admin(), method, target, body, headers...)
}

func request(tb testing.TB, handler http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:4478"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Del(name)
		if name == "Host" {
			r.Host = value
		}
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// document returns the OpenAPI document.
func (f *fixture) document(tb testing.TB) []byte {
	tb.Helper()
	w := f.call(tb, "GET", "/openapi.json", "")
	if w.Code != http.StatusOK {
		tb.Fatalf("got %d: %s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// send sends one message and returns its id.
func (f *fixture) send(tb testing.TB) courier.ID {
	tb.Helper()
	w := f.call(tb, "POST", "/v1/messages", `{"to":"`+number+`","body":"Your code is 123456"}`)
	var answer struct{ ID courier.ID }
	if w.Code != http.StatusAccepted {
		tb.Fatalf("got %d: %s", w.Code, w.Body)
	}
	decode(tb, w.Body.String(), &answer)
	return answer.ID
}

func decode(tb testing.TB, text string, into any) {
	tb.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		tb.Fatalf("decode %s: %v", text, err)
	}
}

func wantJSON(tb testing.TB, got, want string) {
	tb.Helper()
	var gotValue, wantValue any
	decode(tb, got, &gotValue)
	decode(tb, want, &wantValue)
	if diff := cmp.Diff(wantValue, gotValue); diff != "" {
		tb.Errorf("JSON (-want +got):\n%s", diff)
	}
}

// problem is what tests look at of a problem document.
type problem struct {
	Type, Title, Detail string
	Status              int
	Code                courier.ErrorCode
	Errors              []struct{ Location, Message string }
}

// wantProblem checks a refusal: its code, the status that the code has, the
// location of the first error and a part of the detail.
func wantProblem(tb testing.TB, w *httptest.ResponseRecorder, code courier.ErrorCode, location, detail string) {
	tb.Helper()
	var p problem
	if kind := w.Header().Get("Content-Type"); kind != "application/problem+json" {
		tb.Fatalf("status %d, content type %q, want a problem document: %s", w.Code, kind, w.Body)
	}
	decode(tb, w.Body.String(), &p)
	if p.Code != code || p.Status != code.HTTPStatus() || w.Code != p.Status || p.Title != http.StatusText(p.Status) || p.Type != "about:blank" {
		tb.Errorf("status %d, %s; want %s\n%s", w.Code, p.Code, code, w.Body)
	}
	got := ""
	if len(p.Errors) > 0 {
		got = p.Errors[0].Location
		if p.Errors[0].Message == "" {
			tb.Error("the error has no message")
		}
	}
	if got != location || !strings.Contains(p.Detail, detail) || p.Detail == "" {
		tb.Errorf("at %q: %s\nwant at %q: …%s…", got, p.Detail, location, detail)
	}
}
