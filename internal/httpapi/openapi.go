package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"courier"
)

// specification is the OpenAPI document in its two spellings.
type specification struct{ json, yaml []byte }

// specify builds the document from the endpoints of the admin listener.
func specify(endpoints []endpoint) (specification, error) {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	openapi := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Courier", Version: "1",
			Description: "Takes text messages, keeps them durably and delivers them through any SMS gateway that has an HTTP API. " +
				"Errors are problem documents (RFC 9457) with a stable code. Times are UTC. " +
				"In a message every field is always there, and null says that it does not apply; answers may gain fields.",
			License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Components: &huma.Components{Schemas: registry, SecuritySchemes: map[string]*huma.SecurityScheme{
			"bearer": {Type: "http", Scheme: "bearer", Description: "An API key of api.keys. Without any configured, none is needed."},
			"header": {Type: "apiKey", In: "header", Name: "X-API-Key", Description: "The same key in a header of its own."},
		}},
	}
	for i := range endpoints {
		openapi.AddOperation(endpoints[i].describe(registry))
	}
	// Answers may gain fields without breaking their readers. Requests stay
	// closed: a field that is not known is refused.
	for name, schema := range registry.Map() {
		if !strings.HasSuffix(name, "Request") {
			schema.AdditionalProperties = true
		}
	}
	indented, err := json.MarshalIndent(openapi, "", "  ")
	if err != nil {
		return specification{}, err
	}
	yaml, err := openapi.YAML()
	return specification{json: append(indented, '\n'), yaml: yaml}, err
}

// describe returns the endpoint as the document has it.
func (e *endpoint) describe(registry huma.Registry) *huma.Operation {
	operation := &huma.Operation{
		Method: e.method, Path: e.path, OperationID: e.id, Tags: []string{e.tag}, Summary: e.summary, Description: e.description,
		Parameters: e.parameters, Responses: make(map[string]*huma.Response),
	}
	if e.takes != nil {
		operation.RequestBody = &huma.RequestBody{Required: !e.bodyOptional, Content: jsonMedia(registry, e.takes)}
	}
	content := map[string]*huma.MediaType{e.contentType: {Schema: &huma.Schema{Type: huma.TypeString}}}
	if e.gives != nil {
		content = jsonMedia(registry, e.gives)
	}
	operation.Responses[strconv.Itoa(e.success())] = &huma.Response{Description: http.StatusText(e.success()), Content: content}
	codes := e.codes
	if e.scope != "" {
		operation.Security = []map[string][]string{{"bearer": {}}, {"header": {}}}
		operation.Extensions = map[string]any{"x-scope": e.scope}
		if e.also != "" {
			operation.Extensions["x-scope-also"] = e.also
		}
		codes = append([]courier.ErrorCode{courier.CodeUnauthorized, courier.CodeForbidden}, codes...)
	}
	problems := map[string]*huma.MediaType{problemType: {Schema: schemaOf(registry, problem{})}}
	for _, code := range append(codes, courier.CodeInternal) {
		status := strconv.Itoa(code.HTTPStatus())
		if response := operation.Responses[status]; response != nil {
			response.Description += ", " + string(code)
			continue
		}
		operation.Responses[status] = &huma.Response{Description: "code: " + string(code), Content: problems}
	}
	return operation
}

func jsonMedia(registry huma.Registry, value any) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{"application/json": {Schema: schemaOf(registry, value)}}
}

func schemaOf(registry huma.Registry, value any) *huma.Schema {
	return registry.Schema(reflect.TypeOf(value), true, "")
}
