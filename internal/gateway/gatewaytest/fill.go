package gatewaytest

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// filler puts values in the places of what a provider sends.
type filler struct {
	e      *Emulator
	ids    []string
	values map[string]any
	now    time.Time
	// eachUsed is true once a value was written for each part.
	eachUsed bool
}

// filler returns one for a message.
func (e *Emulator) filler(m Message) *filler {
	f := &filler{e: e, ids: m.IDs, now: e.Handler.options.NowFunc().UTC(), values: map[string]any{}}
	for name, value := range map[string]string{
		"to": m.To, "msisdn": digitsOf(m.To), "from": m.From, "text": m.Text, "reference": m.Reference,
	} {
		if value != "" {
			f.values[name] = value
		}
	}
	f.values["segments"] = strconv.Itoa(max(m.Segments, 1))
	return f
}

// value returns what a place stands for.
func (f *filler) value(name string) (any, bool) {
	if value, ok := f.values[name]; ok {
		return value, true
	}
	kind, count, _ := strings.Cut(name, ":")
	size, _ := strconv.Atoi(count)
	switch kind {
	case "id":
		if len(f.ids) > 0 {
			return f.ids[0], true
		}
		return nil, false
	case "ids":
		f.eachUsed = true
		all := make([]any, len(f.ids))
		for i, id := range f.ids {
			all[i] = id
		}
		return all, true
	case "now":
		return f.now.Format(time.RFC3339), true
	case "now_ms":
		return f.now.Format("2006-01-02T15:04:05.000Z07:00"), true
	case "now_text":
		return f.now.Format(time.DateTime), true
	case "now_minute":
		return f.now.Format("0601021504"), true
	case "rfc1123z":
		return f.now.Format(time.RFC1123Z), true
	case "unix":
		return strconv.FormatInt(f.now.Unix(), 10), true
	case "unix_ms":
		return strconv.FormatInt(f.now.UnixMilli(), 10), true
	case "uuid":
		return uuid.NewString(), true
	case "hex":
		bytes := make([]byte, (size+1)/2)
		_, _ = rand.Read(bytes) // it never fails
		return hex.EncodeToString(bytes)[:size], true
	case "digits":
		bytes := make([]byte, size)
		_, _ = rand.Read(bytes) // it never fails
		for i := range bytes {
			bytes[i] = '0' + bytes[i]%10
		}
		if size > 0 && bytes[0] == '0' {
			bytes[0] = '1'
		}
		return string(bytes), true
	}
	value, ok := f.e.param(name)
	return value, ok
}

func placeholder() *regexp.Regexp { return regexp.MustCompile(`\{([a-z][a-z0-9_]*(?::\d+)?)(#?)\}`) }

// text fills a text; a place without a value is empty.
func (f *filler) text(text string) string {
	return placeholder().ReplaceAllStringFunc(text, func(place string) string {
		value, _ := f.value(strings.Trim(place, "{}#"))
		plain, _ := value.(string)
		return plain
	})
}

// fill fills a JSON value. It is false for a text that is one place without a value.
func (f *filler) fill(value any) (any, bool) {
	switch value := value.(type) {
	case string:
		match := placeholder().FindStringSubmatch(value)
		if match == nil || match[0] != value {
			return f.text(value), true
		}
		found, ok := f.value(match[1])
		text, isText := found.(string)
		if match[2] != "#" || !isText {
			return found, ok
		}
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return text, ok
		}
		return json.Number(text), ok
	case map[string]any:
		filled := make(map[string]any, len(value))
		for name, field := range value {
			if one, ok := f.fill(field); ok {
				filled[name] = one
			}
		}
		return filled, true
	case []any:
		filled := []any{}
		for _, element := range value {
			filled = append(filled, f.elements(element)...)
		}
		return filled, true
	}
	return value, true
}

// elements are what an element of a list becomes: one, or one for each part.
func (f *filler) elements(element any) []any {
	object, ok := element.(map[string]any)
	if !ok || object["$each"] == nil {
		one, _ := f.fill(element)
		return []any{one}
	}
	object = maps.Clone(object)
	delete(object, "$each")
	f.eachUsed = true
	all := f.ids
	defer func() { f.ids = all; delete(f.values, "part") }()
	var filled []any
	for i, id := range all {
		f.ids, f.values["part"] = []string{id}, strconv.Itoa(i+1)
		one, _ := f.fill(object)
		filled = append(filled, one)
	}
	return filled
}

// form fills the fields of a form or a query.
func (f *filler) form(fields map[string]any) url.Values {
	filled := url.Values{}
	for name, field := range fields {
		if value, ok := f.fill(field); ok {
			filled.Set(name, fmt.Sprint(value))
		}
	}
	return filled
}

// settings fills the settings of a mechanism. What is no parameter, such as {body}, is
// the mechanism's own; one that was not given leaves its setting out.
func (f *filler) settings(settings map[string]string) map[string]string {
	filled := map[string]string{}
	for name, text := range settings {
		whole := true
		value := placeholder().ReplaceAllStringFunc(text, func(place string) string {
			param, ok := f.e.param(strings.Trim(place, "{}"))
			if !ok {
				whole = place != text
				return place
			}
			return param
		})
		if whole {
			filled[name] = value
		}
	}
	return filled
}
