package httpapi

import (
	"errors"
	"log/slog"

	"github.com/go-json-experiment/json/jsontext"

	"courier"
	"courier/internal/store"
)

// batchFactor is how much larger than one message a batch may be.
const batchFactor = 8

// The header that carries the key of a single message, and the one that marks a
// repeat, whose answer is that of the first request.
const (
	headerKey      = "Idempotency-Key"
	headerReplayed = "Idempotency-Replayed"
	// fieldKey carries it in a batch.
	fieldKey = "idempotency_key"
)

// accepted is the answer for a message that was taken.
type accepted struct {
	ID        courier.ID     `json:"id" format:"uuid" doc:"The message's id, a UUID version 7."`
	Status    courier.Status `json:"status" example:"queued" doc:"Where the message stands."`
	To        string         `json:"to" example:"+12065550199" doc:"The recipient in E.164, or as given when recipients.validation is off."`
	CreatedAt moment         `json:"created_at" doc:"When the message was taken."`
	Replayed  bool           `json:"replayed,omitzero" doc:"True when the idempotency key was used before, or the message repeats one with its supersede_key, recipient and content within 30 seconds: this is the first message, and no new one was made. Absent otherwise."`
	Warnings  []string       `json:"warnings,omitempty" doc:"What had better be different in the text, such as a code that is not in the first segment. Absent when there is nothing to say."`
}

// batchResponse is the answer to a batch.
type batchResponse struct {
	Results []batchResult `json:"results" nullable:"false" doc:"One for each message of the request, in the same order."`
}

// batchResult is what became of one message: it was taken, or Error says why not.
type batchResult struct {
	Index     int            `json:"index" doc:"The message's place in the request, from 0."`
	ID        courier.ID     `json:"id,omitzero" format:"uuid" doc:"As for a single message."`
	Status    courier.Status `json:"status,omitempty" example:"queued"`
	To        string         `json:"to,omitempty" example:"+12065550199"`
	CreatedAt moment         `json:"created_at,omitzero"`
	Replayed  bool           `json:"replayed,omitzero" doc:"As for a single message."`
	Warnings  []string       `json:"warnings,omitempty" doc:"As for a single message."`
	Error     *refusal       `json:"error,omitempty" doc:"Why the message was not taken. Without it, the message was taken."`
}

type refusal struct {
	Code   courier.ErrorCode `json:"code" example:"invalid_recipient" doc:"The stable name of the problem."`
	Detail string            `json:"detail" doc:"What is wrong and what to do next."`
	Field  string            `json:"field,omitempty" example:"to" doc:"The field at fault."`
}

func (a *API) send(c *call) (any, error) {
	var part batchPart
	if err := decodeBody(c, a.options.MaxBodySize, &part.request.MessageRequest); err != nil {
		return nil, err
	}
	if keys := c.r.Header.Values(headerKey); len(keys) > 1 || len(keys) == 1 && keys[0] == "" {
		return nil, invalid(inHeader+headerKey, "give one key of 1 to 255 visible ASCII characters, or leave the header out")
	}
	part.request.IdempotencyKey = c.r.Header.Get(headerKey)
	results, err := a.take(c, []batchPart{part})
	if err != nil {
		return nil, err
	}
	if err := results[0].Err; err != nil {
		fault := FaultOf(err)
		if fault.Field == fieldKey {
			fault.Field = inHeader + headerKey
		}
		return nil, fault
	}
	if results[0].Duplicate {
		c.w.Header().Set(headerReplayed, "true")
	}
	m := results[0].Message
	return newAccepted(m, results[0].Duplicate), nil
}

func newAccepted(m *courier.Message, replayed bool) accepted {
	return accepted{m.ID, m.Status, m.To, moment(m.CreatedAt), replayed, m.Warnings}
}

func (a *API) sendBatch(c *call) (any, error) {
	if len(c.r.Header.Values(headerKey)) > 0 {
		return nil, invalid(inHeader+headerKey, "a batch has no key of its own; give each message its idempotency_key")
	}
	var request batchRequest
	// What is wrong within a message is found when that is decoded by itself.
	if err := decodeBody(c, a.options.MaxBodySize*batchFactor, &request, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, err
	}
	if len(request.Messages) == 0 {
		return nil, invalid("messages", `the batch is empty; send {"messages": [{"to": "…", "body": "…"}]}`)
	}
	results, err := a.take(c, request.Messages)
	if err != nil {
		return nil, err
	}
	answer := batchResponse{make([]batchResult, len(results))}
	for i, r := range results {
		if r.Err != nil {
			fault := FaultOf(r.Err)
			answer.Results[i] = batchResult{Index: i, Error: &refusal{Code: fault.Code, Detail: fault.Message, Field: fault.Field}}
			continue
		}
		m := r.Message
		answer.Results[i] = batchResult{Index: i, ID: m.ID, Status: m.Status, To: m.To, CreatedAt: moment(m.CreatedAt), Replayed: r.Duplicate, Warnings: m.Warnings}
	}
	return answer, nil
}

// taken is what became of a message: it is stored, or Err says why not.
type taken struct {
	store.Enqueued
	// endFunc is called with whether the message was in conflict with an earlier one.
	endFunc func(conflict bool)
}

// take judges messages, stores the good ones in one transaction and answers for
// each. The log says who sent them.
func (a *API) take(c *call, parts []batchPart) ([]taken, error) {
	results := make([]taken, len(parts))
	defer func() {
		for i := range results {
			if end := results[i].endFunc; end != nil {
				end(errors.Is(results[i].Err, store.ErrIdempotencyConflict))
			}
		}
	}()
	trace := traceParent(c.r.Context())
	good, places := make([]*courier.Message, 0, len(parts)), make([]int, 0, len(parts))
	for i := range parts {
		m, err := a.accept(c, &parts[i], trace)
		if err == nil {
			results[i].endFunc, err = a.conflicts.begin(m)
		}
		if results[i].Err = err; err == nil {
			good, places = append(good, m), append(places, i)
		}
	}
	if len(good) == 0 {
		return results, nil
	}
	stored, err := a.options.Engine.Enqueue(c.r.Context(), good)
	if err != nil {
		return nil, err
	}
	if len(stored) != len(good) {
		return nil, errors.New("the engine answered for another number of messages than it was given")
	}
	for n, i := range places {
		results[i].Enqueued = stored[n]
		if err := stored[n].Err; err != nil {
			fault := FaultOf(err)
			if fault.Code == courier.CodeIdempotencyConflict {
				fault.Field = fieldKey
			}
			results[i].Err = fault
		}
	}
	a.logSent(c, results)
	return results, nil
}

// accept judges a message that the caller wants to send.
func (a *API) accept(c *call, part *batchPart, trace string) (*courier.Message, error) {
	if part.fault != nil {
		return nil, part.fault
	}
	draft, err := part.request.draft()
	if err != nil {
		return nil, err
	}
	draft.Caller, draft.IdempotencyKey, draft.TraceParent = c.by.Name, part.request.IdempotencyKey, trace
	return a.options.Intake.Accept(draft)
}

// logSent says which API key sent which messages. Without keys there is nobody to name.
func (a *API) logSent(c *call, results []taken) {
	ctx := c.r.Context()
	if c.by.Name == "" || !a.options.Logger.Enabled(ctx, slog.LevelInfo) {
		return
	}
	ids, replayed := make([]string, 0, len(results)), 0
	for i := range results {
		if results[i].Err != nil {
			continue
		}
		ids = append(ids, results[i].Message.ID.String())
		if results[i].Duplicate {
			replayed++
		}
	}
	attributes := []slog.Attr{slog.String("api_key", c.by.Name)}
	switch len(ids) {
	case 0:
		return
	case 1:
		attributes = append(attributes, slog.String("message_id", ids[0]))
	default:
		attributes = append(attributes, slog.Any("message_ids", ids))
	}
	if replayed > 0 {
		attributes = append(attributes, slog.Int("replayed", replayed))
	}
	a.options.Logger.LogAttrs(ctx, slog.LevelInfo, "messages accepted", attributes...)
}
