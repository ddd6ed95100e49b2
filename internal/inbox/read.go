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

// reading is what a request says of its message; what could not be read is empty.
type reading struct {
	to, from, text, code string
	// phone is that of to.
	phone string
	// receiptURL is where a sender that speaks as the preset webhook does wants its
	// receipts, and reference is its name of the message.
	receiptURL, reference string
}

// maxName bounds what is taken for a recipient or a sender.
const maxName = 256

// read finds the message in the body, and what the body lacks in the query.
func read(request *gatewaytest.Request) reading {
	_, target, _ := strings.Cut(request.Target, "?")
	body, query := readBody(request), readForm(target)
	text, isText := body.(string)
	if !isText {
		text = find(body, textNames(), 0)
	}
	either := func(names []string) string {
		return cut(validText(cmp.Or(find(body, names, 0), find(query, names, 0))), maxName)
	}
	r := reading{
		to: either(recipientNames()), from: either(senderNames()),
		text: validText(cmp.Or(text, find(query, textNames(), 0))),
	}
	r.code, r.phone = Code(r.text), phoneOf(r.to)
	if object, ok := body.(map[string]any); ok {
		r.receiptURL, r.reference = scalar(object["receipt_url"]), scalar(object["id"])
	}
	return r
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

// senderNames are the names of the sender.
func senderNames() []string {
	return []string{"from", "sender", "originator", "source", "src", "senderid", "fromnumber", "sourceaddress", "sendername"}
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
