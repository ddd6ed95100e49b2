package plan

// loop is a function of the library that calls one of the template's for each
// element of an array: its body, for which the slots of the loop are set.
func (r *run) loop(p *Plan) (any, bool) {
	value, ok := r.eval(p.Parts[0])
	array, isArray := value.([]any)
	if !ok || !isArray {
		return nil, false
	}
	if p.Name == "foldl" {
		return r.fold(p, array)
	}
	results := make([]any, 0, len(array))
	for i, element := range array {
		if p.Name == "mapWithIndex" {
			r.slots[p.Slot] = slot{value: float64(i)}
			r.slots[p.Slot+1] = slot{value: element}
		} else {
			r.slots[p.Slot] = slot{value: element}
		}
		result, ok := r.eval(p.Parts[1])
		if !ok || !r.spend(result) {
			return nil, false
		}
		switch p.Name {
		case "filter":
			if result == true {
				results = append(results, element)
			} else if result != false {
				return nil, false
			}
		case "flatMap", "$flatMapArray":
			inner, ok := result.([]any)
			if !ok {
				return nil, false
			}
			results = append(results, inner...)
		default:
			results = append(results, result)
		}
	}
	return results, r.spend(results)
}

// fold is std.foldl. What it gathers is a scalar: an array or object would be
// nested as deeply in the interpreter as the loop is long.
func (r *run) fold(p *Plan, array []any) (any, bool) {
	sum, ok := r.eval(p.Parts[2])
	for i := 0; ok && i < len(array); i++ {
		r.slots[p.Slot] = slot{value: sum}
		r.slots[p.Slot+1] = slot{value: array[i]}
		if sum, ok = r.eval(p.Parts[1]); !ok || !r.spend(sum) {
			return nil, false
		}
		switch sum.(type) {
		case []any, map[string]any:
			return nil, false
		}
	}
	return sum, ok
}
