package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"courier"
	"courier/internal/store"
)

// The courier API of Ory Kratos's admin listener, so that what lists the messages of a
// Kratos lists ours: https://www.ory.com/docs/reference/api#tag/courier. Paths, answers,
// headers and errors are its own, down to the odd ones.
const (
	kratosMessages = "/admin/courier/messages"
	kratosPageSize = 10
	kratosRedacted = "<redacted-unless-dev-mode>"
	// kratosPages bounds the pages of the store that are read for one page of Kratos's.
	kratosPages = 40
)

// kratosMessage is a message as Kratos shows it.
type kratosMessage struct {
	ID           courier.ID       `json:"id"`
	Status       string           `json:"status"`
	Type         string           `json:"type"`
	Recipient    string           `json:"recipient"`
	Body         string           `json:"body"`
	Subject      string           `json:"subject"`
	TemplateType string           `json:"template_type"`
	Channel      string           `json:"channel"`
	SendCount    int              `json:"send_count"`
	Dispatches   []kratosDispatch `json:"dispatches,omitempty"`
	CreatedAt    time.Time        `json:"created_at"`
	UpdatedAt    time.Time        `json:"updated_at"`
}

// kratosDispatch is an attempt as Kratos shows it.
type kratosDispatch struct {
	ID        courier.ID   `json:"id"`
	MessageID courier.ID   `json:"message_id"`
	Status    string       `json:"status"`
	Error     *kratosError `json:"error"`
	CreatedAt time.Time    `json:"created_at"`
	UpdatedAt time.Time    `json:"updated_at"`
}

// kratosError is Kratos's form of an error.
type kratosError struct {
	Code    int            `json:"code"`
	Status  string         `json:"status"`
	Reason  string         `json:"reason,omitempty"`
	Details map[string]any `json:"details,omitempty"`
	Message string         `json:"message"`
}

// kratosEndpoints serves Kratos's paths, with /admin and without it.
func (a *API) kratosEndpoints() []endpoint {
	var endpoints []endpoint
	for _, path := range []string{kratosMessages, strings.TrimPrefix(kratosMessages, "/admin")} {
		endpoints = append(endpoints,
			endpoint{method: http.MethodGet, path: path, scope: ScopeRead, handle: a.kratosList, refuse: refuseAsKratos},
			endpoint{method: http.MethodGet, path: path + "/{id}", scope: ScopeRead, handle: a.kratosGet, refuse: refuseAsKratos},
			endpoint{path: path, handle: kratosWrongMethod},
			endpoint{path: path + "/{id}", handle: kratosWrongMethod},
			endpoint{path: path + "/", handle: kratosNoPage},
		)
	}
	return endpoints
}

func (a *API) kratosList(c *call) (any, error) {
	values := c.r.URL.Query()
	size, err := kratosSize(values.Get("page_size"))
	if err != nil { // Kratos answers 400 and calls it 500
		return nil, kratosInvalid(kratosError{Code: http.StatusInternalServerError, Message: err.Error()})
	}
	after, ok := kratosCursor(values.Get("page_token"))
	if !ok {
		return nil, kratosInvalid(kratosError{Code: http.StatusBadRequest, Message: "invalid pagination token"})
	}
	statuses, ok := kratosStatuses(values.Get("status"), values.Has("status"))
	if !ok {
		return nil, kratosInvalid(kratosError{
			Code: http.StatusBadRequest, Reason: "Message status is not valid", Message: "The request was malformed or contained invalid parameters",
		})
	}
	search := kratosSearch{store: a.options.Store, to: values.Get("recipient"), statuses: statuses}
	found, next, err := search.page(c.r.Context(), size, after)
	if err != nil {
		return nil, err
	}
	link := kratosLink(values, size, courier.ID(bytes.Repeat([]byte{0xff}, len(courier.ID{}))), "first")
	if next != nil {
		link += "," + kratosLink(values, size, *next, "next")
	}
	c.w.Header().Set("Link", link)
	page := make([]kratosMessage, len(found))
	for i, m := range found {
		page[i] = newKratosMessage(m, c.by)
	}
	writeKratos(c.w, http.StatusOK, "application/json; charset=utf-8", page)
	return nil, nil
}

func (a *API) kratosGet(c *call) (any, error) {
	text := c.r.PathValue("id")
	id, err := kratosID(text)
	if err != nil {
		return nil, kratosInvalid(kratosError{Code: http.StatusBadRequest, Message: err.Error()})
	}
	m, attempts, err := a.options.Store.Message(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	view := newKratosMessage(m, c.by)
	for i := range attempts {
		view.Dispatches = append(view.Dispatches, newKratosDispatch(m.ID, &attempts[i]))
	}
	slices.Reverse(view.Dispatches)
	writeKratos(c.w, http.StatusOK, "application/json; charset=utf-8", view)
	return nil, nil
}

// kratosSize reads page_size as Kratos does: nothing and what is no size is its default.
func kratosSize(text string) (int, error) {
	if text == "" {
		return kratosPageSize, nil
	}
	size, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, err
	case size <= 0:
		return kratosPageSize, nil
	}
	return min(size, maxPageSize), nil
}

// kratosStatuses returns ours of a status of Kratos's, nil for all.
func kratosStatuses(text string, given bool) (statuses []courier.Status, ok bool) {
	for _, s := range courier.Statuses() {
		if kratosStatus(s) == text {
			statuses = append(statuses, s)
		}
	}
	return statuses, !given || statuses != nil
}

// kratosStatus is what Kratos calls a status.
func kratosStatus(s courier.Status) string {
	switch s {
	case courier.StatusQueued:
		return "queued"
	case courier.StatusProcessing, courier.StatusUnknown:
		return "processing"
	case courier.StatusSent, courier.StatusDelivered:
		return "sent"
	case courier.StatusUndelivered, courier.StatusRejected, courier.StatusExpired, courier.StatusAbandoned, courier.StatusCanceled:
		return "abandoned"
	}
	return ""
}

// kratosSearch finds messages of several statuses.
type kratosSearch struct {
	store    Store
	to       string
	statuses []courier.Status
}

// page returns up to a number of messages, the newest first, and the cursor of the
// next page, nil after the last. The work is bounded, so that a page may be short.
func (s *kratosSearch) page(ctx context.Context, size int, after *courier.ID) (found []*courier.Message, next *courier.ID, err error) {
	next = after
	for range kratosPages {
		var some []*courier.Message
		if some, next, err = s.read(ctx, size+1, next); err != nil {
			return nil, nil, err
		}
		found = append(found, some...)
		if len(found) > size {
			return found[:size], &found[size-1].ID, nil
		}
		if next == nil {
			break
		}
	}
	return found, next, nil
}

// read reads the next messages once. A status of which there are few has an index of
// its own; the others are found among all.
func (s *kratosSearch) read(ctx context.Context, size int, after *courier.ID) (found []*courier.Message, next *courier.ID, err error) {
	queries := []store.Query{{To: s.to, Limit: size, After: after}}
	switch {
	case s.statuses == nil:
	case s.to != "" || slices.Contains(s.statuses, courier.StatusSent):
		queries[0].Limit = max(size, maxPageSize)
	default:
		queries = nil
		for _, status := range s.statuses {
			queries = append(queries, store.Query{Status: status, Limit: size, After: after})
		}
	}
	for _, query := range queries {
		page, err := s.store.Messages(ctx, query)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, page.Messages...)
		if page.Next != nil && (next == nil || before(*next, *page.Next)) {
			next = page.Next
		}
	}
	// Beyond the cursor that comes first, one of the queries may have more.
	found = slices.DeleteFunc(found, func(m *courier.Message) bool {
		return next != nil && before(m.ID, *next) || s.statuses != nil && !slices.Contains(s.statuses, m.Status)
	})
	slices.SortFunc(found, func(a, b *courier.Message) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	return found, next, nil
}

func newKratosMessage(m *courier.Message, by Key) kratosMessage {
	view := kratosMessage{
		ID: m.ID, Status: kratosStatus(m.Status), Type: "sms", Recipient: m.To, Body: kratosRedacted, Subject: kratosRedacted,
		TemplateType: m.TemplateType, Channel: m.Channel, SendCount: m.SendCount, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
	}
	if by.may(ScopeReadBody) {
		view.Body, view.Subject = m.Body, m.Subject
	}
	return view
}

// newKratosDispatch shows an attempt. Kratos gives each an id of its own; ours is made
// from the message and the number, so it stays the same.
func newKratosDispatch(message courier.ID, a *courier.Attempt) kratosDispatch {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(message[:], uint64(a.Number))) //nolint:gosec // a count
	id := courier.ID(sum[:len(message)])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // UUID version 8 (RFC 9562, 5.8)
	view := kratosDispatch{ID: id, MessageID: message, Status: "success", CreatedAt: a.StartedAt, UpdatedAt: a.StartedAt.Add(a.Duration)}
	if a.Outcome == courier.OutcomeAccepted {
		return view
	}
	view.Status = "failed"
	view.Error = &kratosError{
		Code: http.StatusInternalServerError, Status: http.StatusText(http.StatusInternalServerError), Message: a.Message,
		Details: map[string]any{"class": a.Class, "gateway": a.Gateway, "outcome": a.Outcome},
	}
	for name, value := range map[string]string{"code": a.Code, "excerpt": a.Excerpt} {
		if value != "" {
			view.Error.Details[name] = value
		}
	}
	if a.HTTPStatus != 0 {
		view.Error.Details["http_status"] = a.HTTPStatus
	}
	return view
}

// kratosLink is one element of the Link header: the query as it was given, but for its page.
func kratosLink(values url.Values, size int, token courier.ID, rel string) string {
	values.Set("page_size", strconv.Itoa(size))
	values.Set("page_token", base64.RawURLEncoding.EncodeToString(token[:]))
	return "<" + kratosMessages + "?" + values.Encode() + `>; rel="` + rel + `"`
}

// kratosCursor reads a page token; an empty one is the first page.
func kratosCursor(text string) (*courier.ID, bool) {
	if text == "" {
		return nil, true
	}
	token, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(token) != len(courier.ID{}) {
		return nil, false
	}
	id := courier.ID(token)
	return &id, true
}

// kratosID reads an id in the spellings that Kratos takes, and says what is wrong in its words.
func kratosID(text string) (id courier.ID, err error) {
	digits := strings.TrimPrefix(text, "urn:uuid:")
	if len(digits) == 38 && digits[0] == '{' && digits[37] == '}' {
		digits = digits[1:37]
	}
	switch len(digits) {
	case 36:
		id, err = courier.ParseID(digits)
	case 32:
		_, err = hex.Decode(id[:], []byte(digits))
	default:
		return id, fmt.Errorf("uuid: incorrect UUID length %d in string %q", len(text), text)
	}
	if err != nil {
		return id, fmt.Errorf("uuid: incorrect UUID format in string %q", text)
	}
	return id, nil
}

// Error implements error.
func (e *kratosError) Error() string { return e.Message }

// kratosInvalid is the refusal of a request in Kratos's own words.
func kratosInvalid(answer kratosError) error {
	return &courier.Error{Code: courier.CodeInvalidRequest, Message: answer.Message, Err: &answer}
}

// refuseAsKratos answers an error in Kratos's form.
func refuseAsKratos(w http.ResponseWriter, fault *courier.Error) {
	answer := kratosError{Code: fault.Code.HTTPStatus(), Message: fault.Message}
	if own, ok := errors.AsType[*kratosError](fault.Err); ok {
		answer = *own
	}
	if fault.Code == courier.CodeNotFound {
		answer.Message = "Unable to locate the resource"
	}
	answer.Status = http.StatusText(answer.Code)
	w.Header()["Ory-Error-Id"] = []string{""}
	writeKratos(w, fault.Code.HTTPStatus(), "application/json", map[string]any{"error": answer})
}

func writeKratos(w http.ResponseWriter, status int, contentType string, value any) {
	content, err := json.Marshal(value)
	if err != nil { // no value here can fail
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	content = append(content, '\n')
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(content)))
	header.Set("Cache-Control", "private, no-cache, no-store, must-revalidate")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(content) // a caller that is gone is no fault
}

func kratosWrongMethod(c *call) (any, error) {
	c.w.Header().Set("Allow", "GET, HEAD")
	http.Error(c.w, "Method Not Allowed", http.StatusMethodNotAllowed)
	return nil, nil
}

func kratosNoPage(c *call) (any, error) {
	http.NotFound(c.w, c.r)
	return nil, nil
}
