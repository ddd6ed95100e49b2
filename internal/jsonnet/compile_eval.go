package jsonnet

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// The value of an expression is nil, a bool, a float64, a string, a []any or a
// map[string]any; inside those of the document numbers are still json.Number.

// eval computes the value of a plan. It evaluates what the interpreter, which is
// lazy, might not look at: that takes time within the budget, and where it fails
// a worker decides.
func (r *runner) eval(p *plan) (any, bool) {
	switch p.Kind {
	case planText:
		return p.Text, true
	case planScalar:
		return scalarOf(p.Text)
	case planPath:
		value, ok := lookUp(r.document, p.Names)
		if !ok {
			return nil, false
		}
		return plainValue(value)
	case planObject:
		return r.evalObject(p)
	case planFields:
		return r.evalFields(p)
	case planArray:
		return r.evalAll(p.Parts)
	case planConcat:
		return r.evalOperator("+", p.Parts)
	case planOperator:
		return r.evalOperator(p.Text, p.Parts)
	case planIf:
		if branch := r.branch(p); branch != nil {
			return r.eval(branch)
		}
		return nil, false
	case planIndex, planCall:
		return r.evalCall(p)
	case planError:
		return nil, false
	}
	return nil, false
}

// scalarOf reads the literal of a plan.
func scalarOf(text string) (any, bool) {
	switch text {
	case "null":
		return nil, true
	case "true", "false":
		return text == "true", true
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil
}

// plainValue turns a number of the document into one to compute with.
func plainValue(value any) (any, bool) {
	number, ok := value.(json.Number)
	if !ok {
		return value, true
	}
	plain, err := number.Float64()
	return plain, err == nil
}

// branch chooses a branch of a condition, nil when a worker has to.
func (r *runner) branch(p *plan) *plan {
	condition, ok := r.eval(p.Parts[0])
	if !ok {
		return nil
	}
	switch condition {
	case true:
		return p.Parts[1]
	case false:
		return p.Parts[2]
	}
	return nil
}

func (r *runner) evalObject(p *plan) (any, bool) {
	object := make(map[string]any, len(p.Parts))
	for i, part := range p.Parts {
		value, ok := r.eval(part)
		if !ok {
			return nil, false
		}
		object[p.Names[i]] = value
	}
	return object, true
}

// evalFields is an object with computed names: null leaves a field out, a name
// twice is an error.
func (r *runner) evalFields(p *plan) (any, bool) {
	object := make(map[string]any, len(p.Parts)/2)
	for i := 0; i < len(p.Parts); i += 2 {
		name, ok := r.eval(p.Parts[i])
		if ok && name == nil {
			continue
		}
		text, isText := name.(string)
		if _, twice := object[text]; !ok || !isText || twice {
			return nil, false
		}
		if object[text], ok = r.eval(p.Parts[i+1]); !ok {
			return nil, false
		}
	}
	return object, true
}

func (r *runner) evalAll(parts []*plan) ([]any, bool) {
	values := make([]any, len(parts))
	for i, part := range parts {
		var ok bool
		if values[i], ok = r.eval(part); !ok || !r.spend(values[i]) {
			return nil, false
		}
	}
	return values, true
}

// spend takes the size of a value out of the budget.
func (r *runner) spend(value any) bool {
	const header = 16
	size := header
	switch value := value.(type) {
	case string:
		size += len(value)
	case []any:
		size += header * len(value)
	case map[string]any:
		size += 2 * header * len(value)
	}
	r.budget -= size
	return r.budget > 0
}

func (r *runner) evalCall(p *plan) (any, bool) {
	arguments, ok := r.evalAll(p.Parts)
	if !ok {
		return nil, false
	}
	if p.Kind == planIndex {
		return elementOf(arguments[0], arguments[1])
	}
	value, ok := planFunction(p.Text).call(arguments, r.limit)
	return value, ok && r.spend(value)
}

// elementOf is target[index].
func elementOf(target, index any) (any, bool) {
	if object, ok := target.(map[string]any); ok {
		name, ok := index.(string)
		value, has := object[name]
		if !ok || !has {
			return nil, false
		}
		return plainValue(value)
	}
	at, ok := wholeNumber(index)
	if !ok {
		return nil, false
	}
	switch target := target.(type) {
	case []any:
		if at < len(target) {
			return plainValue(target[at])
		}
	case string:
		if at < utf8.RuneCountInString(target) {
			return cutText(target, at, at+1), true
		}
	}
	return nil, false
}

// wholeNumber is a number that counts or indexes, from 0 to the greatest that
// the interpreter takes for one.
func wholeNumber(value any) (int, bool) {
	number, ok := value.(float64)
	if !ok || number != math.Trunc(number) || number < 0 || number > math.MaxInt32 {
		return 0, false
	}
	return int(number), true
}

func (r *runner) evalOperator(operator string, parts []*plan) (any, bool) {
	if operator == "&&" || operator == "||" {
		return r.evalLogic(operator == "||", parts)
	}
	values, ok := r.evalAll(parts)
	if !ok {
		return nil, false
	}
	left := values[0]
	if len(values) == 1 {
		return negate(operator, left)
	}
	right := values[1]
	switch operator {
	case "==", "!=":
		equal, ok := sameValue(left, right)
		return equal == (operator == "=="), ok
	case "<", "<=", ">", ">=":
		return ordered(operator, left, right)
	case "+":
		if sum, ok := joined(left, right); ok {
			return sum, r.spend(sum)
		}
		if sum, ok := merged(left, right); ok {
			return sum, r.spend(sum)
		}
	}
	return calculated(operator, left, right)
}

// evalLogic is && and ||: decided is the value on the left that decides.
func (r *runner) evalLogic(decided bool, parts []*plan) (any, bool) {
	left, ok := r.eval(parts[0])
	if _, isBool := left.(bool); !ok || !isBool || left == decided {
		return left, ok && isBool
	}
	right, ok := r.eval(parts[1])
	_, isBool := right.(bool)
	return right, ok && isBool
}

func negate(operator string, value any) (any, bool) {
	switch value := value.(type) {
	case bool:
		return !value, operator == "!"
	case float64:
		return -value, operator == "-"
	}
	return nil, false
}

// joined is left + right when one of them is a string.
func joined(left, right any) (any, bool) {
	_, one := left.(string)
	_, other := right.(string)
	if !one && !other {
		return nil, false
	}
	before, okLeft := textOf(left)
	after, okRight := textOf(right)
	return before + after, okLeft && okRight
}

// merged is left + right of two arrays or two objects.
func merged(left, right any) (any, bool) {
	switch left := left.(type) {
	case []any:
		right, ok := right.([]any)
		return slices.Concat(left, right), ok
	case map[string]any:
		right, ok := right.(map[string]any)
		sum := make(map[string]any, len(left)+len(right))
		maps.Copy(sum, left)
		maps.Copy(sum, right)
		return sum, ok
	}
	return nil, false
}

// textOf is std.toString of anything but objects and arrays.
func textOf(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case nil:
		return "null", true
	case bool:
		return strconv.FormatBool(value), true
	case float64:
		return string(appendNumber(nil, value)), true
	}
	return "", false
}

// sameValue compares anything but two objects or two arrays.
func sameValue(left, right any) (same, ok bool) {
	kind := kindOf(left)
	if kind != kindOf(right) {
		return false, true
	}
	if kind == "object" || kind == "array" {
		return false, false
	}
	return left == right, true
}

// kindOf is std.type.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

// ordered compares two numbers or two strings; in UTF-8 the order of bytes is
// that of code points.
func ordered(operator string, left, right any) (result, ok bool) {
	switch left := left.(type) {
	case float64:
		right, ok := right.(float64)
		return inOrder(operator, left, right), ok
	case string:
		right, ok := right.(string)
		return inOrder(operator, left, right), ok
	}
	return false, false
}

func inOrder[T float64 | string](operator string, left, right T) bool {
	switch operator {
	case "<":
		return left < right
	case "<=":
		return left <= right
	case ">":
		return left > right
	}
	return left >= right
}

// calculated is the arithmetic of two numbers; what leaves their range fails.
func calculated(operator string, left, right any) (any, bool) {
	x, okLeft := left.(float64)
	y, okRight := right.(float64)
	if !okLeft || !okRight {
		return nil, false
	}
	var result float64
	switch operator {
	case "+":
		result = x + y
	case "-":
		result = x - y
	case "*":
		result = x * y
	case "/":
		result = x / y
	case "%":
		result = math.Mod(x, y)
	}
	return result, !math.IsInf(result, 0) && !math.IsNaN(result)
}
