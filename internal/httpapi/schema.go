package httpapi

import (
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"courier"
)

// The types below are those of package courier with their schemas.
type (
	status   courier.Status
	outcome  courier.Outcome
	encoding courier.Encoding
)

// Schema implements huma.SchemaProvider.
func (status) Schema(huma.Registry) *huma.Schema {
	return enumeration("Where the message stands.", courier.Statuses())
}

// Schema implements huma.SchemaProvider.
func (outcome) Schema(huma.Registry) *huma.Schema {
	return enumeration("What the attempt came to.", courier.Outcomes())
}

// Schema implements huma.SchemaProvider.
func (encoding) Schema(huma.Registry) *huma.Schema {
	return enumeration("The alphabet in which the text travels.", []courier.Encoding{courier.EncodingGSM7, courier.EncodingUCS2})
}

func enumeration[T ~string](description string, values []T) *huma.Schema {
	schema := &huma.Schema{Type: huma.TypeString, Description: description}
	for _, value := range values {
		schema.Enum = append(schema.Enum, string(value))
	}
	return schema
}

// Schema implements huma.SchemaProvider.
func (jsonObject) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Nullable: true, AdditionalProperties: true}
}

// maybeFault is a Fault, or null.
type maybeFault struct{ *Fault }

// MarshalJSON implements json.Marshaler.
func (f maybeFault) MarshalJSON() ([]byte, error) { return json.Marshal(f.Fault) }

// Schema implements huma.SchemaProvider.
func (maybeFault) Schema(registry huma.Registry) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{
		registry.Schema(reflect.TypeFor[Fault](), true, "Fault"), {Type: "null"},
	}}
}
