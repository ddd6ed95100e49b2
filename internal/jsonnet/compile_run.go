package jsonnet

import (
	"encoding/json"
	"slices"
)

// runner executes a plan on one document. Its methods return false as soon as
// the interpreter might do anything else than write a value; what was written
// until then is worthless.
type runner struct {
	document any
	out      []byte
	// limit bounds out in bytes.
	limit int
	// budget is how many bytes the functions and operators may still go through,
	// so that no template occupies this process.
	budget int
}

// budgetFactor is the budget of a run in terms of its limit.
const budgetFactor = 4

// run returns the result of the plan for a document, or false when a worker has
// to evaluate the template. What it returns is at most limit bytes long.
func (p *plan) run(document []byte, limit int) ([]byte, bool) {
	value, err := p.decode(document)
	if err != nil {
		return nil, false
	}
	r := &runner{document: value, limit: limit, budget: budgetFactor * limit, out: make([]byte, 0, len(document))}
	if !r.write(p, "\n") {
		return nil, false
	}
	r.out = append(r.out, '\n')
	return r.out, len(r.out) <= limit
}

// decode decodes as much of a document as the plan needs.
func (p *plan) decode(document []byte) (any, error) {
	if p.whole {
		return decodeDocument(document)
	}
	return decodeFields(document, p.fields)
}

// prepare notes which fields of the document the plan needs.
func (p *plan) prepare() {
	p.fields, p.whole = p.needs(nil)
}

// needs adds the fields of the document that the plan places. The answer is
// true when it places the document itself.
func (p *plan) needs(fields []string) ([]string, bool) {
	whole := p.Kind == planPath && len(p.Names) == 0
	if p.Kind == planPath && !whole && !slices.Contains(fields, p.Names[0]) {
		fields = append(fields, p.Names[0])
	}
	for _, part := range p.Parts {
		var all bool
		fields, all = part.needs(fields)
		whole = whole || all
	}
	return fields, whole
}

// indentStep is what go-jsonnet indents by.
const indentStep = "   "

// write appends the JSON of a plan; indent is a newline and the indentation of
// the value itself.
func (r *runner) write(p *plan, indent string) bool {
	if len(r.out) > r.limit {
		return false
	}
	switch p.Kind {
	case planObject:
		return r.writeObject(p, indent)
	case planArray:
		return r.writeArray(p, indent)
	case planText:
		r.out = appendString(r.out, p.Text)
		return true
	case planScalar:
		r.out = append(r.out, p.Text...)
		return true
	case planPath:
		value, ok := lookUp(r.document, p.Names)
		return ok && r.writeValue(value, indent, 0)
	case planConcat:
		if !r.isString(p) {
			return r.writeComputed(p, indent)
		}
		r.out = append(r.out, '"')
		ok := r.writeText(p)
		r.out = append(r.out, '"')
		return ok
	case planIf:
		branch := r.branch(p)
		return branch != nil && r.write(branch, indent)
	case planCall, planOperator, planIndex, planFields, planError:
		return r.writeComputed(p, indent)
	}
	return false
}

// writeComputed appends a value that has to be computed first.
func (r *runner) writeComputed(p *plan, indent string) bool {
	value, ok := r.eval(p)
	return ok && r.writeValue(value, indent, 0)
}

func (r *runner) writeObject(p *plan, indent string) bool {
	if len(p.Parts) == 0 {
		r.out = append(r.out, "{ }"...)
		return true
	}
	inner := indent + indentStep
	for i, part := range p.Parts {
		r.separate(i, '{', inner)
		r.out = append(appendString(r.out, p.Names[i]), ": "...)
		if !r.write(part, inner) {
			return false
		}
	}
	r.out = append(append(r.out, indent...), '}')
	return true
}

func (r *runner) writeArray(p *plan, indent string) bool {
	if len(p.Parts) == 0 {
		r.out = append(r.out, "[ ]"...)
		return true
	}
	inner := indent + indentStep
	for i, part := range p.Parts {
		r.separate(i, '[', inner)
		if !r.write(part, inner) {
			return false
		}
	}
	r.out = append(append(r.out, indent...), ']')
	return true
}

// separate begins the i-th part of an object or array on a line of its own.
func (r *runner) separate(i int, opening byte, indent string) {
	if i > 0 {
		opening = ','
	}
	r.out = append(append(r.out, opening), indent...)
}

// isString says whether a concatenation is one of strings and scalars that
// gives a string. A nested one must be a string itself, for 1 + 2 + "a" is "3a".
func (r *runner) isString(p *plan) bool {
	text := false
	for _, part := range p.Parts {
		switch part.Kind {
		case planText:
			text = true
		case planPath:
			value, _ := lookUp(r.document, part.Names)
			_, ok := value.(string)
			text = text || ok
		case planConcat:
			if !r.isString(part) {
				return false
			}
			text = true
		case planScalar:
		case planObject, planArray, planFields, planCall, planOperator, planIndex, planIf, planError:
			return false
		}
	}
	return text
}

// writeText appends the text of a plan inside a string.
func (r *runner) writeText(p *plan) bool {
	if len(r.out) > r.limit {
		return false
	}
	switch p.Kind {
	case planText:
		r.out = appendEscaped(r.out, p.Text)
		return true
	case planScalar:
		r.out = append(r.out, p.Text...)
		return true
	case planPath:
		value, ok := lookUp(r.document, p.Names)
		return ok && r.writeTextValue(value)
	case planConcat:
		return r.writeText(p.Parts[0]) && r.writeText(p.Parts[1])
	case planObject, planArray, planFields, planCall, planOperator, planIndex, planIf, planError:
		return false
	}
	return false
}

// writeTextValue appends a value of the document inside a string.
func (r *runner) writeTextValue(value any) bool {
	switch value := value.(type) {
	case string:
		r.out = appendEscaped(r.out, value)
		return true
	case map[string]any, []any:
		return false
	default:
		return r.writeScalar(value)
	}
}

// lookUp follows a path through objects.
func lookUp(value any, path []string) (any, bool) {
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = object[name]; !ok {
			return nil, false
		}
	}
	return value, true
}

// writeScalar appends null, a boolean or a number that is in range.
func (r *runner) writeScalar(value any) bool {
	switch value := value.(type) {
	case nil:
		r.out = append(r.out, "null"...)
	case bool:
		r.out = appendBool(r.out, value)
	case float64:
		r.out = appendNumber(r.out, value)
	case json.Number:
		number, err := value.Float64()
		if err != nil {
			return false
		}
		r.out = appendNumber(r.out, number)
	default:
		return false
	}
	return true
}
