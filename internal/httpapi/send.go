package httpapi

import (
	"context"
	"errors"
	"net/http"

	"courier"
)

// Accepted is the answer for a message that was taken.
type Accepted struct {
	ID        courier.ID     `json:"id" format:"uuid" doc:"The message's id, a UUID version 7."`
	Status    courier.Status `json:"status" example:"queued" doc:"Where the message stands."`
	To        string         `json:"to" example:"+12065550199" doc:"The recipient in E.164, or as given when recipients.validation is off."`
	CreatedAt moment         `json:"created_at" doc:"When the message was taken."`
}

func newAccepted(m *courier.Message) Accepted {
	return Accepted{ID: m.ID, Status: m.Status, To: m.To, CreatedAt: moment(m.CreatedAt)}
}

// headerReplayed tells a repeat, whose answer is that of the first request.
const headerReplayed = "Idempotency-Replayed"

// headerKey carries the key of a single message.
const headerKey = "Idempotency-Key"

func (a *API) send(w http.ResponseWriter, r *http.Request, _ caller) error {
	var message *courier.Message
	err := a.withBody(w, r, a.options.MaxBodySize, func(text []byte) error {
		var err error
		message, err = a.acceptOne(r, text)
		return err
	})
	if err != nil {
		return err
	}
	stored, replayed, err := a.enqueueOne(r.Context(), message)
	if err != nil {
		return err
	}
	if replayed {
		w.Header().Set(headerReplayed, "true")
	}
	return a.writeJSON(w, http.StatusAccepted, newAccepted(stored))
}

func (a *API) acceptOne(r *http.Request, text []byte) (*courier.Message, error) {
	draft, err := decodeDraft(text, false)
	if err != nil {
		return nil, err
	}
	if draft.IdempotencyKey, err = idempotencyKey(r.Header); err != nil {
		return nil, err
	}
	draft.TraceParent = traceParent(r.Context())
	message, err := a.options.Intake.Accept(draft)
	if fault, ok := errors.AsType[*courier.Error](err); ok && fault.Field == "idempotency_key" {
		fault.Field = inHeader + headerKey
	}
	return message, err
}

// idempotencyKey returns the caller's key, or nothing when none is given.
func idempotencyKey(header http.Header) (string, error) {
	values := header.Values(headerKey)
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || values[0] == "" {
		return "", invalid(inHeader+headerKey, "give one key of 1 to 255 visible ASCII characters, or leave the header out")
	}
	return values[0], nil
}

// enqueueOne also reports whether the message is an earlier one with the same key.
func (a *API) enqueueOne(ctx context.Context, message *courier.Message) (*courier.Message, bool, error) {
	results, err := a.options.Engine.Enqueue(ctx, []*courier.Message{message})
	if err != nil {
		return nil, false, err
	}
	if len(results) != 1 {
		return nil, false, errResultCount
	}
	if results[0].Err != nil {
		return nil, false, atIdempotencyKey(results[0].Err, inHeader+headerKey)
	}
	return results[0].Message, results[0].Duplicate, nil
}

// atIdempotencyKey names the key as what is at fault in a conflict.
func atIdempotencyKey(err error, field string) error {
	fault := asFault(err)
	if fault.Code == courier.CodeIdempotencyConflict {
		fault.Field = field
	}
	return fault
}

// errResultCount reports a fault of the engine.
var errResultCount = errors.New("the engine answered for another number of messages than it was given")
