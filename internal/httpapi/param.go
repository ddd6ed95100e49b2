package httpapi

import (
	"github.com/danielgtaylor/huma/v2"
)

func idempotencyParam() *huma.Param {
	least, most := 1, 255
	return &huma.Param{
		Name: "Idempotency-Key", In: "header",
		Description: "Makes it safe to repeat the request: a repeat is answered with the first message, another message under the same key is refused. Visible ASCII characters.",
		Schema:      &huma.Schema{Type: huma.TypeString, MinLength: &least, MaxLength: &most, Pattern: "^[!-~]+$"},
	}
}

func idParam() *huma.Param {
	return &huma.Param{
		Name: "id", In: "path", Required: true, Description: "The id of a message.",
		Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"},
	}
}

func listParams(registry huma.Registry) []*huma.Param {
	least, most := 1.0, float64(maxPageSize)
	text := &huma.Schema{Type: huma.TypeString}
	return []*huma.Param{
		{Name: "status", In: "query", Description: "Only messages of this status.", Schema: status("").Schema(registry)},
		{Name: "to", In: "query", Description: "Only messages to this recipient.", Schema: text},
		{Name: "gateway", In: "query", Description: "Only messages that wait for this gateway or were last attempted through it.", Schema: text},
		{Name: "page_size", In: "query", Description: "The most messages of a page.", Schema: &huma.Schema{
			Type: huma.TypeInteger, Minimum: &least, Maximum: &most, Default: defaultPageSize,
		}},
		{Name: "page_token", In: "query", Description: "The next_page_token of the page before.", Schema: text},
	}
}
