package inbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"courier/internal/gateway/gatewaytest"
)

// readMessage finds the recipient and the text in the body, and what the body
// lacks in the query.
func readMessage(request *gatewaytest.Request) (to, text string) {
	_, target, _ := strings.Cut(request.Target, "?")
	body, query := readBody(request), readForm(target)
	text, isText := body.(string)
	if !isText {
		text = find(body, textNames(), 0)
	}
	return cmp.Or(find(body, recipientNames(), 0), find(query, recipientNames(), 0)), cmp.Or(text, find(query, textNames(), 0))
}

// readBody takes the body for JSON or a form by how it looks, as development
// servers are often given the wrong Content-Type, and else for the text itself.
func readBody(request *gatewaytest.Request) any {
	body := bytes.TrimSpace(request.Body)
	media, _, _ := strings.Cut(request.Header.Get("Content-Type"), ";")
	switch {
	case len(body) == 0:
		return nil
	case body[0] == '{' || body[0] == '[' || body[0] == '"':
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		var value any
		if decoder.Decode(&value) != nil {
			return nil
		}
		return value
	case strings.EqualFold(strings.TrimSpace(media), "application/x-www-form-urlencoded"):
		return readForm(string(body))
	default:
		return string(request.Body)
	}
}

// readForm reads a form as far as it is well-formed.
func readForm(text string) any {
	values, _ := url.ParseQuery(text)
	fields := make(map[string]any, len(values))
	for name, list := range values {
		fields[name] = list[0]
	}
	return fields
}

// recipientNames are the names of the recipient without case, - and _, the surest first.
func recipientNames() []string {
	return []string{
		"to", "recipient", "recipients", "tonumber", "phone", "phonenumber", "msisdn", "destination",
		"destinationnumber", "destinationaddress", "destinations", "dst", "dest", "da", "mobile", "mobilenumber",
		"mobiles", "number", "numbers", "phones", "phonenumbers", "receiver", "receivers", "toaddress", "address",
		"identifiervalue",
	}
}

// textNames are the names of the text.
func textNames() []string {
	return []string{
		"body", "text", "message", "content", "sms", "msg", "messagebody", "messagetext", "messagecontent", "smstext",
		"smsbody", "smscontent", "shortmessage", "textmessage", "txt", "plaintext", "data",
	}
}

// maxDepth bounds how deep a recipient or text is looked for.
const maxDepth = 8

// find returns the first field with one of the names that holds a text: in the
// object itself, then within the named fields, then anywhere below it.
func find(value any, names []string, depth int) string {
	if depth > maxDepth {
		return ""
	}
	if list, ok := value.([]any); ok && len(list) > 0 {
		return find(list[0], names, depth+1)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return ""
	}
	fields := plainFields(object)
	for _, name := range names {
		if text := scalar(fields[name]); text != "" {
			return text
		}
	}
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(fields)), func(name string) bool { return slices.Contains(names, name) })
	for _, name := range slices.Concat(names, others) {
		if text := find(fields[name], names, depth+1); text != "" {
			return text
		}
	}
	return ""
}

func plainFields(object map[string]any) map[string]any {
	plain := strings.NewReplacer("-", "", "_", "", ".", "")
	fields := make(map[string]any, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		key := strings.ToLower(plain.Replace(name))
		if _, known := fields[key]; !known {
			fields[key] = object[name]
		}
	}
	return fields
}

// scalar returns a string or a number, and of a list the first element.
func scalar(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	case []any:
		if len(value) > 0 {
			if _, nested := value[0].([]any); !nested {
				return scalar(value[0])
			}
		}
	}
	return ""
}
