package plan

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"strconv"
	"unicode/utf8"
)

// The value of an expression is nil, a bool, a float64, a string, a []any or a
// map[string]any. In the message a number out of range is a json.Number, which
// only the interpreter knows how to refuse.

// run is one evaluation. Its methods return false as soon as the interpreter
// might do anything else than give a value.
type run struct {
	argument map[string]any
	// slots are the values of variables.
	slots []slot
	// operands are those of the calls and operators that are being computed, at first in room.
	operands []any
	room     [8]any
	// limit bounds a text in bytes.
	limit int
	// budget is how many bytes the functions and operators may still go through,
	// so that no template occupies this process.
	budget int
}

// slot is the value of a variable, or how to compute it at its first use.
type slot struct {
	value any
	plan  *Plan
}

const (
	// stepSize is what an expression counts for, in bytes.
	stepSize = 8
	// maxConstant is the budget for a literal array or object.
	maxConstant = 1 << 20
	// budgetFactor is the budget of a run in terms of its limit.
	budgetFactor = 4
	// elementSize is what an element of an array or object counts for, in bytes.
	elementSize = 16
	// spelledSize is how many bytes of JSON a byte of a value takes at most: six for
	// an escaped character, and an element has its indentation.
	spelledSize = 8
)

// Run returns the value of the plan for an argument, or false when the interpreter
// has to evaluate the template. As JSON the value is at most limit bytes long.
func (p *Plan) Run(argument map[string]any, limit int) (any, bool) {
	r := &run{argument: argument, slots: make([]slot, p.slots), limit: limit, budget: budgetFactor * limit}
	r.operands = r.room[:0]
	value, ok := r.eval(p)
	if !ok {
		return nil, false
	}
	size, ok := sizeOf(value, 0)
	return value, ok && size <= limit/spelledSize
}

// sizeOf measures a result, false for one that is nested too deeply or holds a
// number out of range.
func sizeOf(value any, depth int) (int, bool) {
	size := elementSize
	switch value := value.(type) {
	case string:
		size += len(value)
	case json.Number:
		return 0, false
	case []any:
		for _, element := range value {
			inner, ok := sizeOf(element, depth+1)
			if !ok {
				return 0, false
			}
			size += inner
		}
	case map[string]any:
		for name, field := range value {
			inner, ok := sizeOf(field, depth+1)
			if !ok {
				return 0, false
			}
			size += len(name) + inner
		}
	}
	return size, depth <= maxNesting
}

// eval computes the value of a plan. It evaluates what the interpreter, which is
// lazy, might not look at: that takes time within the budget, and where it fails
// the interpreter decides.
func (r *run) eval(p *Plan) (any, bool) {
	if r.budget -= stepSize; r.budget <= 0 {
		return nil, false
	}
	switch p.Kind {
	case kindArgument:
		return r.argument, true
	case kindLiteral:
		return p.Value, true
	case kindArray:
		return r.evalAll(p.Parts)
	case kindObject:
		return r.object(p)
	case kindIndex:
		return r.index(p)
	case kindOperator:
		return r.operator(p.Name, p.Parts)
	case kindCall:
		before := r.operands
		arguments, ok := r.operandsOf(p.Parts)
		if !ok {
			return nil, false
		}
		value, ok := p.call(r, arguments)
		r.operands = before
		return value, ok && r.spend(value)
	case kindIf:
		return r.branch(p)
	case kindVariable:
		return r.variable(p.Slot)
	case kindScope:
		for _, local := range p.Parts[1:] {
			r.slots[local.Slot] = slot{plan: local.Parts[0]}
		}
		return r.eval(p.Parts[0])
	case kindLoop:
		return r.loop(p)
	case kindError, kindLocal:
		return nil, false
	}
	return nil, false
}

// variable is the value of one, which is computed once.
func (r *run) variable(at int) (any, bool) {
	if p := r.slots[at].plan; p != nil {
		value, ok := r.eval(p)
		if !ok {
			return nil, false
		}
		r.slots[at] = slot{value: value}
	}
	return placed(r.slots[at].value)
}

// placed is a value taken out of the message.
func placed(value any) (any, bool) {
	return value, !isOutOfRange(value)
}

func isOutOfRange(value any) bool {
	_, is := value.(json.Number)
	return is
}

func (r *run) branch(p *Plan) (any, bool) {
	condition, ok := r.eval(p.Parts[0])
	switch {
	case !ok:
		return nil, false
	case condition == true:
		return r.eval(p.Parts[1])
	case condition == false:
		return r.eval(p.Parts[2])
	}
	return nil, false
}

// object evaluates names and values: a null name leaves its field out, a name
// twice is an error.
func (r *run) object(p *Plan) (any, bool) {
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

func (r *run) evalAll(parts []*Plan) ([]any, bool) {
	values := make([]any, len(parts))
	for i, part := range parts {
		var ok bool
		if values[i], ok = r.eval(part); !ok || !r.spend(values[i]) {
			return nil, false
		}
	}
	return values, true
}

// operandsOf computes what a call or an operator is given, in a place that is used anew
// after it. Nothing is put back where it fails, as that ends the run.
func (r *run) operandsOf(parts []*Plan) ([]any, bool) {
	first := len(r.operands)
	for _, part := range parts {
		value, ok := r.eval(part)
		if !ok || !r.spend(value) {
			return nil, false
		}
		r.operands = append(r.operands, value)
	}
	return r.operands[first:], true
}

// spend takes the size of a value out of the budget.
func (r *run) spend(value any) bool {
	size := elementSize
	switch value := value.(type) {
	case string:
		size += len(value)
	case []any:
		size += elementSize * len(value)
	case map[string]any:
		size += 2 * elementSize * len(value)
	}
	r.budget -= size
	return r.budget > 0
}

// index is target[index].
func (r *run) index(p *Plan) (any, bool) {
	target, ok := r.eval(p.Parts[0])
	if !ok {
		return nil, false
	}
	index, ok := r.eval(p.Parts[1])
	if !ok {
		return nil, false
	}
	if object, ok := target.(map[string]any); ok {
		name, isText := index.(string)
		value, has := object[name]
		if !isText || !has {
			return nil, false
		}
		return placed(value)
	}
	at, ok := wholeNumber(index)
	if !ok {
		return nil, false
	}
	switch target := target.(type) {
	case []any:
		if at < len(target) {
			return placed(target[at])
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

func (r *run) operator(operator string, parts []*Plan) (any, bool) {
	if operator == "&&" || operator == "||" {
		return r.logic(operator == "||", parts)
	}
	before := r.operands
	values, ok := r.operandsOf(parts)
	if !ok {
		return nil, false
	}
	r.operands = before
	left := values[0]
	if len(values) == 1 {
		return negate(operator, left)
	}
	right := values[1]
	switch operator {
	case "==", "!=":
		equal, ok := r.same(left, right, 0)
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

// logic is && and ||: decided is the value on the left that decides.
func (r *run) logic(decided bool, parts []*Plan) (any, bool) {
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
		sum := make([]any, 0, len(left)+len(right)) // never nil, which is no array
		return append(append(sum, left...), right...), ok
	case map[string]any:
		right, ok := right.(map[string]any)
		sum := make(map[string]any, len(left)+len(right))
		maps.Copy(sum, left)
		maps.Copy(sum, right)
		return sum, ok
	}
	return nil, false
}

// textOf is std.toString of anything but objects and arrays. A number is spelled
// as go-jsonnet does it: an integer in full, whatever its size, everything else
// with 17 significant digits.
func textOf(value any) (string, bool) {
	const digits, bits = 17, 64
	switch value := value.(type) {
	case string:
		return value, true
	case nil:
		return "null", true
	case bool:
		return strconv.FormatBool(value), true
	case float64:
		if value == math.Floor(value) {
			return strconv.FormatFloat(value, 'f', 0, bits), true
		}
		return strconv.FormatFloat(value, 'g', digits, bits), true
	}
	return "", false
}

// same compares two values.
func (r *run) same(left, right any, depth int) (same, ok bool) {
	if isOutOfRange(left) || isOutOfRange(right) || depth > maxNesting || !r.spend(nil) {
		return false, false
	}
	if typeOf(left) != typeOf(right) {
		return false, true
	}
	switch left := left.(type) {
	case []any:
		right, _ := right.([]any)
		same, ok = len(left) == len(right), true
		for i := 0; same && ok && i < len(left); i++ {
			same, ok = r.same(left[i], right[i], depth+1)
		}
		return same, ok
	case map[string]any:
		right, _ := right.(map[string]any)
		return r.sameFields(left, right, depth)
	}
	return left == right, true
}

// sameFields compares two objects. It looks at every field, since the interpreter
// may meet one that fails before one that differs.
func (r *run) sameFields(left, right map[string]any, depth int) (same, ok bool) {
	if len(left) != len(right) {
		return false, true
	}
	for name := range left {
		if _, has := right[name]; !has {
			return false, true
		}
	}
	same = true
	for name, value := range left {
		equal, ok := r.same(value, right[name], depth+1)
		if !ok {
			return false, false
		}
		same = same && equal
	}
	return same, true
}

// typeOf is std.type.
func typeOf(value any) string {
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
	var order int
	switch left := left.(type) {
	case float64:
		number, isNumber := right.(float64)
		order, ok = cmp.Compare(left, number), isNumber
	case string:
		text, isText := right.(string)
		order, ok = cmp.Compare(left, text), isText
	}
	switch operator {
	case "<":
		return order < 0, ok
	case "<=":
		return order <= 0, ok
	case ">":
		return order > 0, ok
	}
	return order >= 0, ok
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
