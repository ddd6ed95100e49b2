package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxAnswer bounds how much of an answer is read, in bytes: a page of the
// longest messages fits many times.
const maxAnswer = 16 << 20

// requestTimeout bounds one try of a request, answer included.
const requestTimeout = 30 * time.Second

func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout: requestTimeout,
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			ForceAttemptHTTP2:     true,
			MaxIdleConns:          64,
			MaxIdleConnsPerHost:   64,
			IdleConnTimeout:       60 * time.Second,
			TLSHandshakeTimeout:   5 * time.Second,
			ExpectContinueTimeout: time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// call is one request to the API.
type call struct {
	method string
	path   []string
	query  url.Values
	// body is encoded as JSON; nil for none.
	body           any
	idempotencyKey string
	// repeatable says that a second request does no harm after the first was written.
	repeatable bool
	// once forbids every repetition.
	once bool
	// want is the status of a success, 200 when 0.
	want int
	// into receives the answer's JSON; nil when it does not matter.
	into any
}

// do makes the call, again and again while that is safe and promises success.
func (c *Client) do(ctx context.Context, call call) error {
	var payload []byte
	if call.body != nil {
		var err error
		if payload, err = json.Marshal(call.body); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	wait := newBackoff(c.retryFor)
	for {
		err := c.try(ctx, call, payload)
		if err == nil || call.once || !mayRepeat(err, call.repeatable) || ctx.Err() != nil {
			return err
		}
		delay, ok := wait.next(retryAfter(err))
		if !ok {
			return err
		}
		c.onRetry(err, delay)
		if !sleep(ctx, delay) {
			return err
		}
	}
}

func (c *Client) try(ctx context.Context, call call, payload []byte) error {
	request, written, err := c.newRequest(ctx, call, payload)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.transportError(err, written.Load())
	}
	defer response.Body.Close() //nolint:errcheck // the answer was read, or its error is told
	return decodeAnswer(response, call)
}

func (c *Client) newRequest(ctx context.Context, call call, payload []byte) (*http.Request, *written, error) {
	target := c.base.JoinPath(call.path...)
	target.RawQuery = call.query.Encode()
	traced, written := traceWrites(ctx)
	request, err := http.NewRequestWithContext(traced, call.method, target.String(), bytes.NewReader(payload))
	if err != nil {
		return nil, nil, fmt.Errorf("build request: %w", err)
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
	return request, written, nil
}

// decodeAnswer reads a success into a value and turns anything else into an
// error. The success of another kind of server is none: only a courier's own
// answer says that a message is kept.
func decodeAnswer(response *http.Response, call call) error {
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if response.StatusCode/100 != 2 {
		return newAnswerError(response, content)
	}
	if want := cmp.Or(call.want, http.StatusOK); response.StatusCode != want {
		return fmt.Errorf("server answered %d %s and a courier answers %d; is this the address of a courier's admin listener?",
			response.StatusCode, http.StatusText(response.StatusCode), want)
	}
	if err != nil {
		return &TransportError{Host: response.Request.URL.Host, written: true, Err: fmt.Errorf("read answer: %w", err)}
	}
	if len(content) > maxAnswer {
		return errors.New("read answer: it is longer than 16 MiB, ask for a smaller page")
	}
	if call.into == nil {
		return nil
	}
	if err := json.Unmarshal(content, call.into); err != nil {
		return fmt.Errorf("decode answer: %w; is this the address of a courier's admin listener?", err)
	}
	return nil
}
