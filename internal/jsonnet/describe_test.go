package jsonnet

import (
	"errors"
	"strings"
	"testing"
)

// TestTemplate_Evaluate_errors fixes the text of errors. Every value of the
// document contains the word leak, which no error may show.
func TestTemplate_Evaluate_errors(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 2})
	const document = `{"to":"leak+1415","body":"leak 809593","n":424242.5,"obj":{"leak":1},"list":["leak"],"nothing":null,"key":"leakfield"}`
	tests := map[string]struct{ source, want string }{
		"Missing":          {"function(ctx) {\n  a: ctx.phone}", "2:6: Field does not exist: phone"},
		"MissingDynamic":   {`function(ctx) ctx[ctx.key]`, "1:15: Field does not exist"},
		"OfNull":           {`function(ctx) ctx.nothing.x`, "1:15: a value of type null has no fields"},
		"ErrorBody":        {`function(ctx) error ctx.body`, "1:15: error: …"},
		"ErrorLiteral":     {`function(ctx) error "no such country"`, "1:15: error: no such country"},
		"ErrorMixed":       {`function(ctx) error "bad number " + ctx.to + "!"`, "1:15: error: bad number …!"},
		"ErrorFormat":      {`function(ctx) error "bad %s" % ctx.to`, "1:15: error: bad %s"},
		"ErrorLocal":       {`local m = "literal"; function(ctx) error m`, "1:36: error: …"},
		"ErrorObject":      {`function(ctx) error ctx.obj`, "1:15: error: …"},
		"Assert":           {`function(ctx) assert ctx.to == "" : "to is " + ctx.to; 1`, "1:15: error: to is …"},
		"AssertPlain":      {`function(ctx) assert ctx.to == ""; 1`, "1:15: error: Assertion failed"},
		"ObjectAssert":     {`function(ctx) {assert self.a == 2 : "a is " + ctx.to, a: 1}`, "1:16: error: a is …"},
		"Type":             {`function(ctx) ctx.to - 1`, "1:15: Unexpected type string, expected number"},
		"IndexNumber":      {`function(ctx) ctx.list[ctx.n]`, "1:15: index out of bounds"},
		"ParseInt":         {`function(ctx) std.parseInt(ctx.body)`, "1:15: std.parseInt failed " + withheld},
		"ParseJSON":        {`function(ctx) std.parseJson(ctx.body)`, "1:15: std.parseJson failed " + withheld},
		"Codepoint":        {`function(ctx) std.codepoint(ctx.body)`, "1:15: std.codepoint failed " + withheld},
		"AssertEqual":      {`function(ctx) std.assertEqual(ctx.to, "x")`, "1:15: std.assertEqual failed " + withheld},
		"ExtVar":           {`function(ctx) std.extVar("leak" + ctx.to)`, "1:15: Undefined external variable; there are none, what a template works on is its argument ctx"},
		"ExtVarLiteral":    {`function(ctx) std.extVar("HOME")`, "1:15: Undefined external variable: HOME; there are none, what a template works on is its argument ctx"},
		"Native":           {`function(ctx) std.native("x")(ctx.to)`, "1:15: Unexpected type null, expected function"},
		"WrongArgument":    {`function(message) message`, "1:1: the function has no parameter ctx: this template is a function(ctx), called by that name"},
		"SecondArgument":   {`function(ctx, other) ctx`, "1:1: missing argument: other; a template is called with one argument"},
		"FunctionResult":   {`function(ctx) function(x) x`, "1:1: couldn't manifest function as JSON"},
		"DuplicateDynamic": {`function(ctx) {[ctx.to]: 1, [ctx.to]: 2}`, "1:15: Duplicate field name"},
		"FieldNameType":    {`function(ctx) {[ctx.n]: 1}`, "1:15: Field name must be string, got number"},
		"MissingPath":      {`function(ctx) {a: 1, b: "x" + ctx.obj.code}`, "1:31: Field does not exist: code"},
		"MissingFunction":  {`function(ctx) {a: std.strreplace(ctx.to, "a", "b")}`, `1:19: std has no function "strreplace"; did you mean std.strReplace?`},
		"MissingNothing":   {`function(ctx) std.qqqqqqqqqqqqq`, `1:15: std has no function "qqqqqqqqqqqqq"`},
		"Arity":            {`function(ctx) std.substr(ctx.body, 1)`, "1:15: missing argument: len"},
		"ArityOver":        {`function(ctx) std.length(ctx.body, 1)`, "1:15: function expected 1 positional argument(s), but got 2"},
		"NoParameter":      {`local a = 1; function() a`, "1:14: the function has no parameter ctx: this template is a function(ctx), called by that name"},
		"FormatType":       {`function(ctx) "%d" % ctx.body`, "1:15: Format required number at 0, got string"},
		"FormatField":      {`function(ctx) "%(x)s" % ctx`, "1:15: No such field"},
		"Division":         {`function(ctx) 1 / 0`, "1:15: division by zero"},
		"Overflow":         {`function(ctx) 1e308 * 10`, "1:15: overflow"},
		"Trace":            {`function(ctx) std.trace(ctx.n, 1)`, "1:15: Unexpected type number, expected string"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compileTest(t, p, test.source).Evaluate(t.Context(), decodeTest(t, document))
			if _, ok := errors.AsType[*TemplateError](err); !ok {
				t.Fatalf("error = %v, want a TemplateError", err)
			}
			if want := "evaluate template test.jsonnet: " + test.want; err.Error() != want {
				t.Errorf("error = %q, want %q", err, want)
			}
			for _, secret := range []string{"leak", "809593", "1415", "424242"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("error %q shows message data %q", err, secret)
				}
			}
		})
	}
}

// TestTemplate_Evaluate_missing fixes what is said of a field that is not there
// in addition to the text.
func TestTemplate_Evaluate_missing(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 1})
	for source, want := range map[string]TemplateError{
		`function(ctx) ctx.a.b`:                       {Line: 1, Column: 15, Object: "ctx.a", Field: "b"},
		`function(ctx) [1, ctx.q]`:                    {Line: 1, Column: 19, Object: "ctx", Field: "q"},
		`local of(c) = c.q; function(ctx) of(ctx.a)`:  {Line: 1, Column: 15, Object: "c", Field: "q"},
		`function(ctx) std.toUpper(ctx.a)`:            {Line: 1, Column: 15, Object: "std", Field: "toUpper"},
		`function(ctx) (ctx.a + {}).q`:                {Line: 1, Column: 15, Field: "q"},
		`function(ctx) ctx.a["q" + "r"]`:              {Line: 1, Column: 15},
		`function(ctx) if ctx.a == {} then error "x"`: {Line: 1, Column: 35},
	} {
		_, err := compileTest(t, p, source).Evaluate(t.Context(), map[string]any{"a": map[string]any{}})
		got, ok := errors.AsType[*TemplateError](err)
		if !ok || got.Line != want.Line || got.Column != want.Column || got.Object != want.Object || got.Field != want.Field {
			t.Errorf("%s: %+v, want %+v", source, got, want)
		}
	}
}

// TestTemplate_Warnings finds what is wrong in a branch that a message need not take.
func TestTemplate_Warnings(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 1})
	warnings := compileTest(t, p, "function(ctx)\n  if ctx.a then std.length(ctx.b) else std.lenght(ctx.b)").Warnings()
	const want = `evaluate template test.jsonnet: 2:40: std has no function "lenght"; did you mean std.length?`
	if len(warnings) != 1 || warnings[0].Error() != want {
		t.Errorf("Warnings() = %v, want %s", warnings, want)
	}
	if warnings := compileTest(t, p, `function(ctx) "%s" % std.trim(ctx.a)[0:2] + ("x" in ctx) + [x for x in ctx.l]`).Warnings(); len(warnings) > 0 {
		t.Errorf("Warnings() of a good template = %v", warnings)
	}
}

// TestTemplate_Misfit finds where a template writes its result.
func TestTemplate_Misfit(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 1})
	const want = "evaluate template test.jsonnet: 3:3: no good"
	if err := compileTest(t, p, "local a = 1;\nfunction(ctx)\n  a").Misfit("no good"); err.Error() != want {
		t.Errorf("Misfit() = %v, want %s", err, want)
	}
}

func TestTemplate_Evaluate_cancel(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 1})
	tests := map[string]struct {
		source string
		want   bool
	}{
		"Cancel":         {`function(ctx) error "cancel"`, true},
		"InBranch":       {`function(ctx) {a: if ctx.to == "" then error "cancel" else 1}`, true},
		"KratosPrefix":   {`function(ctx) error "cancelled by the template"`, true},
		"Assertion":      {`function(ctx) assert ctx.to != "" : "cancel"; 1`, true},
		"OtherError":     {`function(ctx) error "please cancel"`, false},
		"UpperCase":      {`function(ctx) error "Cancel"`, false},
		"NotEvaluated":   {`function(ctx) {a: 1, b:: error "cancel"}`, false},
		"ResultOfCancel": {`function(ctx) "cancel"`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compileTest(t, p, test.source).Evaluate(t.Context(), map[string]any{"to": ""})
			if got := errors.Is(err, ErrCanceled); got != test.want {
				t.Errorf("error = %v, canceled %t, want %t", err, got, test.want)
			}
		})
	}
}

func TestPool_Compile_errors(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 2})
	tests := map[string]struct{ source, want string }{
		"Empty":           {"", "1:1: Unexpected end of file"},
		"Syntax":          {"function(ctx) {\n  a: ctx.to\n  b: 1}", "3:3: Expected a comma before next field"},
		"UnknownVariable": {`function(ctx) {a: ctz.to}`, "1:19: Unknown variable: ctz"},
		"Import":          {`function(ctx) import "a.libsonnet"`, `1:15: import "a.libsonnet": imports are not available`},
		"ImportStr":       {`function(ctx) importstr "/etc/passwd"`, `1:15: importstr "/etc/passwd": imports`},
		"ImportBin":       {`function(ctx) {a: [importbin "x"]}`, `1:20: importbin "x": imports`},
		"ImportInLocal":   {`local x = import "x"; function(ctx) 1`, `1:11: import "x"`},
		"ImportInDefault": {`function(ctx, y=import "x") 1`, `1:17: import "x"`},
		"ImportInAssert":  {`function(ctx) {assert import "x"}`, `1:23: import "x"`},
		"ImportInFormat":  {`function(ctx) ["%s" % (import "x") for i in []]`, `import "x"`},
		"BadEscape":       {`function(ctx) "\q"`, "1:15: Unknown escape sequence"},
		"NUL":             {"function(ctx) \x00", "Could not lex the character"},
		"InvalidUTF8":     {"function(ctx) \xff\xfe", "Could not lex the character"},
		"Self":            {`function(ctx) self`, "1:15: Can't use self outside of an object."},
		"LongToken":       {`function(ctx) ` + strings.Repeat("x", 5000), "…"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := p.Compile(t.Context(), "sms.jsonnet", []byte(test.source))
			var refused *TemplateError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("Compile() = %v, want %q", err, test.want)
			}
			if len(err.Error()) > 500 || !strings.HasPrefix(err.Error(), "compile template sms.jsonnet: ") {
				t.Errorf("error = %q", err)
			}
		})
	}
	t.Run("TooLarge", func(t *testing.T) {
		t.Parallel()
		_, err := p.Compile(t.Context(), "sms", []byte(strings.Repeat(" ", 256<<10+1)))
		var refused *TemplateError
		if !errors.As(err, &refused) || refused.Message != "template is larger than 262144 bytes" {
			t.Errorf("Compile() = %v", err)
		}
	})
}
