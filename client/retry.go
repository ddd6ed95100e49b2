package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"courier"
)

// The delays between repetitions: full jitter below a bound that doubles from
// the first to the longest.
const (
	defaultRetryFor = 10 * time.Second
	firstDelay      = 200 * time.Millisecond
	longestDelay    = 5 * time.Second
)

// written tells whether any part of a request has left.
type written struct{ atomic.Bool }

func traceWrites(ctx context.Context) (context.Context, *written) {
	var state written
	trace := &httptrace.ClientTrace{
		WroteHeaderField: func(string, []string) { state.Store(true) },
		WroteHeaders:     func() { state.Store(true) },
	}
	return httptrace.WithClientTrace(ctx, trace), &state
}

// mayRepeat reports whether a failed request may be made again: one that was
// never written always, one that was only when repeating it does no harm.
func mayRepeat(err error, repeatable bool) bool {
	if transport, ok := errors.AsType[*TransportError](err); ok {
		return repeatable || !transport.written
	}
	if answer, ok := errors.AsType[*answerError](err); ok {
		return repeatable && answer.temporary() && courier.CodeOf(err) != courier.CodeSMSDisabled
	}
	return false
}

// retryAfter returns the delay that the server asked for, 0 for none.
func retryAfter(err error) time.Duration {
	if answer, ok := errors.AsType[*answerError](err); ok {
		return answer.retryAfter
	}
	return 0
}

// temporary reports whether the same request may be answered otherwise soon.
func (e *answerError) temporary() bool {
	switch e.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// backoff paces the repetitions of one call.
type backoff struct {
	until time.Time
	bound time.Duration
}

func newBackoff(retryFor time.Duration) *backoff {
	return &backoff{until: time.Now().Add(retryFor), bound: firstDelay}
}

// next returns the delay before another try, at least as long as the server
// asked for, and false when there is no time left for one.
func (b *backoff) next(atLeast time.Duration) (time.Duration, bool) {
	delay := max(rand.N(b.bound), atLeast)
	b.bound = min(2*b.bound, longestDelay)
	return delay, !time.Now().Add(delay).After(b.until)
}

// sleep reports false when the context ended first.
func sleep(ctx context.Context, delay time.Duration) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
