package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/internal/store"
)

// document is what tests look at of the OpenAPI document.
type document struct {
	Paths map[string]map[string]struct {
		RequestBody struct{ Content map[string]media }
		Responses   map[string]struct{ Content map[string]media }
	}
	Components struct{ Schemas map[string]*schema }
}

type media struct{ Schema *schema }

// schema is the part of JSON Schema that the document uses.
type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Properties map[string]*schema
	Required   []string
	Items      *schema
	Enum       []any
	AnyOf      []*schema
}

// is reports whether the schema takes values of a type.
func (s *schema) is(kind string) bool {
	kinds, several := s.Type.([]any)
	return s.Type == kind || several && slices.Contains(kinds, any(kind))
}

func parseDocument(tb testing.TB, f *fixture) document {
	tb.Helper()
	var d document
	decode(tb, string(f.document(tb)), &d)
	return d
}

func (d document) resolve(s *schema) *schema {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return d.Components.Schemas[name]
	}
	return s
}

// fields returns the names of the fields of a request's body.
func (d document) fields(path string) []string {
	request := d.resolve(d.Paths[path]["post"].RequestBody.Content["application/json"].Schema)
	return slices.Sorted(maps.Keys(request.Properties))
}

// Each field that the document names must be taken, and no other.
func TestAPI_OpenAPINamesTheFields(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	d := parseDocument(t, f)
	batch := slices.Sorted(maps.Keys(d.Components.Schemas["BatchMessageRequest"].Properties))
	for _, test := range []struct {
		path, wrap string
		fields     []string
	}{
		{"/v1/messages", "", d.fields("/v1/messages")},
		{"/v1/messages/{id}/retry", "", d.fields("/v1/messages/{id}/retry")},
		{"/v1/messages/{id}/resolve", "", d.fields("/v1/messages/{id}/resolve")},
		{"/v1/messages/batch", `{"messages":[%]}`, batch},
	} {
		names := append(slices.Clone(test.fields), "other")
		if len(test.fields) == 0 {
			t.Fatalf("%s has no fields", test.path)
		}
		var known []string
		for _, name := range names {
			body := strings.Replace(cmpOr(test.wrap, "%"), "%", `{"`+name+`":`+"null}", 1)
			answer := f.call(t, "POST", strings.ReplaceAll(test.path, "{id}", idText), body).Body.String()
			if !contains(answer, "no field has this name") {
				known = append(known, name)
			}
		}
		if diff := cmp.Diff(test.fields, known); diff != "" {
			t.Errorf("%s: fields (-document +decoder):\n%s", test.path, diff)
		}
	}
}

func cmpOr(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// Every answer must be as the document describes it, with no field that the
// document does not name.
func TestAPI_OpenAPIDescribesTheAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	d := parseDocument(t, f)
	f.putAttempted(t)
	f.send(t)
	f.memory.attempt(t, courier.StatusQueued, failed())
	if _, err := f.memory.Beat(t.Context(), store.Beat{Node: "a", Gateways: []string{"main"}}); err != nil {
		t.Fatal(err)
	}
	const part = `{"to":"` + number + `","body":"a"}`
	for _, test := range []struct{ method, path, target, body string }{
		{"post", "/v1/messages", "", part},
		{"post", "/v1/messages", "", `{"to":"1"}`},
		{"post", "/v1/messages", "", `{`},
		{"post", "/v1/messages/batch", "", `{"messages":[` + part + `,{}]}`},
		{"get", "/v1/messages", "?class=throttled", ""},
		{"get", "/v1/messages/{id}", "", ""},
		{"post", "/v1/messages/{id}/retry", "", `{}`},
		{"post", "/v1/messages/{id}/cancel", "", ""},
		{"post", "/v1/messages/{id}/resolve", "", `{"as":"sent"}`},
		{"get", "/v1/nodes", "", ""},
		{"get", "/v1/series", "?step=10m", ""},
		{"get", "/v1/audit", "", ""},
		{"get", "/v1/actions", "", ""},
		{"get", "/v1/gateways", "", ""},
		{"get", "/v1/weights", "", ""},
		{"post", "/v1/messages/actions", "", `{"action":"retry","filter":{"status":"rejected","since":"2026-01-01T00:00:00Z"}}`},
		{"post", "/v1/messages/actions", "", `{"action":"retry","filter":{"status":"sent"}}`},
		{"post", "/v1/messages/actions/count", "", `{"action":"resolve","as":"sent","filter":{}}`},
		{"get", "/health/alive", "", ""},
		{"get", "/health/ready", "", ""},
		{"get", "/version", "", ""},
	} {
		target := strings.ReplaceAll(test.path, "{id}", idText) + test.target
		w := f.call(t, strings.ToUpper(test.method), target, test.body)
		described, ok := d.Paths[test.path][test.method].Responses[strconv.Itoa(w.Code)].Content[w.Header().Get("Content-Type")]
		if !ok {
			t.Errorf("%s %s: status %d with %s is not described", test.method, target, w.Code, w.Header().Get("Content-Type"))
			continue
		}
		var value any
		decode(t, w.Body.String(), &value)
		d.check(t, test.method+" "+target, described.Schema, value)
	}
}

// check compares a value with its schema.
func (d document) check(t *testing.T, at string, by *schema, value any) {
	t.Helper()
	by = d.resolve(by)
	if len(by.AnyOf) > 0 && value != nil {
		by = d.resolve(by.AnyOf[0])
	} else if len(by.AnyOf) > 0 {
		by = by.AnyOf[1]
	}
	good := false
	switch value := value.(type) {
	case map[string]any:
		good = by.is("object")
		d.checkObject(t, at, by, value)
	case []any:
		good = by.is("array")
		for i, element := range value {
			d.check(t, at+"["+strconv.Itoa(i)+"]", by.Items, element)
		}
	case string:
		good = by.is("string") && (len(by.Enum) == 0 || slices.Contains(by.Enum, any(value)))
	case float64:
		good = by.is("integer")
	case bool:
		good = by.is("boolean")
	case nil:
		good = by.is("null")
	}
	if !good {
		t.Errorf("%s: %v is not as described", at, value)
	}
}

func (d document) checkObject(t *testing.T, at string, by *schema, value map[string]any) {
	t.Helper()
	if len(by.Properties) == 0 {
		return
	}
	for _, name := range by.Required {
		if _, ok := value[name]; !ok {
			t.Errorf("%s.%s is missing", at, name)
		}
	}
	for name, field := range value {
		property := by.Properties[name]
		if property == nil {
			t.Errorf("%s.%s is not described", at, name)
			continue
		}
		d.check(t, at+"."+name, property, field)
	}
}

func TestAPI_OpenAPIListsTheCodes(t *testing.T) {
	t.Parallel()
	text := string(newFixture(t, nil).document(t))
	for _, code := range []courier.ErrorCode{
		courier.CodeInvalidRequest, courier.CodeInvalidRecipient, courier.CodeInvalidSender, courier.CodeMessageTooLong, courier.CodeUnknownChannel,
		courier.CodeSMSDisabled, courier.CodeIdempotencyConflict, courier.CodeIllegalTransition, courier.CodeNotFound, courier.CodeUnauthorized,
		courier.CodeForbidden, courier.CodeRequestTooLarge, courier.CodeUnsupportedMedia, courier.CodeStoreFull, courier.CodeStoreReadOnly,
		courier.CodeStoreUnavailable, courier.CodeShuttingDown, courier.CodeInternal, courier.CodeContentScrubbed,
	} {
		if !contains(text, string(code)) {
			t.Errorf("code %s is not in the document", code)
		}
	}
	if !json.Valid([]byte(text)) || http.StatusText(courier.CodeInternal.HTTPStatus()) == "" {
		t.Error("the document is not JSON")
	}
}
