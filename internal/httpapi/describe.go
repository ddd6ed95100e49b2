package httpapi

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"courier"
)

// description is what the document says of an operation beyond its endpoint.
type description struct {
	parameters []*huma.Param
	// request is the body's type, nil for none.
	request  reflect.Type
	optional bool
	status   int
	// response is the answer's type, nil for a text of the given content type.
	response    reflect.Type
	contentType string
	codes       []courier.ErrorCode
}

// describe returns the descriptions by operation id.
func describe(registry huma.Registry) map[string]description {
	accepted, ok := http.StatusAccepted, http.StatusOK
	key, id := idempotencyParam(), idParam()
	refused := []courier.ErrorCode{
		courier.CodeInvalidRequest, courier.CodeRequestTooLarge, courier.CodeUnsupportedMedia,
	}
	judged := []courier.ErrorCode{
		courier.CodeInvalidRecipient, courier.CodeInvalidSender, courier.CodeMessageTooLong, courier.CodeUnknownChannel, courier.CodeSMSDisabled,
	}
	stored := []courier.ErrorCode{courier.CodeStoreFull, courier.CodeStoreReadOnly, courier.CodeStoreUnavailable, courier.CodeShuttingDown}
	changed := append([]courier.ErrorCode{courier.CodeNotFound, courier.CodeIllegalTransition}, stored...)
	return map[string]description{
		"send-message": {
			parameters: []*huma.Param{key}, request: reflect.TypeFor[MessageRequest](), status: accepted, response: reflect.TypeFor[Accepted](),
			codes: concat(refused, judged, stored, []courier.ErrorCode{courier.CodeIdempotencyConflict}),
		},
		"send-batch":     {request: reflect.TypeFor[batchRequest](), status: accepted, response: reflect.TypeFor[batchAnswer](), codes: concat(refused, stored)},
		"list-messages":  {parameters: listParams(registry), status: ok, response: reflect.TypeFor[listAnswer](), codes: []courier.ErrorCode{courier.CodeInvalidRequest, courier.CodeStoreUnavailable}},
		"get-message":    {parameters: []*huma.Param{id}, status: ok, response: reflect.TypeFor[messageDetail](), codes: []courier.ErrorCode{courier.CodeNotFound, courier.CodeStoreUnavailable}},
		"cancel-message": {parameters: []*huma.Param{id}, status: ok, response: reflect.TypeFor[Message](), codes: changed},
		"retry-message": {
			parameters: []*huma.Param{id}, request: reflect.TypeFor[RetryRequest](), optional: true, status: ok, response: reflect.TypeFor[Message](),
			codes: concat(refused, changed, []courier.ErrorCode{courier.CodeContentScrubbed, courier.CodeUnknownChannel, courier.CodeSMSDisabled}),
		},
		"list-nodes":   {status: ok, response: reflect.TypeFor[nodesAnswer](), codes: []courier.ErrorCode{courier.CodeStoreUnavailable}},
		"metrics":      {status: ok, contentType: "text/plain"},
		"openapi-json": {status: ok, contentType: "application/openapi+json"},
		"openapi-yaml": {status: ok, contentType: "application/openapi+yaml"},
		"health-alive": {status: ok, response: reflect.TypeFor[healthAnswer]()},
		"health-ready": {status: ok, response: reflect.TypeFor[healthAnswer](), codes: stored},
		"version":      {status: ok, response: reflect.TypeFor[Version]()},
	}
}

func concat(lists ...[]courier.ErrorCode) []courier.ErrorCode {
	var all []courier.ErrorCode
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// apply completes an operation.
func (d description) apply(operation *huma.Operation, scope Scope, registry huma.Registry) {
	operation.Parameters = d.parameters
	if d.request != nil {
		operation.RequestBody = &huma.RequestBody{Required: !d.optional, Content: map[string]*huma.MediaType{
			"application/json": {Schema: registry.Schema(d.request, true, "")},
		}}
	}
	operation.Responses = map[string]*huma.Response{strconv.Itoa(d.status): d.success(registry)}
	codes := d.codes
	if scope != "" {
		operation.Security = []map[string][]string{{"bearer": {}}, {"header": {}}}
		operation.Extensions = map[string]any{"x-scope": scope}
		codes = append([]courier.ErrorCode{courier.CodeUnauthorized, courier.CodeForbidden}, codes...)
	}
	addProblems(operation, codes, registry)
}

func (d description) success(registry huma.Registry) *huma.Response {
	response := &huma.Response{Description: http.StatusText(d.status)}
	if d.response == nil {
		response.Content = map[string]*huma.MediaType{d.contentType: {Schema: &huma.Schema{Type: huma.TypeString}}}
		return response
	}
	response.Content = map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(d.response, true, "")}}
	return response
}

// addProblems lists the codes that an operation may answer, by HTTP status.
func addProblems(operation *huma.Operation, codes []courier.ErrorCode, registry huma.Registry) {
	names := make(map[string][]string)
	for _, code := range append(codes, courier.CodeInternal) {
		status := strconv.Itoa(code.HTTPStatus())
		names[status] = append(names[status], string(code))
	}
	for status, these := range names {
		operation.Responses[status] = &huma.Response{
			Description: "code: " + strings.Join(these, ", "),
			Content: map[string]*huma.MediaType{
				"application/problem+json": {Schema: registry.Schema(reflect.TypeFor[problem](), true, "")},
			},
		}
	}
}
