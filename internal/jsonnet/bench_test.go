package jsonnet

import (
	"strconv"
	"testing"
)

// benchTemplates are a template that only places values and one that computes.
func benchTemplates() map[string]string {
	return map[string]string{
		"Place": `function(ctx) {To: ctx.recipient, From: "+15005550006", Body: ctx.body}`,
		"Std":   `function(ctx) {to: std.strReplace(ctx.to, "+", "00"), text: std.trim(ctx.body), n: std.length(ctx.body)}`,
	}
}

// BenchmarkTemplate_Evaluate measures evaluations through the pool, one caller
// at a time and 64 at once.
func BenchmarkTemplate_Evaluate(b *testing.B) {
	for name, source := range benchTemplates() {
		p := newTestPool(b, Options{})
		template := compileTest(b, p, source)
		for _, callers := range []int{1, 64} {
			b.Run(name+strconv.Itoa(callers), func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(callers)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := template.Evaluate(b.Context(), []byte(exampleContext)); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
	}
}

// BenchmarkReference measures go-jsonnet by itself, as Ory Kratos uses it but
// in-process.
func BenchmarkReference(b *testing.B) {
	for name, source := range benchTemplates() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := reference(source, exampleContext); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
