package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"courier"
)

// maxBatch is the most messages of a batch.
const maxBatch = 1000

// batchAnswer is the answer to a batch, a result for each message in order.
type batchAnswer struct {
	Results []batchResult `json:"results" nullable:"false" doc:"One for each message of the request, in the same order."`
}

// batchResult is what became of one message: it was taken, or Error says why not.
type batchResult struct {
	Index     int            `json:"index" doc:"The message's place in the request, from 0."`
	ID        courier.ID     `json:"id,omitzero" format:"uuid" doc:"As for a single message."`
	Status    courier.Status `json:"status,omitempty" example:"queued"`
	To        string         `json:"to,omitempty" example:"+12065550199"`
	CreatedAt moment         `json:"created_at,omitzero"`
	Error     *refusal       `json:"error,omitempty" doc:"Why the message was not taken. Without it, the message was taken."`
}

type refusal struct {
	Code   courier.ErrorCode `json:"code" example:"invalid_recipient" doc:"The stable name of the problem."`
	Detail string            `json:"detail" doc:"What is wrong and what to do next."`
	Field  string            `json:"field,omitempty" example:"to" doc:"The field at fault."`
}

// batch is a batch on its way: a message, or why there is none, for each index.
type batch struct {
	messages []*courier.Message
	faults   []error
}

func (a *API) sendBatch(w http.ResponseWriter, r *http.Request, _ caller) error {
	if len(r.Header.Values(headerKey)) > 0 {
		return invalid(inHeader+headerKey, "a batch has no key of its own; give each message its idempotency_key")
	}
	var asked batch
	parent := traceParent(r.Context())
	err := a.withBody(w, r, a.options.MaxBodySize*batchFactor, func(text []byte) error {
		fields := batchFields{accept: a.acceptPart(parent)}
		if err := decodeFields(text, &fields); err != nil {
			return err
		}
		if !fields.given {
			return invalid("messages", `the batch is empty; send {"messages": [{"to": "…", "body": "…"}]}`)
		}
		asked = fields.batch
		return nil
	})
	if err != nil {
		return err
	}
	results, err := a.enqueueBatch(r.Context(), asked)
	if err != nil {
		return err
	}
	return a.writeJSON(w, http.StatusAccepted, batchAnswer{Results: results})
}

// acceptPart judges one message of a batch.
func (a *API) acceptPart(parent string) func(text []byte) (*courier.Message, error) {
	return func(text []byte) (*courier.Message, error) {
		draft, err := decodeDraft(text, true)
		if err != nil {
			return nil, err
		}
		draft.TraceParent = parent
		return a.options.Intake.Accept(draft)
	}
}

// batchFields are the fields of a batch.
type batchFields struct {
	accept func(text []byte) (*courier.Message, error)
	batch  batch
	given  bool
}

func (f *batchFields) names() []string { return []string{"messages"} }

func (f *batchFields) set(name string, value []byte) (bool, *courier.Error) {
	if name != "messages" {
		return false, nil
	}
	isArray, err := walkArray(value, func(part []byte) error {
		if len(f.batch.faults) == maxBatch {
			return invalid("", fmt.Sprintf("the batch has more than %d messages; split it", maxBatch))
		}
		message, err := f.accept(part)
		f.batch.messages = append(f.batch.messages, message)
		f.batch.faults = append(f.batch.faults, err)
		return nil
	})
	f.given = len(f.batch.faults) > 0
	switch {
	case err != nil:
		return true, asFault(err)
	case !isArray:
		return true, invalid("", "it must be an array of messages, not "+kindOf(value))
	}
	return true, nil
}

// enqueueBatch stores the good messages in one transaction and answers for all.
func (a *API) enqueueBatch(ctx context.Context, asked batch) ([]batchResult, error) {
	results := make([]batchResult, len(asked.faults))
	good := make([]*courier.Message, 0, len(asked.faults))
	for i, fault := range asked.faults {
		results[i] = batchResult{Index: i}
		if fault != nil {
			results[i].Error = newRefusal(fault)
			continue
		}
		good = append(good, asked.messages[i])
	}
	if len(good) == 0 {
		return results, nil
	}
	stored, err := a.options.Engine.Enqueue(ctx, good)
	if err != nil {
		return nil, err
	}
	if len(stored) != len(good) {
		return nil, errResultCount
	}
	for i := range results {
		if results[i].Error != nil {
			continue
		}
		if stored[0].Err != nil {
			results[i].Error = newRefusal(atIdempotencyKey(stored[0].Err, "idempotency_key"))
		} else {
			m := stored[0].Message
			results[i].ID, results[i].Status, results[i].To, results[i].CreatedAt = m.ID, m.Status, m.To, moment(m.CreatedAt)
		}
		stored = stored[1:]
	}
	return results, nil
}

func newRefusal(err error) *refusal {
	fault := asFault(err)
	return &refusal{Code: fault.Code, Detail: fault.Message, Field: fault.Field}
}
