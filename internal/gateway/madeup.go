package gateway

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"courier"
	"courier/internal/jsonnet"
)

// madeUp is a message, an answer or a receipt that a template is tried with. Others give
// what they like in some of its fields; there it gets what the template asks for.
type madeUp struct {
	// label says which messages it stands for, empty for those whose fields are
	// wholly the caller's own.
	label string
	base  courier.Message
	// argument is that of the template: ctx, res or req.
	argument string
	// fields are template_data, metadata and request_headers of a message, or the whole
	// argument.
	fields map[string]any
	// isAnywhere is set where a path that is none from the argument may be any in the fields.
	isAnywhere bool
	// free are the paths below which a caller gives what they like.
	free []string

	changes int
	// added are the objects that got the field added last, which is of the added
	// kind of fillers.
	added []map[string]any
	field string
	kind  int
}

// maxChanges bounds the search for what a template asks for.
const maxChanges = 50

// fillers are the values that a field may have, tried in turn.
func fillers() []any {
	return []any{"123456", map[string]any{}, 5.0, []any{"123456"}, []any{map[string]any{}}, true, "[{}]", "{}"}
}

// message returns the message as it is made up so far.
func (u *madeUp) message() *courier.Message {
	m := u.base
	m.TemplateData = encodeField(u.fields["template_data"])
	m.Metadata = encodeField(u.fields["metadata"])
	m.RequestHeaders = encodeField(u.fields["request_headers"])
	return &m
}

func encodeField(value any) json.RawMessage {
	if value == nil {
		return nil
	}
	text, _ := json.Marshal(value) // it is made of plain values
	return text
}

// change gives the message what the template missed in it, or the field added
// last another kind of value. It is false when nothing is left to try.
func (u *madeUp) change(err error) bool {
	fault, ok := errors.AsType[*jsonnet.TemplateError](err)
	if !ok || len(u.free) == 0 || u.changes == maxChanges {
		return false
	}
	u.changes++
	if fault.Field == "" {
		return u.refill()
	}
	objects := u.objects(fault.Object)
	objects = slices.DeleteFunc(objects, func(object map[string]any) bool {
		_, has := object[fault.Field]
		return has
	})
	u.added, u.field, u.kind = objects, fault.Field, 0
	u.fill()
	return len(objects) > 0
}

// refill tries the next kind of value. After the last it goes back to the first,
// whose error is the one to tell.
func (u *madeUp) refill() bool {
	if len(u.added) == 0 {
		return false
	}
	u.kind++
	tryMore := u.kind <= len(fillers())
	u.fill()
	return tryMore
}

func (u *madeUp) fill() {
	for _, object := range u.added {
		object[u.field] = fillers()[u.kind%len(fillers())]
	}
}

// objects returns those that a path of the template may mean, if their fields are
// the caller's to choose. What is no path from ctx may mean any of them.
func (u *madeUp) objects(path string) []map[string]any {
	steps := strings.Split(path, ".")
	if steps[0] != u.argument {
		if !u.isAnywhere || path == "std" {
			return nil
		}
		if u.argument == "ctx" {
			return objectsIn(u.fields)
		}
		var found []map[string]any
		for _, name := range [...]string{"json", "form", "query", "headers", "claims"} {
			found = append(found, objectsIn(u.fields[name])...)
		}
		return found
	}
	isFree := func(free string) bool { return path == free || strings.HasPrefix(path, free+".") }
	if !slices.ContainsFunc(u.free, isFree) {
		return nil
	}
	object := u.fields
	for _, step := range steps[1:] {
		next, ok := object[step].(map[string]any)
		if !ok {
			next = map[string]any{}
			object[step] = next
		}
		object = next
	}
	return []map[string]any{object}
}

// objectsIn returns the objects in a value.
func objectsIn(value any) (found []map[string]any) {
	switch value := value.(type) {
	case map[string]any:
		found = append(found, value)
		for _, field := range value {
			found = append(found, objectsIn(field)...)
		}
	case []any:
		for _, element := range value {
			found = append(found, objectsIn(element)...)
		}
	}
	return found
}

// madeUpMessages are one message as a caller of the API may give it, one for each
// kind of text message that Ory Kratos sends, and one that has nothing but a text.
func madeUpMessages() []*madeUp {
	base := courier.Message{
		To: "+12065550100", From: "Example", Body: "Your code is: 123456\n\nIt expires in 60 minutes.",
		Encoding: courier.EncodingGSM7, Segments: 1,
	}
	own := &madeUp{
		base: base, argument: "ctx", isAnywhere: true,
		fields: map[string]any{"template_data": map[string]any{}, "metadata": map[string]any{}, "request_headers": map[string]any{}},
		free:   []string{"ctx.template_data", "ctx.metadata", "ctx.request_headers"},
	}
	all := []*madeUp{own}
	for _, kind := range kratosKinds() {
		made := &madeUp{
			label: "messages of the template_type " + kind, base: base, argument: "ctx",
			fields: map[string]any{"template_data": kratosData(kind), "request_headers": map[string]any{
				"Accept": []any{"*/*"}, "Accept-Encoding": []any{"gzip"}, "Content-Type": []any{"application/json"},
				"Content-Length": []any{"92"}, "User-Agent": []any{"Mozilla/5.0"},
			}},
			free: []string{
				"ctx.template_data.transient_payload", "ctx.template_data.identity.traits", "ctx.template_data.identity.metadata_public",
			},
		}
		made.base.TemplateType = kind
		all = append(all, made)
	}
	return append(all, &madeUp{label: "messages without template_data", base: base, argument: "ctx"})
}

// oddMessages are a message with another recipient, and with bodies that few texts have.
func oddMessages(works *madeUp) []*madeUp {
	long := strings.Repeat("Your code is: 123456. ", 70)
	other := &madeUp{label: "messages to another number", base: works.base, fields: works.fields}
	other.base.To = "+12065550199"
	all := []*madeUp{other}
	for _, odd := range [...]struct{ label, body string }{
		{"messages with an empty body", ""},
		{"messages with quotes and line breaks in the body", "Say \"123456\" or '1' \\ {%s}\r\n\t<&>"},
		{"messages with letters of other scripts in the body", "Ваш код: 123456 😀 你好 \u2028"},
		{"messages with a long body", long},
	} {
		made := &madeUp{label: odd.label, base: works.base, fields: works.fields}
		made.base.Body = odd.body
		all = append(all, made)
	}
	return all
}

// kratosKinds are the template types of Kratos's text messages.
func kratosKinds() []string {
	return []string{"recovery_code_valid", "verification_code_valid", "login_code_valid", "registration_code_valid"}
}

// kratosData is the template_data of a Kratos message, as its master branch of
// July 2026 queued it. A recovery has its code under the name of a verification.
func kratosData(kind string) map[string]any {
	const at = "2026-11-23T06:43:31.971865Z"
	address := map[string]any{"id": "4131623e-e11c-4afb-9f3c-c5d7f4032adc", "value": "+12065550100", "via": "sms", "created_at": at, "updated_at": at}
	data := map[string]any{
		"to": "+12065550100", "request_url": "http://127.0.0.1:4433/self-service/login/browser", "request_url_domain": "127.0.0.1",
		"transient_payload": map[string]any{}, "expires_in_minutes": 60.0,
		"identity": map[string]any{
			"id": "86a3a219-a145-41a7-9fcc-8ed4b7da376d", "schema_id": "default", "schema_url": "http://127.0.0.1:4433/schemas/ZGVmYXVsdA",
			"state": "active", "state_changed_at": at, "created_at": at, "updated_at": at,
			"traits": map[string]any{"phone": "+12065550100"}, "metadata_public": nil, "organization_id": nil,
			"recovery_addresses": []any{address}, "verifiable_addresses": []any{address},
		},
	}
	switch kind {
	case "login_code_valid":
		data["login_code"] = "123456"
	case "registration_code_valid": // the identity is its traits as yet
		data["registration_code"] = "123456"
		data["identity"] = map[string]any{"phone": "+12065550100"}
	default:
		data["verification_code"] = "123456"
	}
	return data
}

// kratosFields are the names in the template_data of Kratos's messages.
func kratosFields() []string {
	var names []string
	for _, kind := range kratosKinds() {
		for name := range kratosData(kind) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
