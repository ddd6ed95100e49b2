package jsonnet

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rule is a rule of a gateway's answers or receipts, as the presets write them.
type rule struct{ argument, source, document, want string }

// rules are the kinds of rules that presets have.
func rules() map[string]rule {
	const vonage = `function(res)
  local known(code) = std.get(res.errors, code, {});
  local parts = if std.isObject(res.json) then std.get(res.json, 'messages', []) else [];
  local failed = [p for p in parts if p.status != '0'], taken = [p['message-id'] for p in parts if p.status == '0'];
  local text(p) = std.get(p, 'error-text', '');
  local waits = [
    std.parseInt(std.split(std.split(text(p), 'wait [ ')[1], ' ]')[0])
    for p in failed if std.length(std.findSubstr('wait [ ', text(p))) > 0
  ];
  if std.length(failed) == 0 then { id: taken }
  else if std.length(taken) > 0 then {
    outcome: 'accepted', id: taken, warning: '%d of %d parts refused: %s' % [std.length(failed), std.length(parts), text(failed[0])],
  }
  else local first = failed[0]; {
    code: first.status, class: std.get(known(first.status), 'class'), message: text(first),
    retry_after: if std.length(waits) > 0 then std.ceil(waits[0] / 1000),
  }`
	return map[string]rule{
		"Twilio": {
			"res", `function(res)
  local body = if std.isObject(res.json) then res.json else {};
  local code = if std.get(body, 'code') == null then null else '' + body.code;
  local known = if code == null then {} else std.get(res.errors, code, {});
  { id: std.get(body, 'sid'), code: code, class: std.get(known, 'class'), message: std.get(body, 'message') }`,
			`{"status":400,"headers":{},"text":"","json":{"code":21050,"message":"no","more_info":"x","status":400}}`,
			`{"id":null,"code":"21050","class":"invalid_destination","message":"no"}`,
		},
		"Vonage": {
			"res", vonage,
			`{"status":200,"headers":{},"text":"","json":{"message-count":"3","messages":[
			{"to":"447700900000","message-id":"a1","status":"0"},{"to":"447700900000","message-id":"a2","status":"0"},
			{"status":"1","error-text":"Throughput Rate Exceeded - please wait [ 250 ] and retry"}]}}`,
			`{"outcome":"accepted","id":["a1","a2"],"warning":"1 of 3 parts refused: Throughput Rate Exceeded - please wait [ 250 ] and retry"}`,
		},
		"VonageThrottled": {
			"res", vonage,
			`{"status":200,"json":{"messages":[{"status":"1","error-text":"Throughput Rate Exceeded - please wait [ 250 ] and retry"}]}}`,
			`{"code":"1","class":null,"message":"Throughput Rate Exceeded - please wait [ 250 ] and retry","retry_after":1}`,
		},
		"VonageReceipt": {
			"req", `local states = { delivered: 'delivered', accepted: null, buffered: null, expired: 'expired', failed: 'undelivered', rejected: 'rejected', unknown: 'unknown' };
function(req)
  local given = std.filter(function(source) std.isObject(source) && std.objectHas(source, 'messageId'), [req.json, req.form, req.query]);
  [
    local code = std.get(dlr, 'err-code', '0');
    { id: dlr.messageId, status: std.get(states, std.asciiLower(dlr.status), 'unknown'), code: if code != '0' then code,
      class: std.get(std.get(req.errors, code, {}), 'class'), at: '20' + dlr.scts[0:2] + '-' + dlr.scts[2:4] + '-' + dlr.scts[4:6] + 'T' + dlr.scts[6:8] + ':' + dlr.scts[8:10] + ':00Z' }
    for dlr in given
  ]`,
			`{"method":"POST","query":{},"headers":{},"text":"","json":null,"params":{},
			"form":{"messageId":"a1","status":"failed","err-code":"21050","scts":"2011251620","msisdn":"447700900000"}}`,
			`[{"id":"a1","status":"undelivered","code":"21050","class":"invalid_destination","at":"2020-11-25T16:20:00Z"}]`,
		},
		"FormFieldOfJSON": {
			"req", `function(req) [
  { reference: m.clientId, status: { '1': 'delivered', '2': 'undelivered' }[r.status], code: std.get(r, 'code') }
  for m in std.parseJson(req.form.data) for r in m.report
]`,
			`{"form":{"data":"[{\"clientId\":\"x\",\"report\":[{\"status\":\"1\"},{\"status\":\"2\",\"code\":\"17\"}]}]"}}`,
			`[{"reference":"x","status":"delivered","code":null},{"reference":"x","status":"undelivered","code":"17"}]`,
		},
	}
}

// value is the argument of the rule, with an error table of 100 entries.
func (r rule) value(tb testing.TB) map[string]any {
	tb.Helper()
	value, table := decodeTest(tb, r.document), map[string]any{}
	for code := range 100 {
		table[strconv.Itoa(21000+code)] = map[string]any{"class": "invalid_destination", "status": nil, "means": "The recipient is no number."}
	}
	value["errors"] = table
	return value
}

// TestPool_CompileFunc runs rules over answers and receipts: with their plan, after
// the last child has gone, and in a child.
func TestPool_CompileFunc(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 1})
	for name, rule := range rules() {
		template, err := p.CompileFunc(t.Context(), rule.argument, name, []byte(rule.source))
		if err != nil {
			t.Fatal(err)
		}
		want, err := Decode([]byte(rule.want))
		if err != nil {
			t.Fatal(err)
		}
		if template.plan == nil {
			t.Fatalf("%s has no plan", name)
		}
		if got, ok := template.plan.Run(rule.value(t), 1<<20); !ok || !cmp.Equal(got, want) {
			t.Errorf("%s: Run() = %v, %t, want %v", name, got, ok, want)
		}
		template.plan = nil
		if got, err := template.Evaluate(t.Context(), rule.value(t)); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: Evaluate() = %v, %v, want %v", name, got, err, want)
		}
	}
}

// TestPool_CompileFunc_argument shows that a template is called by the name of its
// argument, and that errors and Reads go by it.
func TestPool_CompileFunc_argument(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 1})
	compile := func(source string) *Template {
		template, err := p.CompileFunc(t.Context(), "res", "answer", []byte(source))
		if err != nil {
			t.Fatal(err)
		}
		return template
	}
	if fields, all := compile(`function(res) [res.status, res.json.id]`).Reads(); all || !slices.Equal(fields, []string{"json", "status"}) {
		t.Errorf("Reads() = %q, %t", fields, all)
	}
	for source, want := range map[string]string{
		`function(ctx) ctx`:      "1:1: the function has no parameter res: this template is a function(res), called by that name",
		`function(res) res.jsn`:  "1:15: Field does not exist: jsn",
		`function(res, x) res`:   "1:1: missing argument: x; a template is called with one argument",
		`function(res) [res.id]`: "1:16: Field does not exist: id",
	} {
		_, err := compile(source).Evaluate(t.Context(), map[string]any{"status": 200.0})
		if fault, ok := errors.AsType[*TemplateError](err); !ok || fmt.Sprintf("%d:%d: %s", fault.Line, fault.Column, fault.Message) != want {
			t.Errorf("%s: error = %v, want %s", source, err, want)
		}
	}
}

// BenchmarkRules measures the rules of answers and receipts: under 20 µs each.
func BenchmarkRules(b *testing.B) {
	p := newTestPool(b, Options{Workers: 1})
	for name, rule := range rules() {
		template, err := p.CompileFunc(b.Context(), rule.argument, name, []byte(rule.source))
		if err != nil {
			b.Fatal(err)
		}
		value := rule.value(b)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := template.Evaluate(b.Context(), value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
