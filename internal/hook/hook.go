// Package hook takes the calls with which identity systems ask for a text message, each
// as its system makes them, and answers as that system understands. What is sent and
// expected was read in the systems' own sources.
package hook

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"courier"
	"courier/internal/signature"
	"courier/internal/store"
)

const (
	// storeWait is how long a call waits for a store that is away: some systems try
	// again at once, and some never.
	storeWait  = 2 * time.Second
	storePause = 100 * time.Millisecond
	// maxSentence is how much of an answer some systems show to their users.
	maxSentence = 160
)

// Options describe a hook.
type Options struct {
	// ID is the hook's name in its address.
	ID string
	// Type is one of Types.
	Type string
	// Secrets are those of the caller, each of which is good.
	Secrets []string
	// User is the name for Basic authentication; empty takes any.
	User string
	// Template is the type of message whose text is sent, even if the call has one.
	Template string
	// Channel and From are those of the messages, and Lane that of those which name none;
	// empty for the default.
	Channel, From string
	Lane          courier.Lane
	// TTL is how long a code is sent, Dedupe how long an equal call is a repeat; 0 for
	// what fits the type.
	TTL, Dedupe time.Duration
	// Domain is the one that codes are bound to in our texts.
	Domain string
	// Locale is that of calls that name none.
	Locale string

	Messages Messages
	Texts    Texts
	// NowFunc is the clock; nil is time.Now.
	NowFunc func() time.Time
}

// Messages takes messages.
type Messages interface {
	// Accept returns the message that a draft asks for. Errors are *courier.Error.
	Accept(draft courier.Draft) (*courier.Message, error)
	// Enqueue stores messages durably and sees to it that they are sent.
	Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error)
	// Reject stores a message that can never be sent, with the reason, and gives it an id.
	Reject(ctx context.Context, message *courier.Message, reason *courier.Attempt) (store.Enqueued, error)
	// Messages lists messages, the newest first.
	Messages(ctx context.Context, query store.Query) (store.Page, error)
	// Cancel withdraws a message.
	Cancel(ctx context.Context, id courier.ID, now time.Time) (*courier.Message, error)
}

// Texts makes the texts of codes.
type Texts interface {
	// Render returns the text of a type of message, in a language if there is one. An
	// error quotes nothing of the data.
	Render(kind, locale, to, domain string, data json.RawMessage) (string, error)
}

// Result is what became of a call, for the metrics.
type Result string

// The results of calls.
const (
	ResultAccepted     Result = "accepted"
	ResultRepeated     Result = "repeated"
	ResultRejected     Result = "rejected"
	ResultUnauthorized Result = "unauthorized"
	ResultMalformed    Result = "malformed"
	ResultLimited      Result = "limited"
	ResultUnavailable  Result = "unavailable"
)

// Answer is what a caller is told.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
	// RetryAfter is for the header of that name, empty for none.
	RetryAfter string
	Result     Result
	// Err is what the log may say of a fault of ours; it holds nothing of the call.
	Err error
}

// Hook serves the calls of one identity system. It is safe for concurrent use.
type Hook struct {
	options   Options
	kind      kind
	verifiers []signature.Verifier
	// locks keep equal calls apart, so that one of them finds the other's message. Each has
	// room for the call that holds it.
	locks [64]chan struct{}
	seed  maphash.Seed
}

// New returns a hook, or what is wrong with its options.
func New(options Options) (*Hook, error) {
	found, ok := kinds()[options.Type]
	if !ok {
		return nil, fmt.Errorf("type: no identity system is called %q; there are %s", options.Type, strings.Join(Types(), ", "))
	}
	if len(options.Secrets) == 0 || slices.Contains(options.Secrets, "") {
		return nil, errors.New("it is missing; give the one that the identity system was given")
	}
	if options.NowFunc == nil {
		options.NowFunc = time.Now
	}
	h := &Hook{options: options, kind: found, seed: maphash.MakeSeed()}
	for i := range h.locks {
		h.locks[i] = make(chan struct{}, 1)
	}
	for _, make := range found.auth {
		one, err := make(&h.options)
		if err != nil {
			return nil, err
		}
		h.verifiers = append(h.verifiers, one)
	}
	return h, nil
}

// HasSecret reports whether a secret in an address is one of the hook's.
func (h *Hook) HasSecret(text string) bool { return oneOf(h.options.Secrets, text) }

// Serve takes a call. inAddress is true when its address had a secret of the hook.
func (h *Hook) Serve(ctx context.Context, r *signature.Request, inAddress bool) Answer {
	now := h.options.NowFunc()
	if !inAddress && !h.authentic(r, now) {
		return h.refuse(http.StatusUnauthorized, ResultUnauthorized, "The SMS service does not know this caller: check the secret of the hook.")
	}
	c, err := h.kind.parse(r, &h.options)
	if err != nil {
		answer := h.refuse(http.StatusBadRequest, ResultMalformed, "The call is not as expected: "+err.Error()+".")
		answer.Err = err
		return answer
	}
	return h.take(ctx, c, now)
}

func (h *Hook) authentic(r *signature.Request, now time.Time) bool {
	good := false
	for _, v := range h.verifiers {
		good = v.Verify(r, now) == nil || good
	}
	return good
}

// take makes the message of a call and stores it.
func (h *Hook) take(ctx context.Context, c *call, now time.Time) Answer {
	draft, err := h.draft(c)
	if err != nil {
		return h.never(ctx, c, courier.Draft{}, courier.ClassTemplateError, "The text of the message could not be made.", err, now)
	}
	m, err := h.options.Messages.Accept(draft)
	if err != nil {
		class, sentence, passes := explain(err)
		if passes {
			return h.unavailable(err)
		}
		return h.never(ctx, c, draft, class, sentence, err, now)
	}
	answer, err := h.store(ctx, c, m, now)
	if limit, limited := errors.AsType[*courier.LimitError](err); limited {
		return h.limited(ctx, c, draft, limit, now)
	}
	return answer
}

// store stores the message of a call. The error is that of a limit, or nil.
func (h *Hook) store(ctx context.Context, c *call, m *courier.Message, now time.Time) (Answer, error) {
	waiting, done := context.WithTimeout(ctx, storeWait)
	defer done()
	unlock, err := h.lock(waiting, c)
	if err != nil {
		return h.unavailable(err), nil
	}
	defer unlock()
	if earlier := h.withKey(waiting, c, m); earlier != nil {
		return success(store.Enqueued{Message: earlier, Duplicate: true}, courier.StatusQueued, ResultRepeated), nil
	}
	stored, err := patiently(waiting, func() (store.Enqueued, error) {
		results, err := h.options.Messages.Enqueue(waiting, []*courier.Message{m})
		if err != nil {
			return store.Enqueued{}, err
		}
		return results[0], results[0].Err
	})
	switch {
	case errors.Is(err, store.ErrIdempotencyConflict):
		return h.refuse(http.StatusConflict, ResultMalformed, "The key of the call was used for a different message."), nil
	case isLimit(err):
		return Answer{}, err
	case ctx.Err() != nil && !stored.Duplicate:
		// The caller is gone, so the code is void, and may be stored whatever the error is.
		// What went out already cannot be helped.
		_, _ = h.options.Messages.Cancel(context.WithoutCancel(ctx), m.ID, now)
	}
	if err != nil {
		return h.unavailable(err), nil
	}
	return success(stored, courier.StatusQueued, ResultAccepted), nil
}

func isLimit(err error) bool {
	_, limited := errors.AsType[*courier.LimitError](err)
	return limited
}

// limited answers a call for which limits leave no room. It is what is answered of a number
// that cannot be served: to wait is for the user, and most systems would try again at once.
// A program of one's own is told when.
func (h *Hook) limited(ctx context.Context, c *call, draft courier.Draft, limit *courier.LimitError, now time.Time) Answer {
	const sentence = "Too many codes were sent to this phone number. Please wait a while, or use the latest one."
	if c.kind == kindAsIs {
		answer := h.refuse(http.StatusTooManyRequests, ResultLimited, sentence)
		answer.RetryAfter, answer.Err = fmt.Sprint(int(limit.RetryAfter.Seconds())), limit
		return answer
	}
	return h.never(ctx, c, draft, courier.ClassRecipientRateLimited, sentence, limit, now)
}

// draft is the message that a call asks for.
func (h *Hook) draft(c *call) (courier.Draft, error) {
	o, draft := &h.options, c.asked
	draft.To, draft.Body, draft.Caller = c.to, c.body, callerPrefix+o.ID
	draft.Channel, draft.From, draft.Lane = cmp.Or(draft.Channel, o.Channel), cmp.Or(draft.From, o.From), cmp.Or(draft.Lane, o.Lane)
	if c.kind == kindAsIs {
		return draft, nil
	}
	draft.TemplateType, draft.TTL, draft.IsCode = cmp.Or(o.Template, c.kind), c.ttl.String(), true
	if c.key == "" { // each is a message, though all are the same
		draft.SupersedeKey = new("")
	}
	var err error
	if draft.Metadata, err = json.Marshal(map[string]string{"hook": o.ID, "hook_type": o.Type, "event": c.event}); err != nil {
		return draft, err
	}
	kept := c.data(draft.TemplateType, o.Domain)
	if draft.TemplateData, err = json.Marshal(kept); err != nil || o.Template == "" && c.body != "" {
		return draft, err
	}
	maps.Copy(kept, c.more)
	all, err := json.Marshal(kept)
	if err != nil {
		return draft, err
	}
	draft.Body, err = o.Texts.Render(draft.TemplateType, cmp.Or(c.locale, o.Locale), c.to, cmp.Or(c.domain, o.Domain), all)
	return draft, err
}

// callerPrefix and the id of a hook name it as the caller of its messages.
const callerPrefix = "hook:"

// withKey gives a message the key by which a repeat is known, and returns the one that was
// made within the window where this is a repeat of it, or else nil.
func (h *Hook) withKey(ctx context.Context, c *call, m *courier.Message) (earlier *courier.Message) {
	if c.key == "" {
		return nil
	}
	if c.window == 0 { // the caller's own key, which is good for as long as its message is kept
		m.IdempotencyKey = c.key
		return nil
	}
	prefix := c.key + "."
	m.IdempotencyKey = prefix + fmt.Sprint(m.CreatedAt.UnixNano()/int64(c.window))
	m.Fingerprint = sha256.Sum256([]byte(m.IdempotencyKey))
	// The message of an equal call may have the number of the window before.
	const looked = 50
	page, err := h.options.Messages.Messages(ctx, store.Query{To: m.To, Limit: looked})
	if err != nil {
		return nil // storing it will fail too, or find the repeat
	}
	for _, earlier := range page.Messages {
		if earlier.Caller == m.Caller && strings.HasPrefix(earlier.IdempotencyKey, prefix) && m.CreatedAt.Sub(earlier.CreatedAt) < c.window {
			return earlier
		}
	}
	return nil
}

// lock keeps equal calls apart, or returns the context's error.
func (h *Hook) lock(ctx context.Context, c *call) (unlock func(), err error) {
	if c.key == "" {
		return func() {}, nil
	}
	lock := h.locks[maphash.String(h.seed, c.key)%uint64(len(h.locks))]
	select {
	case lock <- struct{}{}:
		return func() { <-lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// patiently stores a message, and tries again while the context lasts.
func patiently(ctx context.Context, storeIt func() (store.Enqueued, error)) (store.Enqueued, error) {
	for {
		stored, err := storeIt()
		if err == nil || errors.Is(err, store.ErrIdempotencyConflict) || isLimit(err) {
			return stored, err
		}
		select {
		case <-ctx.Done():
			return store.Enqueued{}, err
		case <-time.After(storePause):
		}
	}
}

// never answers a call whose message can never be sent. A system that tries again
// without end is told that it was taken, and the message is kept as rejected.
func (h *Hook) never(ctx context.Context, c *call, draft courier.Draft, class courier.Class, sentence string, cause error, now time.Time) Answer {
	result, status := ResultRejected, http.StatusUnprocessableEntity
	if isLimit(cause) {
		result, status = ResultLimited, http.StatusTooManyRequests
	}
	switch {
	case h.kind.keepRejected:
		m := &courier.Message{
			Channel: courier.DefaultChannel, To: clean(c.to), From: draft.From, Body: draft.Body, TemplateType: draft.TemplateType,
			TemplateData: draft.TemplateData, Metadata: draft.Metadata, Caller: callerPrefix + h.options.ID, CreatedAt: now.UTC().Truncate(time.Microsecond),
		}
		waiting, done := context.WithTimeout(ctx, storeWait)
		defer done()
		unlock, err := h.lock(waiting, c)
		if err != nil {
			return h.unavailable(err)
		}
		defer unlock()
		if earlier := h.withKey(waiting, c, m); earlier != nil {
			return success(store.Enqueued{Message: earlier, Duplicate: true}, courier.StatusRejected, ResultRepeated)
		}
		reason := &courier.Attempt{Outcome: courier.OutcomeRejected, Class: class, Message: cause.Error()}
		stored, err := patiently(waiting, func() (store.Enqueued, error) { return h.options.Messages.Reject(waiting, m, reason) })
		if err != nil {
			return h.unavailable(err)
		}
		return success(stored, courier.StatusRejected, result)
	case c.tellsInside:
		body, err := json.Marshal(map[string]any{"error": map[string]any{"http_code": status, "message": sentence}})
		if err == nil {
			return Answer{Status: http.StatusOK, ContentType: mediaJSON, Body: body, Result: result, Err: cause}
		}
	}
	answer := h.refuse(http.StatusUnprocessableEntity, result, sentence)
	answer.Err = cause
	return answer
}

func (h *Hook) unavailable(err error) Answer {
	answer := h.refuse(http.StatusServiceUnavailable, ResultUnavailable, "Text messages cannot be sent right now. Please try again in a moment.")
	answer.RetryAfter, answer.Err = "1", err
	return answer
}

// refuse answers in one short sentence: some systems show it to their users.
func (h *Hook) refuse(status int, result Result, sentence string) Answer {
	if len(sentence) > maxSentence {
		sentence = sentence[:maxSentence-3] + "..."
	}
	return Answer{Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(sentence), Result: result}
}

const mediaJSON = "application/json"

// success is the one answer that every system takes for one.
func success(stored store.Enqueued, status courier.Status, result Result) Answer {
	if stored.Duplicate {
		result = ResultRepeated
	}
	body := fmt.Appendf(nil, `{"id":"%s","status":"%s"}`, stored.Message.ID, status)
	return Answer{Status: http.StatusOK, ContentType: mediaJSON, Body: body, Result: result}
}

// explain says in words for a user why a message is refused. passes is true when the
// fault is not the message's.
func explain(err error) (class courier.Class, sentence string, passes bool) {
	fault, ok := errors.AsType[*courier.Error](err)
	if !ok {
		return "", "", true
	}
	switch fault.Code { //nolint:exhaustive // the faults that a call can have
	case courier.CodeInvalidRecipient:
		return courier.ClassInvalidDestination, "This phone number is not valid. Please check it and try again.", false
	case courier.CodeRecipientNotAllowed:
		return courier.ClassBarred, "Codes cannot be sent to this phone number. Please use another one.", false
	case courier.CodeMessageTooLong:
		return courier.ClassMessageTooLong, "The message is too long to be sent.", false
	case courier.CodeInvalidSender, courier.CodeInvalidRequest, courier.CodeUnknownChannel:
		return courier.ClassBadRequest, "The message cannot be sent as it is. Please tell the operator of this service.", false
	}
	return "", "", true
}

// digest is a key made from what a call says.
func digest(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		sum.Write(fmt.Appendf(nil, "%d:%s", len(part), part))
	}
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
}

// clean makes a text one that a store keeps.
func clean(text string) string {
	const most = 128
	text = strings.Map(func(char rune) rune {
		if char < ' ' || char == 0x7f {
			return -1
		}
		return char
	}, strings.ToValidUTF8(text, "?"))
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}
