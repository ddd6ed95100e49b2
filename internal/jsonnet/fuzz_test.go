package jsonnet

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzEvaluate compares the pool with plain go-jsonnet on any template and
// document, and looks for message data in errors. go-jsonnet runs in this
// process only after the sandbox showed that the evaluation ends.
func FuzzEvaluate(f *testing.F) {
	for _, source := range []string{
		`function(ctx) {To: ctx.recipient, Body: ctx.body}`, `function(ctx) ctx`, `{a: 1}`, `function(ctx) error ctx.body`,
		`function(ctx) std.trace(ctx.to, std.parseInt(ctx.to))`, `local f(x) = f(x); function(ctx) f(1)`,
		`function(ctx) "%s" % ctx`, `function(ctx) {assert ctx.a, [ctx.b]: 1}`, `function(ctx, x=1) [x, std.thisFile]`,
		`import "x"`, `function(ctx) "a" + ctx.a + 1.5`, "function(ctx) '\\u00e9' + |||\n  x\n|||",
	} {
		f.Add(source, exampleContext)
		f.Add(source, `{"a":"x\u0000","b":-0.0}`)
	}
	f.Add(`function(ctx) ctx`, `{"a":[1e400, "\ud800", {"a":1,"a":2}]}`)
	p := newTestPool(f, Options{Workers: 1, Timeout: time.Second})
	f.Fuzz(func(t *testing.T, source, document string) {
		if len(source) > 300 || len(document) > 3000 {
			return
		}
		value, err := Decode([]byte(document))
		message, ok := value.(map[string]any)
		if err != nil || !ok {
			return
		}
		template, err := p.Compile(t.Context(), "fuzz", []byte(source))
		if err != nil {
			checkRefusal(t, err, source)
			return
		}
		got, err := template.Evaluate(t.Context(), message)
		if beyondLimits(err) || !sameAsCode(document) {
			return
		}
		want, wantErr := reference(source, document)
		if (err == nil) != (wantErr == nil) || (err == nil && !cmp.Equal(want, got)) {
			t.Fatalf("Evaluate() = %#v, %v, want %#v, %v", got, err, want, wantErr)
		}
	})
}

// checkRefusal compares a refusal with the parser of go-jsonnet.
func checkRefusal(t *testing.T, err error, source string) {
	t.Helper()
	var refused *TemplateError
	if !errors.As(err, &refused) || strings.Contains(refused.Message, "imports are not available") {
		return
	}
	if _, parseErr := parseTree(source); parseErr == nil {
		t.Fatalf("Compile() = %v, but the template parses", err)
	}
}

// beyondLimits says whether an evaluation says nothing about go-jsonnet, or met
// a limit that Jsonnet itself does not have.
func beyondLimits(err error) bool {
	var evaluation *TemplateError
	return errors.Is(err, ErrTimeout) || errors.Is(err, ErrCrashed) ||
		(errors.As(err, &evaluation) && strings.HasPrefix(evaluation.Message, "output is larger"))
}

// sameAsCode says whether a document means the same as JSON and as Jsonnet code:
// escaped surrogates and repeated keys do not.
func sameAsCode(document string) bool {
	value, err := Decode([]byte(document))
	if err != nil || !utf8.ValidString(document) || strings.Contains(document, `\u`) {
		return false
	}
	again, err := json.Marshal(value)
	return err == nil && strings.Count(string(again), `":`) == strings.Count(document, `":`)
}
