package plan

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// computedContext has a field of every type.
const computedContext = `{"s":"Héllo, World 😀","t":"+1415","n":7,"f":-2.5,"z":-0,"b":true,"x":null,"big":1e999,` +
	`"l":["a",null,"b"],"m":[1,2],"o":{"k":"v","n":1}}`

// TestPlan_computed fixes what plans compute, and what they leave to the interpreter;
// what they compute is what go-jsonnet does.
func TestPlan_computed(t *testing.T) {
	t.Parallel()
	computed := []string{
		`std.asciiUpper(ctx.s)`, `std.asciiLower(ctx.s)`, `std.length(ctx.s)`, `std.length(ctx.l)`, `std.length(ctx.o)`,
		`std.strReplace(ctx.s, "l", "LL")`, `std.strReplace(ctx.s, "World", "")`, `std.toString(ctx.f)`, `std.toString(ctx.x)`,
		`std.substr(ctx.s, 1, 4)`, `std.substr(ctx.s, 13, 9)`, `std.substr(ctx.s, 99, 1)`, `ctx.s[1:4]`, `ctx.s[:99]`, `ctx.s[12:]`, `ctx.s[3:1]`, `ctx.s[1]`,
		`ctx.l[0]`, `ctx.m[1] + ctx.n`, `std.split(ctx.s, "l")`, `std.join("-", ctx.l)`, `std.join("-", [ctx.s, null, ctx.t])`,
		`std.trim("  " + ctx.s + "\n")`, `std.lstripChars(ctx.t, "+0")`, `std.rstripChars(ctx.t, "5")`, `std.stripChars(ctx.t, "+5")`,
		`std.startsWith(ctx.t, "+1")`, `std.endsWith(ctx.s, "😀")`, `std.startsWith("", ctx.s)`, `std.equalsIgnoreCase(ctx.s, "x")`,
		`std.isEmpty(ctx.s)`, `std.parseInt(ctx.t)`, `std.type(ctx.o)`, `[std.isString(ctx.s), std.isNumber(ctx.s), std.isBoolean(ctx.b)]`,
		`[std.isObject(ctx), std.isArray(ctx.l)]`, `std.objectHas(ctx, "s")`, `"q" in ctx.o`, `std.objectHasAll(ctx.o, "k")`,
		`std.get(ctx, "q", "none")`, `std.get(ctx, "n")`, `std.get(ctx.o, "q")`, `"%s-%d, 100%%" % [ctx.s, ctx.n]`, `"%s" % ctx.f`,
		`std.format("%(k)s/%(n)d", ctx.o)`, `"%d" % ctx.z`, `"none" % []`, `ctx.n % 3`, `ctx.f % 2`, `-ctx.n`, `ctx.z`, `-ctx.z`, `!ctx.b`,
		`ctx.n + 1`, `ctx.n - 1.5`, `ctx.n * ctx.f`, `ctx.n / 3`, `ctx.n > 6 && ctx.f < 0`, `ctx.n >= 8 || ctx.s <= "I"`, `ctx.s == ctx.t`,
		`ctx.x == null`, `ctx.n != "7"`, `ctx.o == ctx.n`, `if ctx.b then {a: [ctx.s]} else error "cancel"`, `if ctx.n == 1 then "a"`,
		`local a = ctx.s, b = a + "!"; {a: a, b: b}`, `local up(s, by="x") = std.asciiUpper(s) + by; [up(ctx.t), up(by="y", s=ctx.s)]`,
		`local up = std.asciiUpper; up(ctx.s)`, `local d = ctx.o; d.k`, `assert ctx.n == 7; "fine"`, `local std = {length: 1}; 1`,
		`"a" + std.length(ctx.s) + ctx.f`, `local unused = error "x"; 1`, `local f(a, b) = a; f(1, error "x")`, `(if ctx.b then ctx.o else {}).k`,
		`{[ctx.s]: 1, b: 2}`, `{[if ctx.b then "c"]: ctx.s, [if !ctx.b then "d"]: error "x"}`, `ctx.o {k: "w", m: 1}`, `[ctx.o] + []`, `ctx.l + ctx.m`,
		`[] + []`, `ctx.s[-2:]`, `ctx.s[:-3]`, `ctx.s[-99:2]`, `ctx.l[0:1]`, `ctx.l[1:]`, `ctx.l[-2:]`, `ctx.l[:-5]`, `ctx.l[9:]`, `ctx.l == ctx.l`, `ctx.o == {k: "v", n: 1}`,
		`ctx.o != {k: "v", n: 2}`, `[[1, {a: null}]] == [[1, {a: null}]]`, `[x for x in ctx.l]`, `[x + 1 for x in ctx.m if x > 1]`, `[x for x in ctx.l if x != null if x > "a"]`,
		`[a + "" + b for a in ctx.m for b in ctx.l]`, `{[x]: std.asciiUpper(x) for x in ["a", "b"]}`, `{[x]: 1 for x in ctx.l}`, `std.map(function(x) x + 1, ctx.m)`,
		`std.map(std.toString, ctx.m)`, `std.map(function(x, y=2) x * y, ctx.m)`, `local twice(x) = x + x; std.map(twice, ctx.l[0:1])`, `std.mapWithIndex(function(i, x) i + x, ctx.m)`,
		`std.filter(function(x) x != null, ctx.l)`, `std.flatMap(function(x) [x, x], ctx.l)`, `std.foldl(function(sum, x) sum + x, ctx.m, 0)`, `std.foldl(function(s, x) s + x, ctx.l, "")`,
		`std.foldl(function(s, x) [], [], ctx.l)`, `std.member(ctx.l, "b")`, `std.member(ctx.l, {})`, `std.member(ctx.s, "World")`, `std.count(ctx.l, "a")`, `std.find("b", ctx.l)`,
		`std.any([x == 2 for x in ctx.m])`, `std.all([x == 2 for x in ctx.m])`, `std.any([])`, `std.all([])`, `std.any([true, 1])`, `std.objectFields(ctx.o)`, `std.objectValues(ctx.o)`,
		`[e.key + e.value for e in std.objectKeysValues(ctx.o)]`, `std.reverse(ctx.l)`, `std.findSubstr("l", ctx.s)`, `std.findSubstr("aa", "éaaaa")`, `std.findSubstr("", ctx.s)`,
		`std.splitLimit(ctx.s, "l", 1)`, `std.splitLimit(ctx.s, "l", -1)`, `std.splitLimit(ctx.s, "l", 0)`, `std.parseJson('{"a": [1, "é", null, -0, 1e3]}')`, `std.parseJson("[]")[0:]`,
		`std.floor(ctx.f)`, `std.ceil(ctx.f)`, `std.abs(ctx.f)`, `std.max(ctx.f, ctx.n)`, `std.min(ctx.f, ctx.n)`, `std.prune({a: null, b: [], c: {d: [null, 1]}, e: ""})`, `std.prune(ctx.l)`,
		`local f(x) = {v: x}; [f(y).v for y in [f(z).v for z in ctx.m]]`, `[local y = x + 1; y * y for x in ctx.m]`, `local l = [x for x in ctx.m]; [l[0], l[1], std.length(l)]`,
		`local f(x) = local y = x + 1; function(z) y + z; local g(x) = f(x)(1); 1`, `[{a: x, b: [y for y in [x, x]]} for x in ctx.m]`, `local t = {a: {b: 1}}, k = "a"; t[k].b`,
		`{z: {[ctx.s]: [1]}} + (if ctx.b then {b: 2} else {})`, `({} + {a: {}}) + {a: []}`,
	}
	for _, source := range computed {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			comparePlan(t, source, computedContext)
		})
	}
}

// comparePlan runs a template that must be planned, and compares.
func comparePlan(t *testing.T, source, document string) {
	t.Helper()
	source = "function(ctx) " + source
	value, ok := runPlan(t, source, document)
	if !ok {
		t.Fatal("the plan leaves it to the interpreter")
	}
	checkPlanned(t, source, strings.Replace(document, "1e999", "1", 1), value)
}

// TestPlan_left fixes what is left to the interpreter, because it fails, is rare, or
// because the plan cannot tell.
func TestPlan_left(t *testing.T) {
	t.Parallel()
	left := []string{
		`std.asciiUpper(ctx.n)`, `std.asciiUpper(ctx.l)`, `std.length(ctx.n)`, `std.strReplace(ctx.s, "", "x")`, `std.toString(ctx.o)`,
		`std.substr(ctx.s, -1, 1)`, `std.substr(ctx.s, 0.5, 1)`, `std.substr(ctx.s, 0, 1e10)`, `ctx.s[::2]`, `ctx.s[99]`, `ctx.s[0.5]`,
		`ctx.l[3]`, `ctx.l["a"]`, `std.split(ctx.s, "")`, `std.join("-", ctx.m)`, `std.join([], [ctx.l])`, `std.parseInt(ctx.s)`, `std.trim(ctx.x)`,
		`std.lstripChars(ctx.t, ["+"])`, `std.startsWith(ctx.l, "a")`, `std.objectHas(ctx.l, "a")`, `std.get(ctx.l, "a", 1)`, `"%s" % ctx.o`,
		`"%s" % [ctx.o]`, `"%d" % 1.5`, `"%d" % "x"`, `"%s %s" % [ctx.s]`, `"%s" % [1, 2]`, `"%5d" % 1`, `"%(q)s" % ctx.o`, `"%" % []`, `"%x" % 1`,
		`"%(k" % ctx.o`, `ctx.n % 0`, `ctx.n / 0`, `1e308 * 10`, `-ctx.s`, `!ctx.n`, `ctx.n && true`, `ctx.b && ctx.n`, `ctx.b < true`, `ctx.n < "a"`,
		`ctx.s - 1`, `ctx.n | 1`, `if ctx.n then 1`, `error "x"`, `assert false; 1`, `ctx.big + 1`, `ctx.q`, `ctx.o.q`,
		`local f(x) = f(x); f(1)`, `local a = [a for x in ctx.l]; a`, `[x + 1 for x in ctx.l]`, `[x for x in ctx.s]`, `[x for x in ctx.o]`, `{[x]: 1 for x in ["a", "a"]}`,
		`std.map(function(x) x, ctx.s)`, `std.map(ctx.s, ctx.l)`, `std.map(function() 1, ctx.l)`, `std.map(function(x, y) 1, ctx.l)`, `std.filter(function(x) x, ctx.l)`, `std.flatMap(function(x) x, ctx.l)`,
		`std.foldl(function(a, x) a + [x], ctx.l, [])`, `std.member(ctx.o, 1)`, `std.count(ctx.s, "a")`, `std.any(["a"])`, `std.all([true, 1])`, `std.any(ctx.s)`, `std.objectFields(ctx.l)`, `std.reverse(ctx.s)`,
		`std["$flatMapArray"](function(x) [x], ctx.l)`, `std["$objectFlatMerge"]([{a: 1}])`, `std.parseJson("{")`, `std.parseJson("1e999")`, `std.parseJson("1 2")`, `std.parseJson(ctx.n)`, `std.splitLimit(ctx.s, "", 1)`,
		`std.splitLimit(ctx.s, "l", -2)`, `std.floor(ctx.s)`, `std.max("a", 1)`, `[ctx.big] == [1]`, `std.member([ctx.big], 1)`, `std.prune({a: {b: {c: {d: {e: 1}}}}})`, `ctx.l[ctx.s:]`, `ctx.o[1:]`, `[1, ctx.big]`,
		`[1 for a in std.split(std.strReplace("%s" % ctx.s, "l", "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a"), ",") for b in std.split("%4000d" % 1, "") for c in ctx.l]`,
		`local f(x) = x; f()`, `local f(x) = x; f(1, 2)`, `local f(x) = x; f(1, x=2)`, `local f(x) = x; f(y=1)`, `local a = a; a`,
		`local f(x) = 1; f(error "x") tailstrict`, `local std = {length(s): 1}; std.length(ctx.s)`, `std.length(x=ctx.s)`, `std.length()`, `std.md5(ctx.s)`,
		`local ctx = {}; ctx.s`, `function(x) x`, `std`, `{a: 1, b: $.a}`, `[ctx.o] + {}`, `ctx.l + 1`, `{[ctx.n]: 1}`, `{[ctx.s]: 1, [ctx.s]: 2}`,
		`{a: 1, [ctx.s]+: 1}`, `{[ctx.s]:: 1}`, `{a: 1} + {b: self.a}`, `{a: 1} {a+: 1}`, `"x" + {}`, `[] + "x"`, `{[ctx.s]: self}`, `ctx.s + ctx.o`,
		`local a = std.strReplace(ctx.s, "l", "llllllllllllllll"), b = std.strReplace(a, "l", a), c = std.strReplace(b, "l", b), d = std.strReplace(c, "l", c); std.length(d)`,
		`local a = ctx.s + ctx.s, b = a + a + a + a, c = b + b + b + b, d = c + c + c + c, e = d + d + d + d, f = e + e + e + e, g = f + f + f + f, h = g + g + g + g; std.length(h + h + h + h + h + h)`,
		strings.Repeat("std.trim(", 30) + "ctx.s" + strings.Repeat(")", 30),
	}
	for i, source := range left {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			if value, ok := runPlan(t, "function(ctx) "+source, computedContext); ok {
				t.Errorf("the plan of %s gives %.100q", source, value)
			}
		})
	}
}

// TestPlan_nested nests each function as deep as plans do: the interpreter's
// stack still suffices where a plan gives a result.
func TestPlan_nested(t *testing.T) {
	t.Parallel()
	for _, form := range []string{
		`std.asciiUpper(%s)`, `std.strReplace(%s, "a", "b")`, `std.substr(%s, 0, 9)`, `std.trim(%s)`, `std.join("", std.split(%s, "a"))`,
		`("%%s" %% %s)`, `("%%(template_type_of_it)s" %% {template_type_of_it: %s})`, `%s[0:99]`, `std.toString(%s)`, `std.lstripChars(%s, "a")`,
		`(if std.endsWith(%s, "x") then "x" else "y")`, `(local a = %s; a + "z")`, `(local f(x, y="d") = x + y; f(%s))`, `std.get({a: %s}, "a", "d")`,
		`({a: %s} {b: 1}).a`, `{[ctx.s]: %s}`, `([%s] + [])[0]`, `[x for x in [%s]][0]`, `std.map(function(x) x + "", [%s])[0]`, `std.foldl(function(s, x) s + x, [%s], "")`,
		`std.flatMap(function(x) [x], [%s])[0]`, `std.filter(function(x) x != "", [%s])[0]`, `{[x]: x for x in [%s]}[ctx.s]`, `std.objectValues({a: %s})[0]`, `std.prune({a: %s}).a`, `std.reverse([%s])[0]`,
		`(local f(x) = [x]; [f(y)[0] for y in [%s]][0])`, `(if std.member([ctx.t, %s], "q") then "x" else "y")`, `std.parseJson('"' + %s + '"')`, `(if std.any([x == "" for x in [%s]]) then "x" else "y")`,
		`std.mapWithIndex(function(i, x) x, [%s])[0]`, `(if {a: {b: [%s]}} == {a: {b: [ctx.s]}} then "x" else "y")`, `[%s][0:][0]`, `std.splitLimit(%s, "-", 1)[0]`, `(if "q" in {[%s]: 1} then "x" else "y")`,
		`("" + std.length(std.findSubstr("q", %s)))`, `("" + std.count([%s], "q"))`, `("" + std.length(std.find("q", [%s])))`, `std.objectFields({[%s]: 1})[0]`, `("" + std.max(std.length(%s), 3))`,
		`(if std.all([x == "" for x in [%s]]) then "x" else "y")`, `(if std.equalsIgnoreCase(%s, "q") then "x" else "y")`, `("" + std.floor(std.length(%s)))`, `std.format("%%(name_of_twenty_chars)s", {name_of_twenty_chars: %s})`,
		`std.get(std.objectKeysValues({a: %s})[0], "value")`,
	} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			source, last := "ctx.s", ""
			for source != "" {
				if _, ok := runPlan(t, "function(ctx) "+source, computedContext); !ok {
					break
				}
				last, source = source, fmt.Sprintf(form, source)
			}
			if strings.Count(last, "(") < 2 && strings.Count(last, "[") < 2 {
				t.Fatalf("%s is not planned twice within itself", form)
			}
			comparePlan(t, last, computedContext)
		})
	}
}

// TestPlan_long gives functions long arrays and texts: the interpreter's stack still
// suffices where a plan gives a result.
func TestPlan_long(t *testing.T) {
	t.Parallel()
	list := make([]any, 2000)
	fields := map[string]any{}
	for i := range list {
		list[i] = fmt.Sprint(i)
		fields[fmt.Sprint(i)] = i
	}
	document, err := json.Marshal(map[string]any{"l": list, "o": fields, "s": strings.Repeat("aé ", 600)})
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{
		`std.any([x == "q" for x in ctx.l])`, `std.all([x != "q" for x in ctx.l])`, `std.count(ctx.l, "7")`, `std.find("1999", ctx.l)`, `std.member(ctx.l, "q")`, `ctx.l == ctx.l`,
		`std.length(std.map(function(x) x + "", ctx.l))`, `std.length(std.mapWithIndex(function(i, x) i, ctx.l))`, `std.foldl(function(n, x) n + 1, ctx.l, 0)`, `std.length(std.filter(function(x) x > "5", ctx.l))`,
		`std.reverse(ctx.l)[0]`, `std.length(std.objectFields(ctx.o))`, `std.objectValues(ctx.o)[9]`, `std.objectKeysValues(ctx.o)[9]`, `std.length({[x]: 1 for x in ctx.l})`, `ctx.o == ctx.o`,
		`std.length(std.prune(ctx.l))`, `std.length(std.prune(ctx.o))`, `ctx.s[1:1700]`, `ctx.l[5:1900][3]`, `ctx.s[-5:]`, `std.asciiUpper(ctx.s)`, `std.length(std.findSubstr("é", ctx.s))`,
		`std.length(std.split(ctx.s, " "))`, `std.join("-", ctx.l)`, `std.strReplace(ctx.s, "a", "bb")`, `std.stripChars(ctx.s, "a é")`, `std.parseJson("[" + std.join(",", ctx.l) + "]")[7]`, `"%s!" % ctx.s`,
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			comparePlan(t, source, string(document))
		})
	}
}

// TestPlan_computedDifferential compares plans with the interpreter on random
// expressions over typed fields; most of them can be computed.
func TestPlan_computedDifferential(t *testing.T) {
	t.Parallel()
	rapid.Check(t, checkComputed)
}

// FuzzPlanComputed is TestPlan_computedDifferential driven by coverage.
func FuzzPlanComputed(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(checkComputed))
}

func checkComputed(t *rapid.T) {
	texts := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ab+ 0-9é]{0,6}`))
	numbers := rapid.OneOf(rapid.Float64Range(-20, 20), rapid.Map(rapid.IntRange(-3, 9), func(n int) float64 { return float64(n) }))
	document, err := json.Marshal(map[string]any{
		"s": texts.Draw(t, "s"), "t": texts.Draw(t, "t"), "n": numbers.Draw(t, "n"), "m": numbers.Draw(t, "m"),
		"q":  []any{1, map[string]any{"k": texts.Draw(t, "qk"), "c": numbers.Draw(t, "qc")}, nil, true, []any{numbers.Draw(t, "qn"), nil}},
		"js": rapid.SampledFrom([]string{`{"k":["a",1]}`, `[]`, `[1,[2]] `, `"x"`, `-0`, `{`, `nul`}).Draw(t, "js"),
		"b":  rapid.Bool().Draw(t, "b"), "l": rapid.SliceOfN(texts, 0, 3).Draw(t, "l"), "o": map[string]any{"k": texts.Draw(t, "k"), "n": 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	kind := rapid.SampledFrom([]string{"text", "number", "truth", "list", "any"}).Draw(t, "type")
	source := "function(ctx) local x = ctx.s, i = ctx.n; " + computations(kind, 3).Draw(t, "template") // loops have an x and an i of their own
	if value, ok := runPlan(t, source, string(document)); ok {
		checkPlanned(t, source, string(document), value)
	}
}

// computations are random expressions of a type.
func computations(kind string, depth int) *rapid.Generator[string] {
	forms := computedForms(kind)
	if depth == 0 {
		forms = computedLeaves(kind)
	}
	return rapid.Custom(func(t *rapid.T) string {
		form := rapid.SampledFrom(forms).Draw(t, "form")
		for _, hole := range []string{"text", "number", "truth", "list", "any"} {
			for strings.Contains(form, "<"+hole+">") {
				form = strings.Replace(form, "<"+hole+">", "("+computations(hole, depth-1).Draw(t, hole)+")", 1)
			}
		}
		return form
	})
}

func computedLeaves(kind string) []string {
	switch kind {
	case "text":
		return []string{`ctx.s`, `ctx.t`, `ctx.o.k`, `x`, `"a"`, `"%s"`, `"é +1"`, `""`}
	case "number":
		return []string{`ctx.n`, `ctx.m`, `i`, `0`, `1`, `-1`, `2.5`}
	case "truth":
		return []string{`ctx.b`, `true`, `false`}
	case "list":
		return []string{`ctx.l`, `ctx.q`, `[]`, `[1, 2, 1]`, `["a", null]`}
	}
	return []string{`null`, `x`, `i`, `ctx.s`, `ctx.n`, `ctx.b`, `ctx.l`, `ctx.o`, `ctx`, `[]`, `{}`}
}

func computedForms(kind string) []string {
	switch kind {
	case "text":
		return []string{
			`std.asciiUpper(<text>)`, `std.asciiLower(<text>)`, `std.strReplace(<text>, <text>, <text>)`, `std.substr(<text>, <number>, <number>)`,
			`<text>[<number>:<number>]`, `<text>[<number>:]`, `<text>[<number>]`, `ctx.l[<number>]`, `std.join(<text>, std.split(<text>, <text>))`,
			`std.join(<text>, [<text>, null, <text>])`, `std.trim(<text>)`, `std.stripChars(<text>, <text>)`, `std.lstripChars(<text>, <text>)`,
			`std.rstripChars(<text>, <text>)`, `std.type(<any>)`, `std.toString(<any>)`, `"%s: %d" % [<any>, <number>]`, `"<%(k)s %(n)d" % {k: <any>, n: <number>}`,
			`std.format(<text>, [<any>])`, `<text> % <any>`, `<text> + <any>`, `<any> + <text>`, `if <truth> then <text> else <text>`,
			`local a = <text>, b = a + a; std.strReplace(b, a, <text>)`, `local f(x, y=<text>) = x + y; f(<text>) + f(<text>, <text>)`, `std.get(ctx, <text>, <text>)`,
		}
	case "number":
		return []string{
			`std.length(<any>)`, `std.length(<text>)`, `std.parseInt("" + <number>)`, `<number> + <number>`, `<number> - <number>`, `<number> * <number>`,
			`<number> / <number>`, `<number> % <number>`, `-<number>`, `if <truth> then <number> else <number>`, `std.length(std.split(<text>, <text>))`,
			`std.count(<list>, <any>)`, `std.foldl(function(i, x) <number>, <list>, <number>)`, `std.floor(<number>)`, `std.ceil(<number>)`, `std.abs(<number>)`, `std.max(<number>, <number>)`,
			`std.min(<number>, <number>)`, `std.length(<list>)`,
		}
	case "truth":
		return []string{
			`<any> == <any>`, `<any> != <any>`, `<text> < <text>`, `<text> >= <text>`, `<number> <= <number>`, `<number> > <number>`, `<truth> && <truth>`,
			`<truth> || <truth>`, `!<truth>`, `std.startsWith(<text>, <text>)`, `std.endsWith(<text>, <text>)`, `std.isEmpty(<text>)`, `std.isString(<any>)`,
			`std.isNumber(<any>)`, `std.isBoolean(<any>)`, `std.isArray(<any>)`, `std.isObject(<any>)`, `std.objectHas(ctx, <text>)`, `<text> in ctx.o`,
			`std.equalsIgnoreCase(<text>, <text>)`, `std.member(<list>, <any>)`, `std.member(<text>, <text>)`, `std.any([<truth> for x in <list>])`, `std.all([<truth> for x in <list>])`,
			`<list> == <list>`, `std.any(<list>)`,
		}
	case "list":
		return []string{
			`[<any> for x in <list>]`, `[<any> for x in <list> if <truth>]`, `[<any> for i in <list> for x in <list>]`, `std.map(function(x) <any>, <list>)`, `std.mapWithIndex(function(i, x) <any>, <list>)`,
			`std.filter(function(x) <truth>, <list>)`, `std.flatMap(function(x) <list>, <list>)`, `std.reverse(<list>)`, `<list>[<number>:<number>]`, `<list>[<number>:]`, `<list> + <list>`,
			`std.split(<text>, <text>)`, `std.splitLimit(<text>, <text>, <number>)`, `std.findSubstr(<text>, <text>)`, `std.find(<any>, <list>)`, `std.objectFields(<any>)`, `std.objectValues(<any>)`,
			`std.objectKeysValues(<any>)`, `std.map(std.toString, <list>)`, `local f(x) = <any>; [f(i) for i in <list>]`, `[local i = <any>; [i, x] for x in <list>]`, `std.prune(<list>)`, `[<any>, <list>]`,
		}
	}
	return []string{
		`{[x]: <any> for x in <list>}`, `{[<text>]: <any> for x in <list> if <truth>}`, `std.parseJson(<text>)`, `std.parseJson(ctx.js)`, `std.prune(<any>)`, `std.foldl(function(x, i) <any>, <list>, <any>)`,
		`<list>`, `<list>[<number>]`, `local x = <any>, i = <number>; <any>`, `local f = function(x, i=<any>) <any>; [f(<any>), f(<any>, <any>)]`, `{a: [1, {b: "c"}], n: null}[<text>]`,
		`<text>`, `<number>`, `<truth>`, `[<any>, <any>]`, `{a: <any>, "b c": <any>}`, `if <truth> then <any> else <any>`, `std.get(ctx.o, <text>)`,
		`local x = <any>; [x, x]`, `assert <truth>; <any>`, `if <truth> then <any> else error "cancel"`, `[<any>, <any>][<number>]`, `{a: <any>}.a`, `std.split(<text>, <text>)`,
		`{a: 1, [<text>]: <any>, [if <truth> then "b"]: <any>}`, `{a: <any>} + {[<text>]: <any>}`, `ctx.o {k: <any>}`, `[<any>] + std.split(<text>, "a")`,
	}
}
