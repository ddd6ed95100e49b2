package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/internal/jsonnet"
)

// TestGateway_Context compares the ctx of a message that has everything with
// what a template may rely on.
func TestGateway_Context(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := loginMessage()
	m.From, m.Subject, m.SendCount, m.Segments, m.Encoding = "ACME", "Hi", 2, 3, courier.EncodingUCS2
	m.To = "+1 (415) 555-2671"
	m.Body = "q\" b\\ nl\n nul\x00 del\x7f bad\xff ls\u2028 é 😀 </script>"
	m.TemplateData = json.RawMessage(`{"n":1234567890123,"request_url":"http://x/?a=b"}`)
	m.RequestHeaders = json.RawMessage(`{"A":["b"]}`)
	m.Metadata = json.RawMessage(`{"k":[1,null]}`)
	m.ExpiresAt = now.Add(90*time.Second + time.Millisecond)
	g := newGateway(t, Options{
		URL: "http://localhost/", Template: echo(), NowFunc: func() time.Time { return now },
		Params:     map[string]any{"service": "MG1", "deep": map[string]any{"list": []int{1}}},
		ReceiptURL: "https://sms.example.com/receipts/sms/s3cret",
	})
	want := `{
		"from": "ACME", "to": "+1 (415) 555-2671", "recipient": "+1 (415) 555-2671", "subject": "Hi",
		"body": "q\" b\\ nl\n nul\u0000 del\u007f bad\ufffd ls\u2028 é 😀 </script>",
		"template_type": "login_code_valid", "message_type": "sms", "request_url": "http://x/?a=b",
		"template_data": {"n": 1234567890123, "request_url": "http://x/?a=b"},
		"request_headers": {"A": ["b"]}, "metadata": {"k": [1, null]},
		"id": "0190163d-8694-739b-aea5-966c26f8ad91", "attempt": 3, "to_msisdn": "14155552671",
		"encoding": "ucs2", "segments": 3, "expires_in": 90, "expires_at": "2026-01-02T03:05:35Z",
		"receipt_url": "https://sms.example.com/receipts/sms/s3cret", "params": {"service": "MG1", "deep": {"list": [1]}}
	}`
	if diff := cmp.Diff(meaning(t, mediaJSON, want), renderedJSON(t, g, m)); diff != "" {
		t.Error(diff)
	}
}

// TestGateway_ContextOfBareMessage checks what stands for what a message lacks.
func TestGateway_ContextOfBareMessage(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{URL: "http://localhost/", Template: echo()})
	want := `{
		"from": "", "to": "", "recipient": "", "subject": "", "body": "", "template_type": "", "message_type": "sms",
		"request_url": "", "template_data": {}, "request_headers": null, "metadata": {},
		"id": "00000000-0000-0000-0000-000000000000", "attempt": 1, "to_msisdn": "", "encoding": "", "segments": 0,
		"expires_in": null, "expires_at": null, "receipt_url": "", "params": {}
	}`
	if diff := cmp.Diff(meaning(t, mediaJSON, want), renderedJSON(t, g, &courier.Message{})); diff != "" {
		t.Error(diff)
	}
}

func renderedJSON(t *testing.T, g *Gateway, m *courier.Message) any {
	t.Helper()
	request, err := g.Render(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return meaning(t, mediaJSON, string(request.body))
}

func TestRequestURL(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		``: "", `{}`: "", `{"a":"\"request_url\""}`: "", `{"request_url":5}`: "", `{"request_url":null}`: "",
		`["request_url"]`: "", `{"request_url":"http://x"}`: "http://x", `{"a":{"request_url":"http://y"}}`: "",
	} {
		if got := requestURL(json.RawMessage(data)); got != want {
			t.Errorf("requestURL(%s) = %q, want %q", data, got, want)
		}
	}
}

// TestGateway_RenderFaults checks every way in which a request cannot be built.
func TestGateway_RenderFaults(t *testing.T) {
	t.Parallel()
	failing := func(err error) *Template {
		return NewTemplate(evaluatorFunc(func(context.Context, map[string]any) (any, error) { return nil, err }))
	}
	for name, c := range map[string]struct {
		template  *Template
		data      string
		says      string
		temporary bool
		scope     courier.Scope
	}{
		"Timeout":     {failing(fmt.Errorf("evaluate: %w", jsonnet.ErrTimeout)), "", "too long", true, courier.ScopeMoment},
		"Crash":       {failing(jsonnet.ErrCrashed), "", "memory", false, courier.ScopeAmbiguous},
		"Unavailable": {failing(jsonnet.ErrClosed), "", "closed", true, courier.ScopeMoment},
		"Deadline":    {failing(context.DeadlineExceeded), "", "deadline", true, courier.ScopeMoment},
		"NotLoaded":   {&Template{}, "", "not fetched yet", true, courier.ScopeGateway},
		"Evaluation":  {failing(&jsonnet.TemplateError{Template: "t", Line: 3, Column: 7, Message: "field does not exist: nope"}), "", "3:7: field does not exist: nope", false, courier.ScopeAmbiguous},
		"Quoting":     {failing(errors.New("bad value 809593 for 4155552671")), "", "bad value ••• for •••", false, courier.ScopeAmbiguous},
		"NoField":     {failing(&jsonnet.TemplateError{Template: "t", Line: 3, Column: 7, Object: "ctx", Field: "Recipent"}), "", `3:7: ctx has no field "Recipent"; did you mean ctx.recipient?`, false, courier.ScopeGateway},
		"NoData":      {failing(&jsonnet.TemplateError{Object: "ctx.template_data", Field: "code"}), "", `ctx.template_data has no field "code"`, false, courier.ScopeAmbiguous},
		"CodeAsData":  {echo(), `error "evil"`, "template_data is not valid JSON", false, courier.ScopeAmbiguous},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, Options{URL: "http://localhost/", Template: c.template})
			m := loginMessage()
			if c.data != "" {
				m.TemplateData = json.RawMessage(c.data)
			}
			request, err := g.Render(t.Context(), m)
			render, ok := errors.AsType[*courier.RenderError](err)
			if request != nil || !ok || render.Temporary != c.temporary || render.Scope != c.scope || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Render() = %v, %#v", request, err)
			}
		})
	}
	g := newGateway(t, Options{URL: "http://localhost/", Template: failing(fmt.Errorf("x: %w", jsonnet.ErrCanceled))})
	if _, err := g.Render(t.Context(), loginMessage()); !errors.Is(err, courier.ErrTemplateCanceled) {
		t.Errorf("Render() = %v", err)
	}
	if _, err := g.Render(t.Context(), nil); err == nil {
		t.Error("no message was rendered")
	}
}

// TestGateway_RendersApart checks that requests of one gateway share nothing that a caller can change.
func TestGateway_RendersApart(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{URL: "http://localhost/", Template: echo()})
	first, err := g.Render(t.Context(), loginMessage())
	if err != nil {
		t.Fatal(err)
	}
	first.HTTP(t.Context()).Header.Set("Traceparent", "x")
	second, err := g.Render(t.Context(), loginMessage())
	if err != nil {
		t.Fatal(err)
	}
	if second.HTTP(t.Context()).Header.Get("Traceparent") != "" {
		t.Error("a header of one request is in the next")
	}
}

// TestTemplate_Swap replaces a template while it is used.
func TestTemplate_Swap(t *testing.T) {
	t.Parallel()
	template := constant("1")
	g := newGateway(t, Options{URL: "http://localhost/", Template: template})
	var using sync.WaitGroup
	for range 4 {
		using.Go(func() {
			for range 1000 {
				if got, err := g.bodyWith(t.Context(), g.template.evaluator(), loginMessage()); err != nil || len(got) != 1 {
					t.Errorf("bodyWith() = %q, %v", got, err)
				}
			}
		})
	}
	for range 1000 {
		template.Swap(constant("2").evaluator())
	}
	using.Wait()
	if got, err := g.bodyWith(t.Context(), g.template.evaluator(), loginMessage()); err != nil || string(got) != "2" {
		t.Errorf("bodyWith() = %q, %v", got, err)
	}
}

func TestEncodeText(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{URL: "http://localhost/", Template: constant(`"<a>\né</a>"`), Header: map[string]string{"Content-Type": "Text/XML; charset=utf-8"}})
	request, err := g.Render(t.Context(), loginMessage())
	if err != nil {
		t.Fatal(err)
	}
	if got := string(request.body); got != "<a>\né</a>" {
		t.Errorf("body is %q", got)
	}
	for result, says := range map[string]string{`{}`: "an object", `[]`: "an array", `5`: "a number", `true`: "a boolean", `null`: "null"} {
		if _, misfit := encodeBody(bodyText, decoded(t, result)); !strings.Contains(misfit, "template gave "+says) {
			t.Errorf("a text of %s: %q, want %q", result, misfit, says)
		}
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	for media, want := range map[string]bodyKind{
		"application/json": bodyJSON, "APPLICATION/JSON": bodyJSON, " application/json ; charset=utf-8": bodyJSON,
		"application/vnd.api+json": bodyJSON, "application/x-www-form-urlencoded": bodyForm,
		"Application/X-WWW-Form-Urlencoded;charset=UTF-8": bodyForm, "text/plain": bodyText, "application/xml": bodyText,
		"application/jsonp": bodyText, ";": bodyText,
	} {
		if got := kindOf(media); got != want {
			t.Errorf("kindOf(%q) = %d, want %d", media, got, want)
		}
	}
}
