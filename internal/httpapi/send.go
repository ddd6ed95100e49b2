package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"courier"
	"courier/internal/store"
)

// batchFactor is how much larger than one message a batch may be.
const batchFactor = 8

// The header that carries the key of a single message, and the one that tells a
// repeat, whose answer is that of the first request.
const (
	headerKey      = "Idempotency-Key"
	headerReplayed = "Idempotency-Replayed"
)

// accepted is the answer for a message that was taken.
type accepted struct {
	ID        courier.ID     `json:"id" format:"uuid" doc:"The message's id, a UUID version 7."`
	Status    courier.Status `json:"status" example:"queued" doc:"Where the message stands."`
	To        string         `json:"to" example:"+12065550199" doc:"The recipient in E.164, or as given when recipients.validation is off."`
	CreatedAt moment         `json:"created_at" doc:"When the message was taken."`
	Replayed  bool           `json:"replayed,omitzero" doc:"True when the idempotency key was used before: this is the first message that had it, and no new one was made. Absent otherwise."`
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
	Error     *refusal       `json:"error,omitempty" doc:"Why the message was not taken. Without it, the message was taken."`
}

type refusal struct {
	Code   courier.ErrorCode `json:"code" example:"invalid_recipient" doc:"The stable name of the problem."`
	Detail string            `json:"detail" doc:"What is wrong and what to do next."`
	Field  string            `json:"field,omitempty" example:"to" doc:"The field at fault."`
}

func (a *API) send(c *call) (any, error) {
	var request MessageRequest
	if err := decodeBody(c, a.options.MaxBodySize, &request); err != nil {
		return nil, err
	}
	key, err := idempotencyKey(c.r.Header)
	if err != nil {
		return nil, err
	}
	m, err := a.accept(c, &request, key)
	if err != nil {
		return nil, atIdempotencyKey(err, inHeader+headerKey)
	}
	results, err := a.enqueue(c, []*courier.Message{m})
	if err != nil {
		return nil, err
	}
	if err := results[0].Err; err != nil {
		return nil, atIdempotencyKey(err, inHeader+headerKey)
	}
	if results[0].Duplicate {
		c.w.Header().Set(headerReplayed, "true")
	}
	stored := results[0].Message
	return accepted{stored.ID, stored.Status, stored.To, moment(stored.CreatedAt), results[0].Duplicate}, nil
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

func (a *API) sendBatch(c *call) (any, error) {
	if len(c.r.Header.Values(headerKey)) > 0 {
		return nil, invalid(inHeader+headerKey, "a batch has no key of its own; give each message its idempotency_key")
	}
	var request batchRequest
	if err := decodeBody(c, a.options.MaxBodySize*batchFactor, &request, readBatch()); err != nil {
		return nil, err
	}
	if len(request.Messages) == 0 {
		return nil, invalid("messages", `the batch is empty; send {"messages": [{"to": "…", "body": "…"}]}`)
	}
	results := make([]batchResult, len(request.Messages))
	good := make([]*courier.Message, 0, len(results))
	places := make([]int, 0, len(results))
	for i := range request.Messages {
		results[i].Index = i
		m, err := a.acceptPart(c, &request.Messages[i])
		if err != nil {
			results[i].Error = newRefusal(err)
			continue
		}
		good, places = append(good, m), append(places, i)
	}
	if len(good) == 0 {
		return batchResponse{results}, nil
	}
	stored, err := a.enqueue(c, good)
	if err != nil {
		return nil, err
	}
	for n, i := range places {
		if err := stored[n].Err; err != nil {
			results[i].Error = newRefusal(atIdempotencyKey(err, "idempotency_key"))
			continue
		}
		m := stored[n].Message
		results[i] = batchResult{Index: i, ID: m.ID, Status: m.Status, To: m.To, CreatedAt: moment(m.CreatedAt), Replayed: stored[n].Duplicate}
	}
	return batchResponse{results}, nil
}

// acceptPart judges one message of a batch.
func (a *API) acceptPart(c *call, part *batchPart) (*courier.Message, error) {
	if part.fault != nil {
		return nil, part.fault
	}
	return a.accept(c, &part.request.MessageRequest, part.request.IdempotencyKey)
}

func newRefusal(err error) *refusal {
	fault := asFault(err)
	return &refusal{Code: fault.Code, Detail: fault.Message, Field: fault.Field}
}

// accept judges a message that the caller wants to send.
func (a *API) accept(c *call, request *MessageRequest, key string) (*courier.Message, error) {
	draft, err := request.draft()
	if err != nil {
		return nil, err
	}
	draft.Caller, draft.IdempotencyKey, draft.TraceParent = c.by.name, key, traceParent(c.r.Context())
	return a.options.Intake.Accept(draft)
}

// atIdempotencyKey names the key where the caller gave it.
func atIdempotencyKey(err error, field string) error {
	fault := asFault(err)
	if fault.Code == courier.CodeIdempotencyConflict || fault.Code == courier.CodeRateLimited || fault.Field == "idempotency_key" {
		fault.Field = field
	}
	return fault
}

// errResultCount reports a fault of the engine.
var errResultCount = errors.New("the engine answered for another number of messages than it was given")

// enqueue stores messages in one transaction and answers for each. The log says
// who sent them.
func (a *API) enqueue(c *call, messages []*courier.Message) ([]store.Enqueued, error) {
	answers := make([]store.Enqueued, len(messages))
	places := make([]int, 0, len(messages))
	passed := make([]*courier.Message, 0, len(messages))
	ends := make([]func(conflict bool), len(messages))
	defer func() {
		for i, end := range ends {
			if end != nil {
				end(errors.Is(answers[i].Err, store.ErrIdempotencyConflict))
			}
		}
	}()
	for i, m := range messages {
		var wait time.Duration
		if wait, ends[i] = a.conflicts.begin(m); wait > 0 {
			answers[i].Err = tooManyConflicts(wait)
			continue
		}
		places, passed = append(places, i), append(passed, m)
	}
	if len(passed) == 0 {
		return answers, nil
	}
	stored, err := a.options.Engine.Enqueue(c.r.Context(), passed)
	if err != nil {
		return nil, err
	}
	if len(stored) != len(passed) {
		return nil, errResultCount
	}
	for n, i := range places {
		answers[i] = stored[n]
	}
	a.logSent(c, answers)
	return answers, nil
}

func tooManyConflicts(wait time.Duration) error {
	return &courier.Error{
		Code:    courier.CodeRateLimited,
		Message: fmt.Sprintf("too many different messages were sent under this idempotency key; use a new key for another message, or repeat the first one in %s", wait.Round(time.Second)),
		Err:     &waitError{wait},
	}
}

// logSent says which API key sent which messages. Without keys there is nobody to name.
func (a *API) logSent(c *call, answers []store.Enqueued) {
	ctx := c.r.Context()
	if c.by.name == "" || !a.options.Logger.Enabled(ctx, slog.LevelInfo) {
		return
	}
	ids, replayed := make([]string, 0, len(answers)), 0
	for i := range answers {
		if answers[i].Err != nil {
			continue
		}
		ids = append(ids, answers[i].Message.ID.String())
		if answers[i].Duplicate {
			replayed++
		}
	}
	attributes := []slog.Attr{slog.String("api_key", c.by.name)}
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
