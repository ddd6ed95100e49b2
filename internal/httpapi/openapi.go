package httpapi

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// specification is the OpenAPI document in its two spellings.
type specification struct {
	json, yaml []byte
	registry   huma.Registry
	openapi    *huma.OpenAPI
}

// specify builds the document from the endpoints of the admin listener.
func (a *API) specify() (*specification, error) {
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	openapi := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Courier", Version: "1",
			Description: "Takes text messages, keeps them durably and delivers them through any SMS gateway that has an HTTP API. " +
				"Errors are problem documents (RFC 9457) with a stable code. Times are UTC. " +
				"In a message every field is always there, and null says that it does not apply; answers may gain fields.",
			License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Components: &huma.Components{Schemas: registry, SecuritySchemes: securitySchemes()},
	}
	described := describe(registry)
	for _, e := range append(a.messageEndpoints(), a.operatorEndpoints()...) {
		operation := e.operation
		described[operation.OperationID].apply(&operation, e.scope, registry)
		openapi.AddOperation(&operation)
	}
	openAnswers(registry)
	return encodeSpecification(openapi, registry)
}

// openAnswers lets answers gain fields without breaking their readers. Requests
// stay closed: a field that is not known is refused.
func openAnswers(registry huma.Registry) {
	for name, schema := range registry.Map() {
		if !strings.HasSuffix(name, "Request") {
			schema.AdditionalProperties = true
		}
	}
}

func encodeSpecification(openapi *huma.OpenAPI, registry huma.Registry) (*specification, error) {
	compact, err := json.Marshal(openapi)
	if err != nil {
		return nil, err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, compact, "", "  "); err != nil {
		return nil, err
	}
	indented.WriteByte('\n')
	yaml, err := openapi.YAML()
	if err != nil {
		return nil, err
	}
	return &specification{json: indented.Bytes(), yaml: yaml, registry: registry, openapi: openapi}, nil
}

func securitySchemes() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "An API key of api.keys. Without any configured, none is needed."},
		"header": {Type: "apiKey", In: "header", Name: "X-API-Key", Description: "The same key in a header of its own."},
	}
}

// schemaName gives the types their names in the document.
func schemaName(t reflect.Type, hint string) string {
	names := map[reflect.Type]string{
		reflect.TypeFor[MessageRequest](): "MessageRequest",
		reflect.TypeFor[batchPart]():      "BatchMessageRequest",
		reflect.TypeFor[batchRequest]():   "BatchRequest",
		reflect.TypeFor[RetryRequest]():   "RetryRequest",
		reflect.TypeFor[Accepted]():       "Accepted",
		reflect.TypeFor[batchAnswer]():    "BatchResponse",
		reflect.TypeFor[batchResult]():    "BatchResult",
		reflect.TypeFor[refusal]():        "Refusal",
		reflect.TypeFor[Message]():        "Message",
		reflect.TypeFor[messageDetail]():  "MessageWithAttempts",
		reflect.TypeFor[Fault]():          "Fault",
		reflect.TypeFor[attemptView]():    "Attempt",
		reflect.TypeFor[listAnswer]():     "MessagePage",
		reflect.TypeFor[nodesAnswer]():    "NodeList",
		reflect.TypeFor[nodeView]():       "Node",
		reflect.TypeFor[problem]():        "Problem",
		reflect.TypeFor[problemField]():   "ProblemField",
		reflect.TypeFor[healthAnswer]():   "Health",
		reflect.TypeFor[Version]():        "Version",
	}
	if name, ok := names[t]; ok {
		return name
	}
	return huma.DefaultSchemaNamer(t, hint)
}
