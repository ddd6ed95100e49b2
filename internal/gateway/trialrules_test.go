package gateway

import (
	"strings"
	"testing"

	"courier/internal/jsonnet"
)

// TestTryRules tries templates of answers and of receipts: those that work for nothing are
// refused, with the reason, those whose look-ups only real data can meet are not.
func TestTryRules(t *testing.T) {
	t.Parallel()
	pool := newPool(t, jsonnet.Options{Timeout: patience})
	g := newGateway(t, Options{URL: "http://localhost/", Response: &Rules{Errors: map[string]any{"1": "throttled"}}})
	r := newReceiver(t, ReceiverOptions{Template: &Template{}})
	for name, c := range map[string]struct{ argument, source, refused, warning string }{
		"Null":            {"res", `function(res) null`, "", ""},
		"StatusAlone":     {"res", `function(res) if res.status == 200 then { id: 1 } else null`, "", ""},
		"WholeAnswer":     {"res", `function(res) { id: res.json.data.id, class: if res.status >= 400 then std.get(res.errors, res.json.code) }`, "", "answers of 200 without a body, and such an answer is judged by its HTTP status"},
		"Alias":           {"res", `function(res) local m = res.json.messages[0]; if m.status == '0' then { id: m.id } else { class: res.errors[m.status] }`, "", "by its HTTP status"},
		"GivenClass":      {"res", `function(res) if res.json == null then null else { class: std.get(res.json, 'class'), code: res.json.class }`, "", "answers of 200 with a number"},
		"ClassOfAnswer":   {"res", `function(res) if std.isObject(res.json) then { code: res.json.code, class: res.json.class }`, "", ""},
		"TextParts":       {"res", `function(res) { code: std.split(res.text, ':')[1] }`, "", ""},
		"TextNumber":      {"res", `function(res) { code: std.parseInt(res.text) }`, "", "without a body"},
		"Raises":          {"res", `function(res) if res.json.ok then null else error 'what?'`, "", "a number"},
		"Misspelt":        {"res", `function(res) { id: res.jsn.id }`, `res has no field "jsn"; did you mean res.json?`, ""},
		"MisspeltClass":   {"res", `function(res) { code: res.text, class: 'throtled' }`, `did you mean throttled?`, ""},
		"MisspeltOutcome": {"res", `function(res) { outcome: 'acepted' }`, `did you mean accepted?`, ""},
		"UnknownField":    {"res", `function(res) { klass: 'throttled' }`, `did you mean class?`, ""},
		"Text":            {"res", `function(res) res.text`, `template gave a string`, ""},
		"FieldOfText":     {"res", `function(res) res.text.code`, `Unexpected type string`, ""},
		"AlwaysRaises":    {"res", `function(res) error 'x'`, `error: x`, ""},
		"Function":        {"res", `function(res) { code: std.sbstr(res.text, 0, 1) }`, `did you mean std.substr?`, ""},
		"Arity":           {"res", `function(res) { code: std.substr(res.text, 0) }`, `missing argument`, ""},

		"Form":           {"req", `function(req) { id: req.form.MessageSid, status: { delivered: 'delivered' }[req.form.MessageStatus] }`, "", ""},
		"List":           {"req", `function(req) [{ id: r.id, status: if r.type == 'x' then 'sent' } for r in req.json]`, "", ""},
		"Deep":           {"req", `function(req) [{ id: r.messageId, status: if r.status.groupId == 3 then 'delivered' } for r in req.json.results]`, "", ""},
		"JSONInForm":     {"req", `function(req) local d = std.parseJson(req.form.data); [{ id: d[0].requestId, status: 'sent' }]`, "", ""},
		"GivenStatus":    {"req", `function(req) { id: req.json.id, status: req.json.status, class: req.json.class }`, "", ""},
		"Claims":         {"req", `function(req) { id: req.claims.id, status: 'sent' }`, "", ""},
		"OtherArgument":  {"req", `function(req) { id: req.body.id, status: 'sent' }`, `req has no field "body"`, ""},
		"WrongStatus":    {"req", `function(req) { id: req.query.id, status: 'delivred' }`, `did you mean delivered?`, ""},
		"NobodysReceipt": {"req", `function(req) { status: 'delivered', code: req.query.id }`, `neither id nor reference`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			try := g.TryResponse
			if c.argument == "req" {
				try = r.Try
			}
			warnings, err := try(t.Context(), compiledFor(t, pool, c.argument, c.source).evaluator())
			if c.refused != "" {
				wantText(t, err, c.refused)
			} else if err != nil {
				t.Errorf("refused: %v", err)
			}
			if said := strings.Join(warnings, "\n"); !strings.Contains(said, c.warning) || c.warning == "" && said != "" {
				t.Errorf("warnings %q, want %q", said, c.warning)
			}
		})
	}
}
