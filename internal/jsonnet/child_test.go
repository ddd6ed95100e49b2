package jsonnet

import (
	"slices"
	"testing"
)

// TestFieldsRead fixes which fields of ctx a template is given.
func TestFieldsRead(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fields []string
		whole  bool
	}{
		`function(ctx) {a: ctx.a, b: std.length(ctx["b"].c)}`:               {fields: []string{"a", "b"}},
		`function(ctx) [x + ctx.a for x in ctx.b if x != ctx.c]`:            {fields: []string{"b", "c", "a"}},
		`function(ctx) {assert ctx.a, local l = ctx.b, [ctx.c]: ctx.d[1:]}`: {fields: []string{"a", "b", "c", "d"}},
		`function(ctx, x=ctx.a) x`:                                          {fields: []string{"a"}},
		`local f(x) = x.a; function(ctx) f(ctx)`:                            {whole: true},
		`function(ctx) std.objectHas(ctx, "a")`:                             {whole: true},
		`function(ctx) ctx[ctx.a]`:                                          {whole: true},
		`function(ctx) "a" in ctx`:                                          {whole: true},
		`function(ctx) ctx {b: 1}`:                                          {whole: true},
		`function(ctx) local c = ctx; c.a`:                                  {whole: true},
		`function(ctx) {a: self.b, b:: ctx}`:                                {whole: true},
		`function(ctx) {local c = ctx, a: c}`:                               {whole: true},
		`function(ctx) {assert ctx != {}, a: 1}`:                            {whole: true},
		`{a: 1}`:                                                            {},
		`function(message) message`:                                         {},
		`local ctx = {a: 1}; function(x) [ctx.a]`:                           {fields: []string{"a"}},
	}
	for source, test := range tests {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			parsed, refused := parse("ctx", source)
			if refused != nil {
				t.Fatal(refused.Message)
			}
			fields, whole := fieldsRead(parsed.node, "ctx", nil)
			if whole != test.whole {
				t.Fatalf("whole = %t, want %t", whole, test.whole)
			}
			slices.Sort(fields)
			slices.Sort(test.fields)
			if !test.whole && !slices.Equal(slices.Compact(fields), test.fields) {
				t.Errorf("fields = %q, want %q", fields, test.fields)
			}
		})
	}
}
