package gatewaytest

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	behavior := h.behavior(r)
	if behavior.Fault == FaultReset {
		reset(w)
		return
	}
	request, err := h.receive(r, &behavior)
	if err != nil {
		refuse(w, err)
		return
	}
	h.log.add(request)
	if h.options.OnRequestFunc != nil {
		h.options.OnRequestFunc(request)
	}
	if !h.pause(r, behavior.Latency) {
		panic(http.ErrAbortHandler) // an ordinary end would be an answer
	}
	h.respond(w, r, &behavior, request.ID)
}

// behavior decides what to do with a request.
func (h *Handler) behavior(r *http.Request) Behavior {
	behavior, found := h.given()
	if !found {
		behavior = h.options.Default
		if h.options.BehaviorFunc != nil {
			behavior = h.options.BehaviorFunc(r)
		}
	}
	behavior.setDefaults()
	if behavior.FailRate > 0 && rand.Float64() < behavior.FailRate {
		behavior.Status = behavior.FailStatus
	}
	return behavior
}

// given returns what was said by Script or Override.
func (h *Handler) given() (Behavior, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case len(h.script) > 0:
		behavior := h.script[0]
		h.script = h.script[1:]
		return behavior, true
	case h.override != nil:
		return *h.override, true
	}
	return Behavior{}, false
}

// receive reads a request within the bounds.
func (h *Handler) receive(r *http.Request, behavior *Behavior) (Request, error) {
	received := h.options.NowFunc().UTC()
	body, err := h.readBody(r)
	if err != nil {
		return Request{}, err
	}
	request := Request{
		ID:         uuid.NewString(),
		Method:     r.Method,
		Target:     r.RequestURI,
		Host:       r.Host,
		Header:     r.Header,
		Body:       body,
		ReceivedAt: received,
		Taken:      behavior.taken,
	}
	if behavior.answers() {
		request.Status = behavior.Status
	}
	if h.options.NoteFunc != nil {
		request.Note = h.options.NoteFunc(&request)
	}
	if len(body) > h.options.KeepBody {
		request.Body = append([]byte(nil), body[:h.options.KeepBody]...)
		request.Truncated = true
	}
	return request, nil
}

func (h *Handler) readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	limited := http.MaxBytesReader(nil, r.Body, h.options.MaxBody)
	if size := r.ContentLength; size > 0 && size <= int64(h.options.KeepBody) {
		body := make([]byte, size)
		_, err := io.ReadFull(limited, body)
		return body, err
	}
	return io.ReadAll(limited)
}

// refuse answers a request that could not be read.
func refuse(w http.ResponseWriter, err error) {
	status, text := http.StatusBadRequest, "body could not be read to its end"
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		status, text = http.StatusRequestEntityTooLarge, "body is too large"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	writeText(w, `{"error":"`+text+`"}`+"\n")
}

// pause waits and reports whether the latency passed: the client is still there
// and the handler is not closed.
func (h *Handler) pause(r *http.Request, latency time.Duration) bool {
	if latency <= 0 {
		return true
	}
	timer := time.NewTimer(latency)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-h.done:
	}
	return false
}

func (h *Handler) respond(w http.ResponseWriter, r *http.Request, behavior *Behavior, id string) {
	switch behavior.Fault {
	case FaultReset, FaultResetAfterRead:
		reset(w)
	case FaultHang:
		h.hang(r)
	case FaultSlowBody:
		h.slowBody(w, r, behavior)
	case FaultHangBody:
		h.hangBody(w, r, behavior, id)
	case FaultHugeBody:
		hugeBody(w, behavior)
	case FaultRaw:
		raw(w, behavior.Raw)
	case FaultNone:
		behavior.writeHeader(w.Header())
		w.WriteHeader(behavior.Status)
		writeText(w, behavior.text(id))
	}
}

// text returns the body of an answer.
func (b *Behavior) text(id string) string {
	switch {
	case b.Status == http.StatusNoContent || b.Status == http.StatusNotModified || b.Status < http.StatusOK:
		return ""
	case b.Body != nil:
		return string(b.Body)
	case b.Status < http.StatusMultipleChoices:
		return `{"id":"` + id + `"}` + "\n"
	}
	return `{"error":"` + strings.ToLower(http.StatusText(b.Status)) + `"}` + "\n"
}

// writeText writes to a client that may be gone, which is no fault of the gateway.
func writeText(w io.Writer, text string) {
	if text == "" {
		return
	}
	if _, err := io.WriteString(w, text); err != nil {
		return
	}
}
