package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"courier"
)

// maxAnswer bounds how much of an answer is read, in bytes: a page of the
// longest messages fits many times.
const maxAnswer = 16 << 20

// requestTimeout bounds one try of a request, answer included.
const requestTimeout = 30 * time.Second

// The delays between repetitions: full jitter below a bound that doubles from
// the first to the longest.
const (
	defaultRetryFor = 10 * time.Second
	firstDelay      = 200 * time.Millisecond
	longestDelay    = 5 * time.Second
)

func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout: requestTimeout,
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     60 * time.Second,
			TLSHandshakeTimeout: 5 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

const pathMessages = "v1/messages"

// call is one request to the API.
type call struct {
	// method is GET when empty.
	method, path string
	query        url.Values
	// body is encoded as JSON; nil for none.
	body           any
	idempotencyKey string
	// repeatable says that a second request does no harm after the first was written.
	repeatable bool
	// once forbids every repetition.
	once bool
	// want is the status of a success, 200 when 0.
	want int
}

// ask makes a call and returns its answer. The error says what was being done.
func ask[T any](ctx context.Context, c *Client, doing string, call call) (*T, error) {
	answer := new(T)
	if err := c.do(ctx, call, answer); err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return answer, nil
}

// do makes the call, again and again while that is safe and promises success.
func (c *Client) do(ctx context.Context, call call, into any) error {
	var payload []byte
	if call.body != nil {
		var err error
		if payload, err = json.Marshal(call.body); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	until, bound := time.Now().Add(c.retryFor), firstDelay
	for ; ; bound = min(2*bound, longestDelay) {
		err := c.try(ctx, call, payload, into)
		after, again := mayRepeat(err, call.repeatable)
		if call.once || !again || ctx.Err() != nil {
			return err
		}
		delay := max(rand.N(bound), after)
		if time.Now().Add(delay).After(until) {
			return err
		}
		c.onRetry(err, delay)
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return err
		}
	}
}

func (c *Client) try(ctx context.Context, call call, payload []byte, into any) error {
	var written atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaderField: func(string, []string) { written.Store(true) },
		WroteHeaders:     func() { written.Store(true) },
	})
	request, err := c.newRequest(traced, call, payload)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if located, ok := errors.AsType[*url.Error](err); ok {
		err = located.Err
	}
	if err != nil {
		return &TransportError{Host: c.base.Host, Err: err, written: written.Load()}
	}
	defer response.Body.Close() //nolint:errcheck // the answer was read, or its error is returned
	return decodeAnswer(response, cmp.Or(call.want, http.StatusOK), into)
}

func (c *Client) newRequest(ctx context.Context, call call, payload []byte) (*http.Request, error) {
	target := c.base.JoinPath(call.path)
	target.RawQuery = call.query.Encode()
	request, err := http.NewRequestWithContext(ctx, call.method, target.String(), bytes.NewReader(payload))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	request.Header.Set("Accept", "application/json, application/problem+json")
	request.Header.Set("User-Agent", c.userAgent)
	if payload != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if call.idempotencyKey != "" {
		request.Header.Set("Idempotency-Key", call.idempotencyKey)
	}
	if c.apiKey != "" {
		request.Header.Set("Authorization", "Bearer "+c.apiKey)
	}
	return request, nil
}

// mayRepeat reports whether a failed request may be made again: one that was
// never written always, one that was only when repeating it does no harm and the
// same request may be answered otherwise soon. The server may ask for a delay.
func mayRepeat(err error, repeatable bool) (after time.Duration, again bool) {
	if transport, ok := errors.AsType[*TransportError](err); ok {
		return 0, repeatable || !transport.written
	}
	answer, answered := errors.AsType[*answerError](err)
	if !answered || !repeatable || courier.CodeOf(err) == courier.CodeSMSDisabled {
		return 0, false
	}
	passing := []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	return answer.retryAfter, slices.Contains(passing, answer.status)
}

// decodeAnswer reads a success into a value and turns anything else into an
// error. The success of another kind of server is none: only a courier's own
// answer says that a message is kept.
func decodeAnswer(response *http.Response, want int, into any) error {
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if response.StatusCode/100 != 2 {
		return newAnswerError(response, content)
	}
	if response.StatusCode != want {
		return fmt.Errorf("server answered %d %s and a courier answers %d; is this the address of a courier's admin listener?",
			response.StatusCode, http.StatusText(response.StatusCode), want)
	}
	if err != nil {
		return &TransportError{Host: response.Request.URL.Host, written: true, Err: fmt.Errorf("read answer: %w", err)}
	}
	if len(content) > maxAnswer {
		return errors.New("read answer: it is longer than 16 MiB, ask for a smaller page")
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("decode answer: %w; is this the address of a courier's admin listener?", err)
	}
	return nil
}
