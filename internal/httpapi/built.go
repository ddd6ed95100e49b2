package httpapi

import (
	"context"
	"errors"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"courier"
)

// builtList are the requests of a message.
type builtList struct {
	Masked   bool           `json:"masked" doc:"Whether number and text are masked, as the key lacks the scope read_body."`
	Requests []builtRequest `json:"requests" nullable:"false" doc:"One for each gateway that the message was attempted through, in the order of the first attempts."`
}

// builtRequest is the request of a message to one gateway.
type builtRequest struct {
	Gateway string           `json:"gateway" doc:"The gateway."`
	Attempt int              `json:"attempt" doc:"The attempt that it is built for, the last through the gateway."`
	Request maybe[TrialSent] `json:"request" doc:"The request; null when it cannot be built."`
	Fault   *string          `json:"fault" doc:"Why it cannot be built."`
}

// builtRequests builds the requests of a message's attempts anew: what was sent is not kept.
func (a *API) builtRequests(c *call, id courier.ID) (any, error) {
	m, attempts, err := a.options.Store.Message(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	list := builtList{Masked: !c.by.may(ScopeReadBody), Requests: []builtRequest{}}
	for i := range attempts {
		at := slices.IndexFunc(list.Requests, func(r builtRequest) bool { return r.Gateway == attempts[i].Gateway })
		if at < 0 {
			at = len(list.Requests)
			list.Requests = append(list.Requests, builtRequest{Gateway: attempts[i].Gateway})
		}
		list.Requests[at].Attempt = attempts[i].Number
	}
	if list.Masked {
		m = masked(m)
	}
	for i := range list.Requests {
		r := &list.Requests[i]
		if r.Request.Value, err = a.build(c.r.Context(), m, r); err != nil {
			text := err.Error()
			if _, render := errors.AsType[*courier.RenderError](err); render && list.Masked {
				text += " (number and text are masked for your key, which may be why)"
			}
			r.Fault = &text
		}
	}
	return list, c.r.Context().Err()
}

func (a *API) build(ctx context.Context, m *courier.Message, r *builtRequest) (*TrialSent, error) {
	switch {
	case !m.ScrubbedAt.IsZero():
		return nil, invalid("", "the text was deleted, as retention.scrub_after says")
	case a.options.Workbench == nil:
		return nil, invalid("", "nothing here builds requests")
	}
	attempted := *m
	attempted.SendCount = r.Attempt - 1
	return a.options.Workbench.Request(ctx, r.Gateway, &attempted)
}

// masked returns a message without what only read_body may see. What a template makes of
// it cannot give that away, however it writes the text.
func masked(m *courier.Message) *courier.Message {
	hidden := *m
	hidden.To, hidden.Body = courier.MaskRecipient(m.To), redacted
	if m.Subject != "" {
		hidden.Subject = redacted
	}
	hidden.TemplateData, hidden.RequestHeaders = maskedJSON(m.TemplateData), maskedJSON(m.RequestHeaders)
	return &hidden
}

// maskedJSON keeps the names of fields, and what is true or false. What is no JSON is left out.
func maskedJSON(document []byte) []byte {
	var value any
	if len(document) == 0 || json.Unmarshal(document, &value, jsontext.AllowDuplicateNames(true)) != nil {
		return nil
	}
	hidden, _ := json.Marshal(maskedValue(value), json.Deterministic(true)) // what was JSON is again
	return hidden
}

func maskedValue(value any) any {
	switch value := value.(type) {
	case string:
		return redacted
	case float64:
		return 0
	case []any:
		for i := range value {
			value[i] = maskedValue(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = maskedValue(value[name])
		}
	}
	return value
}
