package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"courier"
)

func (g *Gateway) renderBody(ctx context.Context, m *courier.Message) ([]byte, error) {
	size := 512 + len(m.Body)*2 + len(m.TemplateData) + len(m.RequestHeaders) + len(m.Metadata) + len(g.params)
	input, err := g.appendContext(make([]byte, 0, size), m, g.nowFunc())
	if err != nil {
		return nil, err
	}
	result, err := g.template.Evaluate(ctx, input)
	if err != nil {
		return nil, err
	}
	return encodeBody(g.kind, result)
}

func encodeBody(kind bodyKind, result []byte) ([]byte, error) {
	switch kind {
	case bodyForm:
		return encodeForm(result)
	case bodyText:
		return encodeText(result)
	case bodyJSON:
	}
	if first(result) == 0 {
		return nil, errors.New("template gave nothing")
	}
	return result, nil
}

// encodeText takes the string that a template for any other content type gives.
func encodeText(result []byte) ([]byte, error) {
	if first(result) != '"' {
		return nil, fmt.Errorf("template gave %s: the Content-Type header asks for text, so return a string "+
			"(std.manifestJson makes one), or set Content-Type to %s or %s", kindName(result), mediaJSON, mediaForm)
	}
	var text string
	if err := json.Unmarshal(result, &text); err != nil {
		return nil, errors.New("template gave text that is not JSON")
	}
	return []byte(text), nil
}
