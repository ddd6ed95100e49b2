package plan

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// collection returns a function of arrays or objects.
func collection(name string) function {
	switch name {
	case "member":
		return function{2, 2, contains}
	case "find":
		return function{2, 2, func(r *run, a []any) (any, bool) { return find(r, a[1], a[0]) }}
	case "count":
		return function{2, 2, func(r *run, a []any) (any, bool) {
			found, ok := find(r, a[0], a[1])
			return float64(len(found)), ok
		}}
	case "any", "all":
		return function{1, 1, func(_ *run, a []any) (any, bool) { return decided(a[0], name == "any") }}
	case "reverse":
		return function{1, 1, reverse}
	case "objectFields", "objectValues", "objectKeysValues":
		return function{1, 1, func(r *run, a []any) (any, bool) { return fields(r, name, a[0]) }}
	case "$objectFlatMerge":
		return function{1, 1, merge}
	case "prune":
		return function{1, 1, func(r *run, a []any) (any, bool) { return r.prune(a[0], 0) }}
	}
	return numeric(name)
}

// numeric returns a function of numbers.
func numeric(name string) function {
	switch name {
	case "floor":
		return onNumbers(1, func(x []float64) float64 { return math.Floor(x[0]) })
	case "ceil":
		return onNumbers(1, func(x []float64) float64 { return math.Ceil(x[0]) })
	case "abs":
		return onNumbers(1, func(x []float64) float64 { return math.Abs(x[0]) })
	case "max":
		return onNumbers(2, func(x []float64) float64 {
			if x[0] > x[1] {
				return x[0]
			}
			return x[1]
		})
	case "min":
		return onNumbers(2, func(x []float64) float64 {
			if x[0] < x[1] {
				return x[0]
			}
			return x[1]
		})
	}
	return function{}
}

// onNumbers is a function of numbers, which refuses everything else.
func onNumbers(count int, f func([]float64) float64) function {
	return function{count, count, func(_ *run, arguments []any) (any, bool) {
		numbers := make([]float64, count)
		for i, argument := range arguments {
			number, ok := argument.(float64)
			if !ok {
				return nil, false
			}
			numbers[i] = number
		}
		return f(numbers), true
	}}
}

// contains is std.member: whether a text is part of a text, or a value in an array.
func contains(r *run, arguments []any) (any, bool) {
	switch within := arguments[0].(type) {
	case string:
		text, ok := arguments[1].(string)
		return strings.Contains(within, text), ok
	case []any:
		for _, element := range within {
			if same, ok := r.same(element, arguments[1], 0); same || !ok {
				return same, ok
			}
		}
		return false, true
	}
	return nil, false
}

// find returns the places of a value in an array.
func find(r *run, within, value any) ([]any, bool) {
	array, ok := within.([]any)
	found := []any{}
	for i, element := range array {
		same, known := r.same(element, value, 0)
		if ok = ok && known; same {
			found = append(found, float64(i))
		}
	}
	return found, ok
}

// decided is std.any or std.all: the first element that decides it is the last that
// is looked at.
func decided(value any, by bool) (any, bool) {
	array, ok := value.([]any)
	for _, element := range array {
		truth, isBool := element.(bool)
		if !isBool || truth == by {
			return by, isBool
		}
	}
	return !by, ok
}

func reverse(_ *run, arguments []any) (any, bool) {
	array, ok := arguments[0].([]any)
	reversed := slices.Clone(array)
	slices.Reverse(reversed)
	return reversed, ok
}

// fields lists an object in the order of its names.
func fields(r *run, name string, value any) (any, bool) {
	object, ok := value.(map[string]any)
	list := make([]any, 0, len(object))
	for _, key := range slices.Sorted(maps.Keys(object)) {
		switch name {
		case "objectFields":
			list = append(list, key)
		case "objectValues":
			list = append(list, object[key])
		default:
			list = append(list, map[string]any{"key": key, "value": object[key]})
		}
	}
	return list, ok && r.spend(list)
}

// merge makes one object of many with different fields.
func merge(_ *run, arguments []any) (any, bool) {
	array, ok := arguments[0].([]any)
	merged := map[string]any{}
	for _, element := range array {
		object, isObject := element.(map[string]any)
		for name, value := range object {
			if _, twice := merged[name]; twice {
				return nil, false
			}
			merged[name] = value
		}
		ok = ok && isObject
	}
	return merged, ok
}

// maxPruned bounds the nesting of what is pruned, which takes the interpreter many
// frames of its stack a level.
const maxPruned = 3

// prune is std.prune: a value without what is null or, once pruned, empty.
func (r *run) prune(value any, depth int) (any, bool) {
	var pruned any
	ok := r.spend(value)
	keep := func(element any, add func(any)) {
		inner, known := r.prune(element, depth+1)
		if ok = ok && known; !isVoid(inner) {
			add(inner)
		}
	}
	switch value := value.(type) {
	case []any:
		array := make([]any, 0, len(value))
		for _, element := range value {
			keep(element, func(inner any) { array = append(array, inner) })
		}
		pruned = array
	case map[string]any:
		object := make(map[string]any, len(value))
		for name, field := range value {
			keep(field, func(inner any) { object[name] = inner })
		}
		pruned = object
	default:
		return placed(value)
	}
	return pruned, ok && depth < maxPruned
}

// isVoid says whether std.prune drops a value.
func isVoid(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	return false
}
