package gateway

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/internal/gateway/gatewaytest"
	"courier/internal/jsonnet"
)

// bodyRules judge by the body, as many gateways must be judged.
const bodyRules = `function(res)
  local first = if res.json == null then null else res.json.messages[0];
  if first == null then null
  else if first.status == 0 then { id: [m.id for m in res.json.messages if m.status == 0],
    warning: if std.length([m for m in res.json.messages if m.status != 0]) > 0 then 'a part was not taken' else null }
  else {
    class: std.get(res.errors, '' + first.status), code: first.status, message: first.text,
    retry_after: if std.startsWith(first.text, 'wait ') then std.split(first.text, ' ')[1] else null,
  }`

// TestRequest_Send_Response lets a gateway answer, over each protocol, and looks at what
// its rules make of it.
func TestRequest_Send_Response(t *testing.T) {
	t.Parallel()
	pool := newPool(t, jsonnet.Options{Timeout: patience})
	const rejected, down, retry, unknown = courier.OutcomeRejected, courier.OutcomeGatewayDown, courier.OutcomeRetry, courier.OutcomeUnknown
	cases := map[string]struct {
		source string
		answer gatewaytest.Behavior
		want   courier.Attempt
		// says is a part of the message, or of the warning.
		says string
	}{
		"Accepted":       {bodyRules, answerOf(200, `{"messages":[{"status":0,"id":"a1"}]}`), courier.Attempt{Outcome: courier.OutcomeAccepted, GatewayMessageID: "a1"}, ""},
		"Parts":          {bodyRules, answerOf(200, `{"messages":[{"status":0,"id":"a1"},{"status":0,"id":"a2"}]}`), courier.Attempt{Outcome: courier.OutcomeAccepted, GatewayMessageID: "a1", GatewayMessageIDs: []string{"a1", "a2"}}, ""},
		"PartialSuccess": {bodyRules, answerOf(200, `{"messages":[{"status":0,"id":"a1"},{"status":1}]}`), courier.Attempt{Outcome: courier.OutcomeAccepted, GatewayMessageID: "a1"}, "a part was not taken"},
		"Throttled":      {bodyRules, answerOf(200, `{"messages":[{"status":1,"text":"wait 7 seconds"}]}`), courier.Attempt{Outcome: retry, Class: courier.ClassThrottled, Scope: courier.ScopeMoment, Known: true, Code: "1", RetryAfter: 7 * time.Second}, `answered 200 OK and said: wait 7 seconds`},
		"Barred":         {bodyRules, answerOf(200, `{"messages":[{"status":7,"text":"no to +14155552671"}]}`), courier.Attempt{Outcome: rejected, Class: courier.ClassBarred, Scope: courier.ScopeMessage, Known: true, Code: "7"}, "said: no to •••: it refused this message"},
		"CodeAlone":      {bodyRules, answerOf(400, `{"messages":[{"status":8,"text":"x"}]}`), courier.Attempt{Outcome: rejected, Class: courier.ClassBadRequest, Scope: courier.ScopeMessage, Code: "8"}, "said: x: it refused this message: read the excerpt"},
		"Null":           {bodyRules, answerOf(503, `busy`), courier.Attempt{Outcome: retry, Class: courier.ClassGatewayError, Scope: courier.ScopeMoment}, "answered 503"},
		"ClassOverAWS400": {
			`function(res) { class: res.errors[res.json.__type] }`, answerOf(400, `{"__type":"ThrottlingException"}`),
			courier.Attempt{Outcome: retry, Class: courier.ClassThrottled, Scope: courier.ScopeMoment, Known: true},
			"may pass",
		},
		"OutcomeAlone":    {`function(res) { outcome: 'rejected' }`, answerOf(200, ``), courier.Attempt{Outcome: rejected, Class: courier.ClassUnroutable, Scope: courier.ScopeMessage, Known: true}, "it refused this message"},
		"OutcomeAsStatus": {`function(res) { outcome: 'gateway_down' }`, answerOf(403, ``), courier.Attempt{Outcome: down, Class: courier.ClassUnauthorized, Scope: courier.ScopeGateway, Known: true}, ""},
		"OutcomeAndClass": {`function(res) { outcome: 'retry', class: 'unroutable' }`, answerOf(200, ``), courier.Attempt{Outcome: retry, Class: courier.ClassUnroutable, Scope: courier.ScopeMoment, Known: true}, ""},
		"Unknown":         {`function(res) { outcome: 'unknown', id: 'x9' }`, answerOf(500, ``), courier.Attempt{Outcome: unknown, Class: courier.ClassOutcomeUnknown, Scope: courier.ScopeMoment, Known: true, GatewayMessageID: "x9"}, "took the message"},
		"AcceptedAnyhow":  {`function(res) { outcome: 'accepted', class: 'duplicate', code: 'dup', id: 12345678901 }`, answerOf(409, ``), courier.Attempt{Outcome: courier.OutcomeAccepted, Known: true, Code: "dup", GatewayMessageID: "12345678901"}, ""},
		"DefaultID":       {`function(res) { warning: res.headers['x-warn'] }`, gatewaytest.Behavior{Header: http.Header{"X-Warn": {"slow", "b"}}, Body: []byte(`{"id":98765432109876543210}`)}, courier.Attempt{Outcome: courier.OutcomeAccepted, GatewayMessageID: "98765432109876543210"}, "slow"},
		"InexactNumber":   {`function(res) { id: res.json.id }`, answerOf(200, `{"id":9007199254740993}`), courier.Attempt{Outcome: courier.OutcomeAccepted, GatewayMessageID: "9007199254740993"}, ""},
		"LongNumber":      {`function(res) { id: res.json.id }`, answerOf(200, `{"id":9876543210987654321}`), courier.Attempt{Outcome: courier.OutcomeAccepted, GatewayMessageID: "9876543210987654321"}, ""},
		"BareNumber":      {`function(res) { class: res.errors['' + res.json], code: res.text }`, answerOf(200, "900"), courier.Attempt{Outcome: down, Class: courier.ClassUnauthorized, Scope: courier.ScopeGateway, Known: true, Code: "900"}, ""},
		"Charset":         {`function(res) { class: if res.text == 'Größe' then 'message_too_long' }`, gatewaytest.Behavior{Status: 400, Header: http.Header{"Content-Type": {"text/plain; charset=iso-8859-1"}}, Body: []byte("Gr\xf6\xdfe")}, courier.Attempt{Outcome: rejected, Class: courier.ClassMessageTooLong, Scope: courier.ScopeMessage, Known: true}, ""},
		"DelayInHeader":   {`function(res) { class: 'throttled' }`, gatewaytest.Behavior{Status: 400, RetryAfter: 3 * time.Second}, courier.Attempt{Outcome: retry, Class: courier.ClassThrottled, Scope: courier.ScopeMoment, Known: true, RetryAfter: 3 * time.Second}, ""},
		"Fails":           {`function(res) { class: res.json.fault.class }`, answerOf(200, `{}`), courier.Attempt{Outcome: courier.OutcomeAccepted}, `its answers failed, so the HTTP status decided: evaluate template template.jsonnet: 1:`},
		"FailsOn400":      {`function(res) { class: 'unroutabel' }`, answerOf(400, ``), courier.Attempt{Outcome: rejected, Class: courier.ClassBadRequest, Scope: courier.ScopeMessage}, `did you mean unroutable?`},
		"NoSuchField":     {`function(res) { clas: 'unroutable' }`, answerOf(400, ``), courier.Attempt{Outcome: rejected, Class: courier.ClassBadRequest, Scope: courier.ScopeMessage}, `did you mean class?`},
		"NoObject":        {`function(res) 'unroutable'`, answerOf(400, ``), courier.Attempt{Outcome: rejected, Class: courier.ClassBadRequest, Scope: courier.ScopeMessage}, `template gave a string`},
		"Cut":             {`function(res) { class: 'unroutable' }`, gatewaytest.Behavior{Fault: gatewaytest.FaultHugeBody, HugeSize: maxAnswer + 1}, courier.Attempt{Outcome: courier.OutcomeAccepted}, ""},
		"SecretID":        {`function(res) { id: 'x-s3cret-key', code: 's3cret-key' }`, answerOf(200, `{"id":"ok"}`), courier.Attempt{Outcome: courier.OutcomeAccepted, Code: maskText}, ""},
	}
	eachProtocol(t, func(t *testing.T, protocol gatewaytest.Protocol) {
		t.Helper()
		_, url, client := gatewaytest.StartOver(t, protocol, gatewaytest.Options{BehaviorFunc: func(r *http.Request) gatewaytest.Behavior {
			return cases[strings.TrimPrefix(r.URL.Path, "/")].answer
		}})
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				g := newGateway(t, Options{
					URL: url + "/" + name, TLSConfig: client, Params: map[string]any{"key": "s3cret-key"},
					Response: &Rules{Template: compiledFor(t, pool, "res", c.source), Errors: map[string]any{
						"1": "throttled", "7": "barred", "900": "unauthorized", "ThrottlingException": "throttled",
					}},
				})
				got := send(t, g, loginMessage())
				said := got.Message + got.Warning
				if !strings.Contains(said, c.says) || strings.Contains(said, "4155552671") || c.says == "" && got.Warning != "" {
					t.Errorf("says %q, want %q", said, c.says)
				}
				c.want.Gateway, c.want.HTTPStatus = "sms", max(c.answer.Status, got.HTTPStatus)
				c.want.Message, c.want.Warning, c.want.Excerpt = got.Message, got.Warning, got.Excerpt
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("attempt (-want +got):\n%s", diff)
				}
			})
		}
	})
}

func answerOf(status int, body string) gatewaytest.Behavior {
	return gatewaytest.Behavior{Status: status, Body: []byte(body)}
}

// TestRequest_Send_ResponseFaultsOnce shows that a rule that fails is logged once, without
// anything of the answer.
func TestRequest_Send_ResponseFaultsOnce(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{BehaviorFunc: func(*http.Request) gatewaytest.Behavior {
		return answerOf(400, `{"text":"no to +14155552671"}`)
	}})
	var log bytes.Buffer
	template := compiledFor(t, newPool(t, jsonnet.Options{Timeout: patience}), "res", `function(res) error 'what is ' + res.json.text`)
	g := newGateway(t, Options{
		URL: url + "/", Response: &Rules{Template: template}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	for range 3 {
		if attempt := send(t, g, loginMessage()); attempt.Outcome != courier.OutcomeRejected || !strings.Contains(attempt.Message, "error: what is …") {
			t.Errorf("Send() = %+v", attempt)
		}
	}
	if text := log.String(); strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, "error: what is …") || strings.Contains(text, "5552671") {
		t.Errorf("log %q", text)
	}
	template.Swap(nil)
	_, err := g.Render(t.Context(), loginMessage())
	if failed, ok := errors.AsType[*courier.RenderError](err); !ok || failed.Scope != courier.ScopeGateway || !failed.Temporary {
		t.Errorf("Render() while the rule is not there yet = %v", err)
	}
}
