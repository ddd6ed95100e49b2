package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"courier/internal/jsonnet"
)

// TestGateway_Try_Refuses tries templates that work for no message: each is refused
// with its place, what is wrong and, where there is one, the nearest right name.
func TestGateway_Try_Refuses(t *testing.T) {
	t.Parallel()
	pool := newPool(t, jsonnet.Options{Timeout: patience})
	for name, c := range map[string]struct{ media, source, says string }{
		"UnknownFunction":   {mediaJSON, `function(ctx) { To: std.encodeURI(ctx.recipient) }`, `1:21: std has no function "encodeURI"; did you mean`},
		"ExtVar":            {mediaJSON, `std.extVar('ctx')`, `1:1: Undefined external variable: ctx; there are none, what a template works on is its argument ctx`},
		"OtherName":         {mediaJSON, "\nfunction(context) { to: context.to }", `2:1: the function has no parameter ctx`},
		"NoParameter":       {mediaJSON, `function() { to: 1 }`, `1:1: the function has no parameter ctx`},
		"TwoParameters":     {mediaJSON, `function(ctx, x) { to: ctx.to }`, `1:1: missing argument: x`},
		"Misspelt":          {mediaJSON, "function(ctx) {\n  to: ctx.recipent,\n}", `2:7: ctx has no field "recipent"; did you mean ctx.recipient?`},
		"Case":              {mediaJSON, `function(ctx) { to: ctx.To }`, `1:21: ctx has no field "To"; did you mean ctx.to?`},
		"Unknown":           {mediaJSON, `function(ctx) { to: ctx.phone }`, `1:21: ctx has no field "phone"; it has from, to, recipient, body,`},
		"Params":            {mediaJSON, `function(ctx) { to: ctx.params.servce }`, `ctx.params has no field "servce"; did you mean ctx.params.service?`},
		"FunctionCase":      {mediaJSON, `function(ctx) std.strreplace(ctx.to, "+", "00")`, `1:15: std has no function "strreplace"; did you mean std.strReplace?`},
		"Arity":             {mediaJSON, `function(ctx) std.substr(ctx.body, 1)`, `1:15: missing argument: len`},
		"ArityWithData":     {mediaJSON, `function(ctx) [ctx.template_data.code, std.substr(ctx.body, 1)]`, `missing argument: len`},
		"Native":            {mediaJSON, `function(ctx) std.native('x')(ctx.body)`, `1:15: Unexpected type null, expected function`},
		"EmptyForm":         {mediaForm, `function(ctx) {}`, `1:15: template gave an object without any field`},
		"HiddenForm":        {mediaForm, `function(ctx) { To:: ctx.to, Body:: ctx.body }`, `one written with :: is hidden`},
		"HiddenJSON":        {mediaJSON, `function(ctx) { To:: ctx.to, Body:: ctx.body }`, `one written with :: is hidden`},
		"EmptyFields":       {mediaForm, `function(ctx) { To: [] }`, `template gave an object without any field`},
		"TextInForm":        {mediaForm, "function(ctx)\n  ctx.body", `2:3: template gave a string: a form needs an object`},
		"NestedList":        {mediaForm, `function(ctx) { To: [[ctx.to]] }`, `1:15: form field "To[0]" is an array`},
		"NestedObject":      {mediaForm, `function(ctx) { To: { number: ctx.to } }`, `1:15: form field "To" is an object`},
		"ObjectAsText":      {"text/plain", `function(ctx) { to: ctx.to }`, `1:15: template gave an object: the Content-Type header asks for text`},
		"NumberAsText":      {"application/xml", `function(ctx) 1`, `1:15: template gave a number`},
		"FunctionAsResult":  {mediaJSON, `function(ctx) function(x) x`, `couldn't manifest function as JSON`},
		"Error":             {mediaJSON, `function(ctx) error "no sender"`, `1:15: error: no sender`},
		"FieldOfText":       {mediaJSON, `function(ctx) ctx.body.text`, `1:15: Unexpected type string`},
		"CallOfText":        {mediaJSON, `function(ctx) ctx.body()`, `1:15: Unexpected type string, expected function`},
		"Alias":             {mediaJSON, `function(ctx) local c = ctx; c.recipent`, `c has no field "recipent"`},
		"FieldAfterData":    {mediaJSON, `function(ctx) { a: ctx.template_data.code, b: ctx.metadata.tenant.name, c: ctx.Body }`, `ctx has no field "Body"; did you mean ctx.body?`},
		"EndlessRecursion":  {mediaJSON, `local f(x) = 1 + f(x); function(ctx) f(1)`, `max stack frames exceeded`},
		"TypeMismatch":      {mediaJSON, `function(ctx) ctx.to * 2`, `Unexpected type string, expected number`},
		"MissingFormatName": {mediaJSON, `function(ctx) "%(boby)s" % ctx`, `1:15: No such field`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			warnings, err := try(t, pool, c.media, c.source)
			wantText(t, err, c.says)
			if len(warnings) > 0 {
				t.Errorf("warnings %q", warnings)
			}
		})
	}
}

// try tries a template for a Content-Type.
func try(t *testing.T, pool *jsonnet.Pool, media, source string) ([]string, error) {
	t.Helper()
	g := newGateway(t, Options{
		URL: "http://localhost/", Header: map[string]string{"Content-Type": media}, Params: map[string]any{"service": "MG1"},
	})
	template, err := pool.Compile(t.Context(), "sms.jsonnet", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return g.Try(t.Context(), template)
}

// TestGateway_Try_Accepts tries templates that work for some messages, and names
// those for which they do not.
func TestGateway_Try_Accepts(t *testing.T) {
	t.Parallel()
	pool := newPool(t, jsonnet.Options{Timeout: patience})
	const recovery, verification, login, registration = "recovery_code_valid", "verification_code_valid", "login_code_valid", "registration_code_valid"
	for name, c := range map[string]struct {
		media, source string
		// warnings are what each warning says, and not what none does.
		warnings [][]string
		not      string
	}{
		"Plain":        {mediaJSON, `function(ctx) { to: ctx.recipient, body: ctx.body }`, nil, ""},
		"Form":         {mediaForm, `function(ctx) { To: ctx.to, Body: ctx.body, From: ctx.from, n: 1, l: [true, null] }`, nil, ""},
		"Text":         {"text/xml", `function(ctx) "<sms>" + std.escapeStringXML(ctx.body) + "</sms>"`, nil, ""},
		"Constant":     {mediaJSON, `{ a: 1 }`, nil, ""},
		"Default":      {mediaJSON, `function(ctx, x="y") { a: x, b: ctx.to }`, nil, ""},
		"EveryField":   {mediaJSON, `function(ctx) ctx`, nil, ""},
		"Guarded":      {mediaJSON, `function(ctx) { code: std.get(ctx.template_data, "code", "") }`, nil, ""},
		"Data":         {mediaJSON, `function(ctx) { code: ctx.template_data.code }`, [][]string{{"messages without template_data", login, `1:23: ctx.template_data has no field "code"`}}, ""},
		"Nested":       {mediaJSON, `function(ctx) ctx.template_data.order.lines[0].count * 2`, [][]string{{"without template_data", `has no field "order"`}}, ""},
		"LocalData":    {mediaJSON, `function(ctx) local d = ctx.template_data; d.name + d.list[0]`, [][]string{{"without template_data", `d has no field "name"`}}, ""},
		"Metadata":     {mediaJSON, `function(ctx) ctx.metadata.tenant`, [][]string{{"without template_data", `ctx.metadata has no field "tenant"`}}, ""},
		"Headers":      {mediaJSON, `function(ctx) ctx.request_headers["User-Agent"][0]`, [][]string{{"without template_data", "a value of type null has no fields"}}, "template_type"},
		"KratosLogin":  {mediaJSON, `function(ctx) ctx.template_data.login_code`, [][]string{{recovery, verification, registration, "without template_data"}}, login},
		"KratosTypo":   {mediaJSON, `function(ctx) ctx.template_data.login_cod`, [][]string{{"did you mean ctx.template_data.login_code?", login}}, ""},
		"KratosTypes":  {mediaJSON, `function(ctx) { login_code_valid: 1, recovery_code_valid: 2 }[ctx.template_type]`, [][]string{{verification, "without template_data", "Field does not exist"}}, login},
		"KratosTraits": {mediaJSON, `function(ctx) ctx.template_data.identity.traits.name.first`, [][]string{{registration, `has no field "traits"`}, {"without template_data", `has no field "identity"`}}, login},
		"Payload":      {mediaJSON, `function(ctx) if std.objectHas(ctx.template_data, "to") then ctx.template_data.transient_payload.lang else "en"`, nil, ""},
		"EmptyBody":    {mediaJSON, `function(ctx) ctx.body[0]`, [][]string{{"an empty body", "index out of bounds"}}, "template_type"},
		"LongBody":     {mediaJSON, `function(ctx) if std.length(ctx.body) > 1000 then std.sbstr(ctx.body, 0, 9) else ctx.body`, [][]string{{"a long body", `did you mean std.substr?`}}, "template_type"},
		"Cancels":      {mediaJSON, `function(ctx) error "cancel"`, [][]string{{"cancels every message"}}, ""},
		"CancelsSome":  {mediaJSON, `function(ctx) if ctx.template_type == "" then error "cancel" else ctx.body`, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			warnings, err := try(t, pool, c.media, c.source)
			// Many of these templates are about one field of ctx alone.
			warnings = slices.DeleteFunc(warnings, func(warning string) bool { return strings.Contains(warning, sameForAll) })
			if err != nil || len(warnings) != len(c.warnings) {
				t.Fatalf("Try() = %d warnings, %v, want %d:\n%s", len(warnings), err, len(c.warnings), strings.Join(warnings, "\n"))
			}
			for i, warning := range warnings {
				for _, says := range c.warnings[i] {
					if !strings.Contains(warning, says) {
						t.Errorf("warning %q lacks %q", warning, says)
					}
				}
				if c.not != "" && strings.Contains(warning, c.not) {
					t.Errorf("warning %q says %q", warning, c.not)
				}
			}
		})
	}
}

// sameForAll is in the warning of a template that uses neither recipient nor text.
const sameForAll = "the same for every recipient and every text"

// TestGateway_Try_SameForAll warns of templates that forget recipient and text.
func TestGateway_Try_SameForAll(t *testing.T) {
	t.Parallel()
	pool := newPool(t, jsonnet.Options{Timeout: patience})
	for source, want := range map[string]bool{
		`{ to: "+12065550100" }`:                                      true,
		`function(ctx) { from: ctx.from, type: ctx.template_type }`:   true,
		`function(ctx) { to:: ctx.to, body:: ctx.body, n: 1 }`:        true,
		`function(ctx) { code: ctx.template_data.login_code }`:        true,
		`function(ctx) { to: ctx.to }`:                                false,
		`function(ctx) { text: std.base64(ctx.body) }`:                false,
		`function(ctx) { to: std.md5(ctx.recipient), x: ctx.params }`: false,
		`function(ctx) error "cancel"`:                                false,
	} {
		warnings, err := try(t, pool, mediaJSON, source)
		if got := strings.Contains(strings.Join(warnings, "\n"), sameForAll); err != nil || got != want {
			t.Errorf("Try(%s) = %q, %v, want the warning: %t", source, warnings, err, want)
		}
	}
}

// TestGateway_Try_Stops shows that a template that hangs is soon refused, and that
// one that cannot be tried is not taken for a bad one.
func TestGateway_Try_Stops(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{URL: "http://localhost/"})
	calls := 0
	failing := func(err error) Evaluator {
		return evaluatorFunc(func(context.Context, map[string]any) (any, error) {
			calls++
			return nil, err
		})
	}
	for _, want := range []error{jsonnet.ErrTimeout, jsonnet.ErrUnavailable} {
		calls = 0
		if _, err := g.Try(t.Context(), failing(want)); !errors.Is(err, want) || calls > 2 {
			t.Errorf("Try() = %v after %d evaluations, want %v", err, calls, want)
		}
	}
	pool := newPool(t, jsonnet.Options{Timeout: 100 * time.Millisecond})
	warnings, err := try(t, pool, mediaJSON, `function(ctx) if std.length(ctx.body) > 1000 then std.foldl(function(a, i) a + std.length(std.range(1, i)), std.range(1, 100000), 0) else ctx.body`)
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "a long body") {
		t.Errorf("Try() = %q, %v", warnings, err)
	}
	traced := newGateway(t, Options{URL: "http://localhost/", Method: "TRACE"})
	if _, err := traced.Try(t.Context(), failing(jsonnet.ErrTimeout)); err != nil {
		t.Errorf("Try() for TRACE = %v", err)
	}
}
