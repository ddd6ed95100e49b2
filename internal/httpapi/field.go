package httpapi

import (
	"slices"
	"strings"
	"unicode/utf8"

	"courier"
)

// fieldSet receives the fields of a JSON object.
type fieldSet interface {
	// set takes the value of a field, which is not null; false means that there
	// is no such field. The error names no field.
	set(name string, value []byte) (known bool, fault *courier.Error)
	// names returns the fields there are.
	names() []string
}

// decodeFields reads a JSON object into a set of fields. A field that is
// unknown or there twice is refused; null is the same as absent.
func decodeFields(text []byte, fields fieldSet) error {
	seen := make([]string, 0, 16)
	isObject, err := walkObject(text, func(name string, value []byte) error {
		if slices.Contains(seen, name) {
			return invalid(name, "the field is there twice; give it once")
		}
		seen = append(seen, name)
		if string(value) == "null" && slices.Contains(fields.names(), name) {
			return nil
		}
		known, fault := fields.set(name, value)
		if !known {
			return unknownField(name, fields.names())
		}
		if fault != nil {
			fault.Field = name
			return fault
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !isObject {
		return invalid("", "a JSON object is expected, not "+kindOf(text[skipSpace(text, 0):]))
	}
	return nil
}

// setText decodes a field that is text.
func setText(value []byte, into *string) *courier.Error {
	if value[0] != '"' {
		return invalid("", "it must be a string, not "+kindOf(value)+"; write it in quotes")
	}
	text, err := decodeString(value)
	if err != nil {
		return asFault(err)
	}
	*into = text
	return nil
}

// unknownField names the field only as far as it looks like a name: a body may
// have been put in its place.
func unknownField(name string, names []string) error {
	if nearest := nearestName(name, names); nearest != "" {
		return invalid(nearest, "no field has the name that was given; "+nearest+" is the nearest")
	}
	if !isName(name) {
		return invalid("", "a field has a name that no field has; the OpenAPI document at /openapi.json lists them")
	}
	return invalid(name, "no field has this name; the OpenAPI document at /openapi.json lists them")
}

func isName(text string) bool {
	return len(text) <= 32 && text != "" && !strings.ContainsFunc(text, func(char rune) bool {
		return char != '_' && char != '-' && (char|0x20 < 'a' || char|0x20 > 'z')
	})
}

// nearestName returns the field that was probably meant, or nothing.
func nearestName(name string, names []string) string {
	if len(name) > 32 {
		return ""
	}
	best, least := "", 3
	for _, field := range names {
		distance := editDistance(foldName(name), foldName(field))
		if distance < least || distance == least && field < best {
			best, least = field, distance
		}
	}
	if least > utf8.RuneCountInString(name)/3 {
		return ""
	}
	return best
}

// foldName makes sendAt, Send-At and send_at the same.
func foldName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// editDistance counts the characters to insert, delete or replace (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
