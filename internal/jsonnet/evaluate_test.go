package jsonnet

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/google/go-jsonnet"
)

// exampleContext is a document as the gateway makes it.
const exampleContext = `{"attempt":1,"body":"Your login code is: 809593\n\n\u2028 \"é😀\" \u0007","expires_in":59.5,"from":"Courier",
	"id":"0199","message_type":"sms","metadata":null,"params":{"key":"k","list":[1,2.5,-0,1e21,-3e-7,true,null,{}]},
	"recipient":"+14155552671","request_headers":{"Accept":["application/json"]},"segments":1,"subject":"",
	"template_data":{"identity":{"traits":{"phone":"+14155552671"}},"login_code":"809593","to":"+14155552671"},
	"template_type":"login_code_valid","to":"+14155552671"}`

// reference evaluates as Ory Kratos does: a fresh machine, the context as code.
func reference(source, document string) (string, error) {
	vm := jsonnet.MakeVM()
	vm.Importer(refusingImporter{})
	vm.SetTraceOut(io.Discard)
	vm.TLACode(contextName, document)
	return vm.EvaluateAnonymousSnippet("reference", source)
}

func TestTemplate_Evaluate(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 2})
	tests := map[string]string{
		"Twilio":            `function(ctx) {To: ctx.recipient, From: "+15005550006", Body: ctx.body}`,
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
				got, err := template.Evaluate(t.Context(), []byte(exampleContext))
				if err != nil || string(got) != want {
					t.Fatalf("Evaluate() = %q, %v, want %q; plan: %t", got, err, want, template.plan != nil)
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
		output, err := template.Evaluate(t.Context(), []byte(step.document))
		if err != nil || compact(t, output) != step.want {
			t.Fatalf("Evaluate(%s) = %s, %v, want %s", step.document, output, err, step.want)
		}
	}
}

func compact(t *testing.T, document []byte) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(document, &value); err != nil {
		t.Fatalf("output %q is not JSON: %v", document, err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTemplate_Evaluate_input(t *testing.T) {
	t.Parallel()
	p := newTestPool(t, Options{Workers: 1, MaxInput: 1 << 20})
	echo := compileTest(t, p, sandboxed(`if std.isObject(ctx) then ctx.body else ctx`))
	tests := map[string]struct{ document, want, message string }{
		"InvalidUTF8":      {document: "{\"body\":\"a\xff\xfeb\"}", want: "\"a\uFFFD\uFFFDb\"\n"},
		"LoneSurrogate":    {document: `{"body":"\ud800"}`, want: "\"\uFFFD\"\n"},
		"EscapedNUL":       {document: `{"body":"a\u0000b"}`, want: "\"a\\u0000b\"\n"},
		"LargeBody":        {document: `{"body":"` + strings.Repeat("é", 300<<10) + `"}`, want: `"` + strings.Repeat("é", 300<<10) + "\"\n"},
		"RawNUL":           {document: "{\"body\":\"a\x00b\"}", message: "ctx is not a JSON document"},
		"TrailingNUL":      {document: "{}\x00", message: "ctx is not a JSON document"},
		"Empty":            {document: "", message: "ctx is not a JSON document"},
		"Code":             {document: `{"body": std.length("x")}`, message: "ctx is not a JSON document"},
		"Import":           {document: `import "/etc/passwd"`, message: "ctx is not a JSON document"},
		"TwoDocuments":     {document: `{"body":1} {"body":2}`, message: "ctx is not a JSON document"},
		"TooLarge":         {document: `{"body":"` + strings.Repeat("x", 10<<20) + `"}`, message: "ctx is larger than 1048576 bytes"},
		"TooDeep":          {document: strings.Repeat("[", 5000) + strings.Repeat("]", 5000), message: "max stack frames exceeded"},
		"NumberOutOfRange": {document: `{"body":1e999}`, message: "overflow"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			output, err := echo.Evaluate(t.Context(), []byte(test.document))
			checkFailure(t, err, nil, test.message)
			if string(output) != test.want {
				t.Errorf("Evaluate() = %q, want %q", clip(string(output), 50), clip(test.want, 50))
			}
			mustWork(t, p)
		})
	}
}
