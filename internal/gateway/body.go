package gateway

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"courier"
)

// bodyWith writes the body of a message by a template.
func (g *Gateway) bodyWith(ctx context.Context, template Evaluator, m *courier.Message) ([]byte, error) {
	return g.write(ctx, template, m, func(value any) ([]byte, string) { return encodeBody(g.kind, value) })
}

// queryWith writes the query parameters of a message by a template, empty for none.
func (g *Gateway) queryWith(ctx context.Context, template Evaluator, m *courier.Message) ([]byte, error) {
	return g.write(ctx, template, m, func(value any) ([]byte, string) {
		fields, ok := value.(map[string]any)
		if !ok {
			return nil, fmt.Sprintf("template gave %s: query parameters need an object such as { to: ctx.to }", kindName(value))
		}
		return encodeFields(fields, "query parameter")
	})
}

// write evaluates a template for a message and encodes what it gives. Where it
// cannot be encoded, encode says why.
func (g *Gateway) write(
	ctx context.Context, template Evaluator, m *courier.Message, encode func(value any) (text []byte, misfit string),
) ([]byte, error) {
	if template == nil {
		return nil, ErrNoTemplate
	}
	fields, err := g.contextOf(m, template)
	if err != nil {
		return nil, err
	}
	value, err := template.Evaluate(ctx, fields)
	if err != nil {
		return nil, err
	}
	body, misfit := encode(value)
	if misfit != "" {
		return nil, template.Misfit(misfit)
	}
	return body, nil
}

// noField is the misfit of a value that has nothing to send.
const noField = "template gave an object without any field: write fields such as { To: ctx.to, Body: ctx.body } " +
	"(one written with :: is hidden, and not sent)"

// encodeBody writes a value as the Content-Type asks. Where it cannot, it says why.
func encodeBody(kind bodyKind, value any) (body []byte, misfit string) {
	if fields, ok := value.(map[string]any); ok && len(fields) == 0 {
		return nil, noField // a gateway may answer 200 to it
	}
	switch kind {
	case bodyForm:
		return encodeForm(value)
	case bodyText:
		if text, ok := value.(string); ok {
			return []byte(text), ""
		}
		return nil, fmt.Sprintf("template gave %s: the Content-Type header asks for text, so return a string "+
			"(std.manifestJson makes one), or set Content-Type to %s or %s", kindName(value), mediaJSON, mediaForm)
	case bodyJSON:
	}
	// As a pointer it is taken for the plain value that it is, without reflection.
	body, err := json.Marshal(&value, json.Deterministic(true), jsontext.EscapeForJS(true))
	if err != nil {
		return nil, "template gave what is not JSON"
	}
	return body, ""
}

// encodeForm writes an object as application/x-www-form-urlencoded text with
// its keys sorted. null is empty, a number or boolean is spelled as in JSON, an
// array repeats its key.
func encodeForm(value any) (body []byte, misfit string) {
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Sprintf("template gave %s: a form needs an object such as { To: ctx.to, Body: ctx.body }", kindName(value))
	}
	if body, misfit = encodeFields(fields, "form field"); body == nil && misfit == "" {
		misfit = noField // its fields are empty arrays
	}
	return body, misfit
}

// encodeFields writes the fields of an object as a form, nil for none. What one of them is
// called is for the misfit.
func encodeFields(fields map[string]any, what string) (body []byte, misfit string) {
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		elements, isArray := fields[key].([]any)
		if !isArray {
			elements = []any{fields[key]}
		}
		for i, element := range elements {
			text, ok := formText(element)
			if !ok {
				at := key
				if isArray {
					at += "[" + strconv.Itoa(i) + "]"
				}
				return nil, fmt.Sprintf("%s %q is %s: it can be a string, a number or a boolean; "+
					"use std.manifestJson for nested values", what, at, kindName(element))
			}
			if body == nil {
				body = make([]byte, 0, 256)
			} else {
				body = append(body, '&')
			}
			body = append(append(append(body, url.QueryEscape(key)...), '='), url.QueryEscape(text)...)
		}
	}
	return body, ""
}

// formText spells a value in a form, false for an object or array. A whole number
// is written in full, as gateways know no exponents.
func formText(value any) (text string, ok bool) {
	const bits = 64
	switch value := value.(type) {
	case nil:
		return "", true
	case string:
		return value, true
	case bool:
		return strconv.FormatBool(value), true
	case float64:
		if value == math.Trunc(value) {
			return strconv.FormatFloat(value, 'f', 0, bits), true
		}
		return strconv.FormatFloat(value, 'g', -1, bits), true
	}
	return "", false
}

func kindName(value any) string {
	switch value.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case nil:
		return "null"
	}
	return "a number"
}
