// Package client is the Go client of the courier's HTTP API.
//
// Answers that are not a success come back as [*courier.Error], with the stable
// code of the API. A request that may be repeated without harm (a query, a
// cancellation, a message with an idempotency key) is repeated for a while when
// the server is briefly away; any other is repeated only when it was never written.
package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"courier"
)

// DefaultBaseURL is where a courier listens unless it is configured otherwise.
const DefaultBaseURL = "http://127.0.0.1:4478"

// MaxBatch is the most messages that one call of SendBatch takes.
const MaxBatch = 1000

// Options configures a Client. The zero value talks to DefaultBaseURL without a key.
type Options struct {
	// BaseURL is the address of the admin listener, DefaultBaseURL when empty.
	// A path in it is kept as a prefix.
	BaseURL string
	// APIKey is sent as a bearer token; empty for a server without keys.
	APIKey string
	// HTTPClient makes the requests. The default one has time-outs for each
	// step and follows no redirect, so the key goes to no other host.
	HTTPClient *http.Client
	// RetryFor is how long a request that may be repeated is repeated while the
	// server is away: 10 seconds when 0, not at all when negative.
	RetryFor time.Duration
	// UserAgent names the caller, "courier-client" when empty.
	UserAgent string
	// OnRetryFunc is called for every failed try that will be repeated, from the
	// goroutine of the call; nil for nobody.
	OnRetryFunc func(err error, delay time.Duration)
}

// Client talks to one courier. It is safe for concurrent use.
type Client struct {
	base      *url.URL
	apiKey    string
	http      *http.Client
	retryFor  time.Duration
	userAgent string
	onRetry   func(error, time.Duration)
}

// New returns a client. An address that is no absolute http or https URL, or a
// key that no header can carry, is an error. Nothing is sent yet.
func New(options Options) (*Client, error) {
	base, err := parseBaseURL(options.BaseURL)
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(options.APIKey, func(char rune) bool { return char <= ' ' || char >= 0x7f }) {
		return nil, errors.New("read API key: it has a space, a line break or a character outside ASCII")
	}
	client := &Client{
		base:      base,
		apiKey:    options.APIKey,
		http:      options.HTTPClient,
		retryFor:  cmp.Or(options.RetryFor, defaultRetryFor),
		userAgent: cmp.Or(options.UserAgent, "courier-client"),
		onRetry:   options.OnRetryFunc,
	}
	if client.http == nil {
		client.http = newHTTPClient()
	}
	if client.onRetry == nil {
		client.onRetry = func(error, time.Duration) {}
	}
	return client, nil
}

func parseBaseURL(text string) (*url.URL, error) {
	base, err := url.Parse(cmp.Or(text, DefaultBaseURL))
	if err != nil {
		return nil, errors.New("parse server address: it is no URL such as " + DefaultBaseURL)
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, errors.New("parse server address: it must be an absolute http or https URL such as " + DefaultBaseURL)
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("parse server address: it must have no user, query or fragment")
	}
	return base, nil
}

// Send hands over one message. When it returns without an error the message is
// durably accepted. A known idempotency key returns the first message.
func (c *Client) Send(ctx context.Context, request SendRequest) (*Message, error) {
	return ask[Message](ctx, c, "send message", call{
		method:         http.MethodPost,
		path:           pathMessages,
		body:           newWireRequest(request),
		idempotencyKey: request.IdempotencyKey,
		repeatable:     request.IdempotencyKey != "",
		want:           http.StatusAccepted,
	})
}

// SendBatch hands over up to MaxBatch messages and returns a result for each,
// in order: a message that is refused does not hold up the others. It is
// repeated when the server is away only if every message has an idempotency key.
func (c *Client) SendBatch(ctx context.Context, requests []SendRequest) ([]BatchResult, error) {
	if len(requests) == 0 {
		return nil, nil
	}
	if len(requests) > MaxBatch {
		return nil, fmt.Errorf("send batch: %d messages are more than %d, split them", len(requests), MaxBatch)
	}
	messages, repeatable := make([]wireRequest, len(requests)), true
	for i, request := range requests {
		messages[i] = newWireRequest(request)
		messages[i].IdempotencyKey = request.IdempotencyKey
		repeatable = repeatable && request.IdempotencyKey != ""
	}
	type results struct {
		Results []BatchResult `json:"results"`
	}
	answer, err := ask[results](ctx, c, "send batch", call{
		method:     http.MethodPost,
		path:       pathMessages + "/batch",
		body:       map[string]any{"messages": messages},
		repeatable: repeatable,
		want:       http.StatusAccepted,
	})
	if err != nil {
		return nil, err
	}
	if len(answer.Results) != len(requests) {
		return nil, fmt.Errorf("send batch: server answered %d results for %d messages", len(answer.Results), len(requests))
	}
	for i, result := range answer.Results {
		if result.Index != i {
			return nil, fmt.Errorf("send batch: server answered result %d out of order", i)
		}
	}
	return answer.Results, nil
}

// Message returns a message with its attempts, receipts and webhooks. An unknown id is courier.CodeNotFound.
func (c *Client) Message(ctx context.Context, id courier.ID) (*Message, error) {
	return ask[Message](ctx, c, "get message", call{path: pathMessages + "/" + id.String(), repeatable: true})
}

// Requests returns the requests of a message's attempts as the configuration of now builds
// them, with secrets masked: what was sent is not kept.
func (c *Client) Requests(ctx context.Context, id courier.ID) (*BuiltRequests, error) {
	return ask[BuiltRequests](ctx, c, "build requests", call{path: pathMessages + "/" + id.String() + "/requests", repeatable: true})
}

// Messages returns one page of messages, newest first.
func (c *Client) Messages(ctx context.Context, query ListQuery) (*MessagePage, error) {
	return ask[MessagePage](ctx, c, "list messages", call{path: pathMessages, query: query.values(), repeatable: true})
}

// Why says what became of the last messages to a recipient, and what to do.
func (c *Client) Why(ctx context.Context, to string) (*Why, error) {
	return ask[Why](ctx, c, "ask why", call{method: http.MethodPost, path: "v1/recipients/why", body: map[string]string{"to": to}, repeatable: true})
}

// Cancel withdraws a message that no gateway has taken and that none is being
// handed; for any other it is courier.CodeIllegalTransition.
func (c *Client) Cancel(ctx context.Context, id courier.ID) (*Message, error) {
	return c.CancelFor(ctx, id, "")
}

// CancelFor is Cancel with a reason for the audit log.
func (c *Client) CancelFor(ctx context.Context, id courier.ID, reason string) (*Message, error) {
	return ask[Message](ctx, c, "cancel message", call{
		method: http.MethodPost, path: pathMessages + "/" + id.String() + "/cancel", body: newReason(reason), repeatable: true,
	})
}

// Retry queues again a message that failed; for any other it is
// courier.CodeIllegalTransition, and for one whose content was deleted
// courier.CodeContentScrubbed. It is not repeated once it was written: a second
// one would queue the message anew.
func (c *Client) Retry(ctx context.Context, id courier.ID) (*Message, error) {
	return c.RetryFor(ctx, id, "")
}

// RetryFor is Retry with a reason for the audit log.
func (c *Client) RetryFor(ctx context.Context, id courier.ID, reason string) (*Message, error) {
	return ask[Message](ctx, c, "retry message", call{
		method: http.MethodPost, path: pathMessages + "/" + id.String() + "/retry", body: newReason(reason),
	})
}

// Resolve says what became of an unknown message: it was sent, it failed, or it is to be
// sent again. For any other message it is courier.CodeIllegalTransition. It is not
// repeated once it was written, as Retry.
func (c *Client) Resolve(ctx context.Context, id courier.ID, as Resolution) (*Message, error) {
	return c.ResolveFor(ctx, id, as, "")
}

// ResolveFor is Resolve with a reason for the audit log.
func (c *Client) ResolveFor(ctx context.Context, id courier.ID, as Resolution, reason string) (*Message, error) {
	return ask[Message](ctx, c, "resolve message", call{
		method: http.MethodPost, path: pathMessages + "/" + id.String() + "/resolve",
		body: struct {
			As     Resolution `json:"as"`
			Reason string     `json:"reason,omitempty"`
		}{as, reason},
	})
}

// Nodes returns the couriers that share the server's database, by name.
func (c *Client) Nodes(ctx context.Context) ([]Node, error) {
	type nodes struct {
		Nodes []Node `json:"nodes"`
	}
	answer, err := ask[nodes](ctx, c, "list nodes", call{path: "v1/nodes", repeatable: true})
	if err != nil {
		return nil, err
	}
	return answer.Nodes, nil
}

// Queue returns how many messages are under way.
func (c *Client) Queue(ctx context.Context) (*Queue, error) {
	return ask[Queue](ctx, c, "show queue", call{path: "v1/queue", repeatable: true})
}

// Ready returns nil once the server takes messages and dispatches them. It asks once.
func (c *Client) Ready(ctx context.Context) error {
	if err := c.do(ctx, call{path: "health/ready", once: true}, nil); err != nil {
		return fmt.Errorf("ask whether the server is ready: %w", err)
	}
	return nil
}

// Version returns the version of the server.
func (c *Client) Version(ctx context.Context) (string, error) {
	type version struct {
		Version string `json:"version"`
	}
	answer, err := ask[version](ctx, c, "ask for the server's version", call{path: "version", repeatable: true})
	if err != nil {
		return "", err
	}
	return answer.Version, nil
}
