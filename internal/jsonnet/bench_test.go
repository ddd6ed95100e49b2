package jsonnet

import (
	"strconv"
	"testing"
)

// benchTemplates are a template that only places values, one that computes in
// Go, and one that needs the interpreter.
func benchTemplates() map[string]string {
	return map[string]string{
		"Place":  `function(ctx) {To: ctx.recipient, From: "+12065550111", Body: ctx.body}`,
		"Std":    `function(ctx) {to: ctx.to, body: std.asciiUpper(ctx.body), n: std.length(ctx.body), s: std.strReplace(ctx.from, "o", "0")}`,
		"Worker": sandboxed(`{to: std.strReplace(ctx.to, "+", "00"), text: std.trim(ctx.body), n: std.length(ctx.body)}`),
	}
}

// BenchmarkTemplate_Evaluate measures evaluations through the pool, one caller
// at a time and 64 at once.
func BenchmarkTemplate_Evaluate(b *testing.B) {
	for name, source := range benchTemplates() {
		p := newTestPool(b, Options{})
		template, message := compileTest(b, p, source), decodeTest(b, exampleContext)
		for _, callers := range []int{1, 64} {
			b.Run(name+strconv.Itoa(callers), func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(callers)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := template.Evaluate(b.Context(), message); err != nil {
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
