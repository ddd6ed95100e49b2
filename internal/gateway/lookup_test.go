package gateway

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/internal/gateway/gatewaytest"
	"courier/internal/jsonnet"
)

// TestGateway_Lookup asks gateways by our reference, and by recipient and text where they
// keep none, and reads what they answer.
func TestGateway_Lookup(t *testing.T) {
	t.Parallel()
	pool := newPool(t, jsonnet.Options{Timeout: patience})
	const (
		byReference = `function(ctx) { path: '/v1/messages/by ref/' + ctx.id }`
		byText      = `function(ctx) { path: '/list', query: { To: ctx.to, since: ctx.created_at, key: ctx.params.key } }`
		state       = `function(res) if res.status == 404 then null else { status: res.json.state, id: res.json.id, code: std.get(res.json, 'code') }`
		ofTheSame   = `function(res) local same = [m for m in res.json.messages if m.body == res.ctx.body]; if same == [] then null else { id: same[0].sid }`
	)
	m := loginMessage()
	m.CreatedAt = time.Date(2026, 11, 25, 11, 0, 0, 0, time.UTC)
	known := courier.Receipt{Gateway: "sms", MessageID: m.ID, GatewayMessageID: "a1", ReceivedAt: receiptNow()}
	with := func(change func(*courier.Receipt)) *courier.Receipt {
		r := known
		change(&r)
		return &r
	}
	cases := map[string]struct {
		request, response string
		answer            gatewaytest.Behavior
		target            string
		want              *courier.Receipt
		says              string
	}{
		"Delivered": {byReference, state, answerOf(200, `{"state":"delivered","id":"a1"}`), "/v1/messages/by%20ref/" + m.ID.String(), with(func(r *courier.Receipt) { r.Status = courier.StatusDelivered }), ""},
		"Failed":    {byReference, state, answerOf(200, `{"state":"undelivered","id":"a1","code":5}`), "", with(func(r *courier.Receipt) { r.Status, r.Code = courier.StatusUndelivered, "5" }), ""},
		"NotFound":  {byReference, state, answerOf(404, `{}`), "", nil, ""},
		"Taken":     {byText, ofTheSame, answerOf(200, `{"messages":[{"sid":"x","body":"other"},{"sid":"a1","body":"Your login code is: 809593\n\nIt expires in 60 minutes."}]}`), "/list?To=%2B14155552671&key=s3cret-key&since=2026-11-25T11%3A00%3A00Z", with(func(r *courier.Receipt) { r.Status = courier.StatusSent }), ""},
		"NotTaken":  {byText, ofTheSame, answerOf(200, `{"messages":[]}`), "", nil, ""},
		"Refused":   {byText, ofTheSame, answerOf(401, `{"messages":[]}`), "", nil, "it answered 401 Unauthorized"},
		"Away":      {byText, ofTheSame, answerOf(503, ``), "", nil, "it answered 503"},
		"NoJSON":    {byText, ofTheSame, answerOf(200, `busy`), "", nil, "template.jsonnet: 1:"},
		"NoAnswer":  {byText, ofTheSame, gatewaytest.Behavior{Fault: gatewaytest.FaultResetAfterRead}, "", nil, "it "},
		"Huge":      {byText, ofTheSame, gatewaytest.Behavior{Fault: gatewaytest.FaultHugeBody, HugeSize: maxAnswer + 1}, "", nil, "to its end"},
		"Misspelt":  {byText, `function(res) { status: 'deliverd' }`, answerOf(200, `{}`), "", nil, "did you mean delivered?"},
		"OtherHost": {`function(ctx) { path: '//evil.test/' }`, state, answerOf(200, `{}`), "//evil.test/", nil, `no field "id"`},
		"NoPath":    {`function(ctx) { path: '@evil.test/' }`, state, answerOf(200, `{}`), "-", nil, "begin it with /"},
		"Cannot":    {`function(ctx) null`, state, answerOf(200, `{}`), "-", nil, ErrNoLookup.Error()},
		"Posts":     {`function(ctx) { path: '/q', method: 'POST', body: { id: ctx.id, gid: ctx.gateway_message_id } }`, state, answerOf(404, ``), "/q", nil, ""},
	}
	fake, url := gatewaytest.Start(t, gatewaytest.Options{BehaviorFunc: func(r *http.Request) gatewaytest.Behavior {
		return cases[r.Header.Get("X-Case")].answer
	}})
	for name, c := range cases {
		fake.Clear()
		g := newGateway(t, Options{
			URL: url + "/send?k=1", Header: map[string]string{"X-Case": name}, Params: map[string]any{"key": "s3cret-key"}, NowFunc: receiptNow, Auth: BasicAuth{"u1", "p1"},
			Lookup: &Lookup{Request: compiledFor(t, pool, "ctx", c.request), Response: compiledFor(t, pool, "res", c.response)},
		})
		got, found, err := g.Lookup(t.Context(), m)
		if (err == nil) != (c.says == "") || found != (c.want != nil) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: Lookup() = %+v, %t, %v", name, got, found, err)
		}
		if c.want != nil {
			if diff := cmp.Diff(*c.want, got); diff != "" {
				t.Errorf("%s: receipt (-want +got):\n%s", name, diff)
			}
		}
		requests := fake.Requests()
		if (len(requests) == 0) != (c.target == "-") {
			t.Errorf("%s: %d requests", name, len(requests))
			continue
		}
		if c.target == "-" {
			continue
		}
		if c.target != "" && requests[0].Target != c.target || requests[0].Header.Get("Authorization") == "" {
			t.Errorf("%s: request %+v", name, requests[0])
		}
	}
	if _, _, err := newGateway(t, Options{URL: url + "/"}).Lookup(t.Context(), m); !errors.Is(err, ErrNoLookup) {
		t.Errorf("Lookup() without a rule = %v", err)
	}
}

// TestGateway_TryLookup refuses templates that ask for nothing, or understand no answer.
func TestGateway_TryLookup(t *testing.T) {
	t.Parallel()
	pool := newPool(t, jsonnet.Options{Timeout: patience})
	g := newGateway(t, Options{URL: "http://localhost/"})
	const ask, read = `function(ctx) { path: '/m/' + ctx.gateway_message_id }`, `function(res) if std.isObject(res.json) && res.json.to == res.ctx.to then {} else null`
	for _, c := range []struct{ request, response, refused string }{
		{ask, read, ""},
		{`function(ctx) null`, read, ""},
		{`function(ctx) { path: ctx.idd }`, read, "did you mean ctx.id?"},
		{`function(ctx) { path: 'm' }`, read, "begin it with /"},
		{ask, `function(res) { state: res.jason }`, `res has no field "jason"`},
		{ask, `function(res) 'sent'`, "template gave a string"},
	} {
		warnings, err := g.TryLookup(t.Context(), compiledFor(t, pool, "ctx", c.request).evaluator(), compiledFor(t, pool, "res", c.response).evaluator())
		if c.refused != "" {
			wantText(t, err, c.refused)
		} else if err != nil || len(warnings) > 0 {
			t.Errorf("TryLookup(%s, %s) = %q, %v", c.request, c.response, warnings, err)
		}
	}
}
