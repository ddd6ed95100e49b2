package jsonnet

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-jsonnet"
)

// exampleContext is a document as the gateway makes it.
const exampleContext = `{"attempt":1,"body":"Your login code is: 809593\n\n\u2028 \"é😀\" \u0007","expires_in":59.5,"from":"Courier",
	"id":"0199","message_type":"sms","metadata":null,"params":{"key":"k","list":[1,2.5,-0,1e21,-3e-7,true,null,{}]},
	"recipient":"+12065550100","request_headers":{"Accept":["application/json"]},"segments":1,"subject":"",
	"template_data":{"identity":{"traits":{"phone":"+12065550100"}},"login_code":"809593","to":"+12065550100"},
	"template_type":"login_code_valid","to":"+12065550100"}`

// reference evaluates as Ory Kratos does: a fresh machine, the context as code.
func reference(source, document string) (any, error) {
	vm := jsonnet.MakeVM()
	vm.Importer(&jsonnet.MemoryImporter{})
	vm.SetTraceOut(io.Discard)
	vm.TLACode("ctx", document)
	output, err := vm.EvaluateAnonymousSnippet("reference", source)
	if err != nil {
		return nil, err
	}
	return Decode([]byte(output))
}

func TestTemplate_Evaluate(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 2})
	tests := map[string]string{
		"Twilio":            `function(ctx) {To: ctx.recipient, From: "+12065550111", Body: ctx.body}`,
		"WholeContext":      `function(ctx) ctx`,
		"NotAFunction":      `{a: 1, b: [2, "x"]}`,
		"NotAFunctionValue": `"text"`,
		"Number":            `function(ctx) 1e100`,
		"Null":              `function(ctx) null`,
		"EmptyArrays":       `function(ctx) [[], {}, ""]`,
		"DefaultArgument":   `function(ctx, other="x") other + ctx.to`,
		"DefaultContext":    `function(ctx={}) ctx.to`,
		"Local":             `local up = std.asciiUpper; function(ctx) {a: up(ctx.body)}`,
		"ThisFile":          `function(ctx) std.thisFile`,
		"Native":            `function(ctx) std.native("anything")`,
		"Format":            `function(ctx) "%s and %05d" % [ctx.to, ctx.attempt]`,
		"FormatFields":      `function(ctx) "%(to)s" % ctx`,
		"Extend":            `function(ctx) ctx.params {key+: "2", hidden:: 3, me: self.key}`,
		"ObjectHas":         `function(ctx) [std.objectHas(ctx, "to"), "x" in ctx, std.get(ctx, "nothing", "default")]`,
		"Keys":              `function(ctx) std.objectFields(ctx)`,
		"ToString":          `function(ctx) "" + ctx.params + ctx.expires_in + [ctx.metadata]`,
		"ManifestJSON":      `function(ctx) std.manifestJsonEx(ctx, "  ")`,
		"Comprehension":     `function(ctx) [x for x in ctx.params.list if std.isNumber(x)]`,
		"Escapes":           "function(ctx) \"\\u0000\\u001f\\u007f\\u009f\\u2028/\\/\\ud83d\\ude00\"",
		"Unicode":           `function(ctx) [std.length(ctx.body), std.codepoint("😀"), ctx.body[0:3]]`,
		"Assertion":         `function(ctx) {assert std.length(ctx.to) > 3, to: ctx.to}`,
		"Trace":             `function(ctx) std.trace("secret " + ctx.body, ctx.to)`,
		"ParseJSON":         `function(ctx) std.parseJson('{"a": 1}')`,
		"Sha":               `function(ctx) [std.md5(ctx.to), std.sha256(ctx.to), std.base64(ctx.to)]`,
	}
	for name, source := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := reference(source, exampleContext)
			if err != nil {
				t.Fatalf("reference = %v", err)
			}
			template := compileTest(t, p, source)
			for range 2 {
				got, err := template.Evaluate(t.Context(), decodeTest(t, exampleContext))
				if err != nil {
					t.Fatalf("Evaluate() = %v; plan: %t", err, template.plan != nil)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("plan: %t (-want +got):\n%s", template.plan != nil, diff)
				}
				template.plan = nil // once more, in a worker
			}
		})
	}
}

// TestTemplate_Evaluate_noState shows that an evaluation sees nothing of the
// one before, nor of its own failure.
func TestTemplate_Evaluate_noState(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 1})
	template := compileTest(t, p, `local o = {n: 0}; `+sandboxed(`if std.objectHas(ctx, "b") then ctx.b else [o, std.objectFields(ctx)]`))
	for _, step := range []struct{ document, want string }{
		{`{"a":1}`, `[{"n":0},["a"]]`}, {`{"b":"x"}`, `"x"`}, {`{"c":1}`, `[{"n":0},["c"]]`}, {`{}`, `[{"n":0},[]]`},
	} {
		result, err := template.Evaluate(t.Context(), decodeTest(t, step.document))
		if text, _ := json.Marshal(result); err != nil || string(text) != step.want {
			t.Fatalf("Evaluate(%s) = %s, %v, want %s", step.document, text, err, step.want)
		}
	}
}

func TestTemplate_Evaluate_input(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 1, MaxInput: 1 << 20})
	echo := compileTest(t, p, sandboxed(`[ctx.body]`))
	deep := any([]any{})
	for range 5000 {
		deep = []any{deep}
	}
	tests := map[string]struct {
		body    any
		want    string
		message string
	}{
		"InvalidUTF8":      {body: "a\xff\xfeb", want: "a\uFFFD\uFFFDb"},
		"NUL":              {body: "a\x00b", want: "a\x00b"},
		"Markup":           {body: "<a href=\"x\">&\u2028", want: "<a href=\"x\">&\u2028"},
		"Large":            {body: strings.Repeat("é", 300<<10), want: strings.Repeat("é", 300<<10)},
		"Code":             {body: `std.extVar("x")`, want: `std.extVar("x")`},
		"TooLarge":         {body: strings.Repeat("x", 10<<20), message: "ctx is larger than 1048576 bytes"},
		"TooDeep":          {body: deep, message: "max stack frames exceeded"},
		"NumberOutOfRange": {body: json.Number("1e999"), message: "overflow"},
		"NotAValue":        {body: func() {}, message: "ctx is not a JSON document"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, err := echo.Evaluate(t.Context(), map[string]any{"body": test.body})
			checkFailure(t, err, nil, test.message)
			if got, _ := result.([]any); test.message == "" && (len(got) != 1 || got[0] != test.want) {
				t.Errorf("Evaluate() = %.50q, want %.50q", result, test.want)
			}
			mustWork(t, p)
		})
	}
}

// TestTemplate_Reads shows that a template needs no more of the message than it
// reads, with a plan and without.
func TestTemplate_Reads(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 1})
	for _, source := range []string{`function(ctx) ctx.a + ctx["b"].c + std.substr(ctx.a, 0, 0)`, sandboxed(`ctx.a + ctx.b.c`)} {
		template := compileTest(t, p, source)
		if fields, all := template.Reads(); all || !slices.Equal(fields, []string{"a", "b"}) {
			t.Errorf("%s reads %q, all %t", source, fields, all)
		}
		result, err := template.Evaluate(t.Context(), map[string]any{"a": "x", "b": map[string]any{"c": "y"}})
		if err != nil || result != "xy" {
			t.Errorf("Evaluate() = %v, %v", result, err)
		}
	}
	if _, all := compileTest(t, p, `function(ctx) std.length(ctx)`).Reads(); !all {
		t.Error("a template that counts the fields does not read all")
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	got, err := Decode([]byte(` {"a":[1,-0.5,12345678901234567890,1e999,"\ud800\u00e9",null,true,{}]} `))
	want := map[string]any{"a": []any{1.0, -0.5, 12345678901234567890.0, json.Number("1e999"), "\uFFFDé", nil, true, map[string]any{}}}
	if diff := cmp.Diff(any(want), got); err != nil || diff != "" {
		t.Errorf("Decode() = %v\n%s", err, diff)
	}
	for _, text := range []string{"", "{", `{"a":1} {}`, "{}\x00", `{"a": std.length("x")}`, "{\"a\":\"\x00\"}", `import "x"`} {
		if value, err := Decode([]byte(text)); err == nil || strings.Contains(err.Error(), "std") {
			t.Errorf("Decode(%q) = %v, %v", text, value, err)
		}
	}
}
