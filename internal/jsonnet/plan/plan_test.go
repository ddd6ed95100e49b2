package plan

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-jsonnet"
	"pgregory.net/rapid"
)

// exampleContext is a message as the gateway makes it.
const exampleContext = `{"attempt":1,"body":"Your login code is: 809593\n\n\u2028 \"é😀\" \u0007","expires_in":59.5,"from":"Courier",
	"id":"0199","message_type":"sms","metadata":null,"params":{"key":"k","list":[1,2.5,-0,1e21,-3e-7,true,null,{}]},
	"recipient":"+12065550100","template_data":{"login_code":"809593"},"to":"+12065550100"}`

// maxOutput is the limit of the tests.
const maxOutput = 1 << 20

// TestOf fixes which templates are compiled to Go, and that they then give
// what go-jsonnet gives.
func TestOf(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		source string
		want   bool
	}{
		"Twilio":        {`function(ctx) {To: ctx.recipient, From: "+15005550006", Body: ctx.body}`, true},
		"WholeContext":  {`function(ctx) ctx`, true},
		"Nested":        {`function(ctx) {b: [{z: ctx["to"], 'é"\n': ctx.params}, [], {}, true, null], a:: 1}`, false},
		"NestedVisible": {`function(ctx) {b: [{z: ctx["to"], 'é"\n': ctx.params}, [], {}, true, null], a::: 1}`, true},
		"Numbers":       {`function(ctx) [0, 1e21, 1.5, 1e-7, 123456789012345678, 0.1, 1e300]`, true},
		"Concat":        {`function(ctx) "+" + ctx.to + " " + ctx.attempt + true + null + ctx.metadata`, true},
		"ConcatParens":  {`function(ctx) ctx.to + ("a" + (1.5 + "b"))`, true},
		"LongConcat":    {`function(ctx) "x"` + strings.Repeat(` + ctx.to`, 200), true},
		"TextBlock":     {"function(ctx) |||\n  Hi\n    there\n|||", true},
		"Verbatim":      {`function(ctx) @"a\b" + @'c''d'`, true},
		"Parens":        {`function(ctx) ({a: (ctx.to)})`, true},
		"Computed":      {`function(ctx) {[ctx.to]: 1}`, true},
		"Std":           {`function(ctx) std.length(ctx)`, true},
		"Local":         {`function(ctx) local a = ctx.to; a`, true},
		"Condition":     {`function(ctx) if true then 1 else 2`, true},
		"Negative":      {`function(ctx) -1`, true},
		"Index":         {`function(ctx) ctx.params.list[0]`, true},
		"Default":       {`function(ctx={}) ctx`, false},
		"OtherName":     {`function(message) message`, false},
		"Extend":        {`function(ctx) ctx {a: 1}`, true},
		"ObjectText":    {`function(ctx) "a" + {}`, false},
		"Self":          {`function(ctx) {a: 1, b: self.a}`, false},
		"Dollar":        {`function(ctx) {a: 1, b: $.a}`, false},
		"PlusField":     {`function(ctx) {a+: 1}`, false},
		"Assertion":     {`function(ctx) {assert true, a: 1}`, false},
		"ObjectLocal":   {`function(ctx) {local a = 1, b: 2}`, false},
		"Duplicate":     {`function(ctx) {["a"]: 1, ["a"]: 2}`, false},
		"Overflow":      {`function(ctx) 1e999`, false},
		"Constant":      {`{a: 1}`, false},
		"TooDeep":       {`function(ctx) ` + strings.Repeat("[", 120) + strings.Repeat("]", 120), false},
		"TooMany":       {`function(ctx) [` + strings.Repeat("1,", maxNodes) + `]`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value, planned := runPlan(t, test.source, exampleContext)
			if planned != test.want {
				t.Fatalf("planned = %t, want %t", planned, test.want)
			}
			if planned {
				checkPlanned(t, test.source, exampleContext, value)
			}
		})
	}
}

// runPlan parses, plans, sends the plan over the wire and runs it.
func runPlan(tb rapid.TB, source, document string) (any, bool) {
	tb.Helper()
	node, err := jsonnet.SnippetToAST("", source)
	if err != nil {
		return nil, false
	}
	made := Of(node, "ctx")
	if made == nil {
		return nil, false
	}
	wire, err := json.Marshal(made)
	if err != nil {
		tb.Fatalf("encode plan of %q: %v", source, err)
	}
	got := &Plan{}
	if err := json.Unmarshal(wire, got); err != nil || !got.Prepare() {
		tb.Fatalf("plan of %q does not survive the wire: %v", source, err)
	}
	value, err := Decode([]byte(document))
	message, ok := value.(map[string]any)
	if err != nil || !ok {
		tb.Fatalf("decode %q: %v", document, err)
	}
	return got.Run(message, maxOutput)
}

// checkPlanned compares the value of a plan with that of the interpreter, whose
// stack is as small as one may be for which plans are made.
func checkPlanned(tb rapid.TB, source, document string, got any) {
	tb.Helper()
	vm := jsonnet.MakeVM()
	vm.MaxStack = LeastStack
	vm.SetTraceOut(io.Discard)
	vm.TLACode("ctx", document)
	output, err := vm.EvaluateAnonymousSnippet("", source)
	if err != nil {
		tb.Fatalf("%s of %s: the plan gives %v, the interpreter %v", source, document, got, err)
	}
	want, err := Decode([]byte(output))
	if err != nil {
		tb.Fatalf("decode %q: %v", output, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Fatalf("%s of %s (-interpreter +plan):\n%s", source, document, diff)
	}
}

// TestPlan_Run fixes what a plan leaves to the interpreter.
func TestPlan_Run(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	tests := map[string]struct {
		source, document string
		want             bool
	}{
		"Placed":          {`function(ctx) ctx.a`, `{"a":1}`, true},
		"Missing":         {`function(ctx) ctx.b`, `{"a":1}`, false},
		"OfNull":          {`function(ctx) ctx.a.b`, `{"a":null}`, false},
		"OfString":        {`function(ctx) ctx.a.b`, `{"a":"x"}`, false},
		"Overflow":        {`function(ctx) ctx.a`, `{"a":1e999}`, false},
		"UnusedOverflow":  {`function(ctx) ctx.b`, `{"a":1e999,"b":1}`, true},
		"SumOfNumbers":    {`function(ctx) ctx.a + ctx.a`, `{"a":1}`, true},
		"SumThenText":     {`function(ctx) ctx.a + ctx.a + "x"`, `{"a":1}`, true},
		"TextThenNumbers": {`function(ctx) "x" + ctx.a + ctx.a`, `{"a":1}`, true},
		"TextAndObject":   {`function(ctx) "x" + ctx.a`, `{"a":{}}`, false},
		"Shallow":         {`function(ctx) ctx.a`, deep(20), true},
		"Deep":            {`function(ctx) ctx.a`, deep(40), false},
		"Large":           {`function(ctx) ctx.a + ctx.a`, `{"a":"` + strings.Repeat("x", maxOutput/2) + `"}`, false},
		"LargeEnough":     {`function(ctx) ctx.a`, `{"a":"` + strings.Repeat("x", maxOutput/spelledSize-elementSize) + `"}`, true},
		"OverflowInside":  {`function(ctx) [ctx.a]`, `{"a":[{"b":1e999}]}`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value, ok := runPlan(t, test.source, test.document)
			if ok != test.want {
				t.Fatalf("Run() = %.100q, %t, want %t", value, ok, test.want)
			}
			if ok {
				checkPlanned(t, test.source, strings.Replace(test.document, "1e999", "1", 1), value)
			}
		})
	}
}

// TestPlan_differential compares plans with the interpreter on random templates
// and documents.
func TestPlan_differential(t *testing.T) {
	t.Parallel()
	rapid.Check(t, checkPlan)
}

// FuzzPlan is TestPlan_differential driven by coverage.
func FuzzPlan(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(checkPlan))
}

// checkPlan compares one plan with the interpreter .
func checkPlan(t *rapid.T) {
	document, err := json.Marshal(rapid.MapOfN(names(), documents(3), 0, 4).Draw(t, "document"))
	if err != nil {
		t.Fatal(err)
	}
	source := "function(ctx) " + expressions(4).Draw(t, "template")
	if value, ok := runPlan(t, source, string(document)); ok {
		checkPlanned(t, source, string(document), value)
	}
}

// names are the field names of random documents and templates.
func names() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom([]string{"a", "b", "to", "é"}), rapid.StringN(0, 3, -1))
}

// documents are random values, objects most of the time.
func documents(depth int) *rapid.Generator[any] {
	scalars := rapid.OneOf(
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Float64().AsAny(), rapid.Int32().AsAny(),
		rapid.Float64Range(-10, 10).AsAny(), rapid.String().AsAny(),
	)
	if depth == 0 {
		return scalars
	}
	objects := rapid.Custom(func(t *rapid.T) any {
		return rapid.MapOfN(names(), documents(depth-1), 0, 4).Draw(t, "object")
	})
	arrays := rapid.Custom(func(t *rapid.T) any {
		return rapid.SliceOfN(documents(depth-1), 0, 3).Draw(t, "array")
	})
	return rapid.OneOf(objects, objects, objects, arrays, scalars)
}

// expressions are random templates of the forms that plans know, and a few that
// they do not.
func expressions(depth int) *rapid.Generator[string] {
	paths := rapid.Custom(func(t *rapid.T) string {
		path := "ctx"
		for range rapid.IntRange(0, 2).Draw(t, "steps") {
			path += "[" + quoted(names().Draw(t, "step")) + "]"
		}
		return path
	})
	leaves := rapid.OneOf(
		paths, paths, rapid.Map(rapid.String(), quoted),
		rapid.Map(rapid.Float64Range(0, 1e300), func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }),
		rapid.SampledFrom([]string{"true", "false", "null", "0", "1e-9", "12345678901234567890", "-1"}),
	)
	if depth == 0 {
		return leaves
	}
	return rapid.OneOf(leaves, rapid.Custom(func(t *rapid.T) string { return compound(t, depth-1) }))
}

// compound is an object, an array or a sum.
func compound(t *rapid.T, depth int) string {
	parts := rapid.SliceOfN(expressions(depth), 1, 4).Draw(t, "parts")
	switch rapid.IntRange(0, 3).Draw(t, "form") {
	case 0:
		return "[" + strings.Join(parts, ", ") + "]"
	case 1:
		return "(" + strings.Join(parts, " + ") + ")"
	}
	keys := rapid.SliceOfNDistinct(names(), len(parts), len(parts), rapid.ID[string]).Draw(t, "keys")
	for i := range parts {
		parts[i] = quoted(keys[i]) + ": " + parts[i]
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// quoted spells a string as a Jsonnet literal.
func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(text)
}
