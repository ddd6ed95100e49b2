package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"courier"
	"courier/internal/store"
)

// Bounds of one post.
const (
	postTimeout = 15 * time.Second
	// maxAnswer is how much of an answer is read, in bytes, to use the connection again.
	maxAnswer = 4 << 10
	// maxRetryAfter is the longest delay that an endpoint may ask for.
	maxRetryAfter = time.Hour
)

// OptionError reports one setting of an endpoint that cannot work.
type OptionError struct {
	// Endpoint is its ID, empty for that of callbacks.
	Endpoint string
	// Field is the setting's name in the configuration.
	Field string
	// Err says what is wrong and what is expected. It quotes no secret.
	Err error
}

// Error implements error.
func (e *OptionError) Error() string {
	return strings.TrimPrefix(e.Endpoint+": ", ": ") + e.Field + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *OptionError) Unwrap() error { return e.Err }

// Check returns what is wrong with an endpoint, one *OptionError for each setting.
func (e *Endpoint) Check() error {
	var errs []error
	target, err := url.Parse(e.URL)
	if err != nil || (target.Scheme != "http" && target.Scheme != "https") || target.Hostname() == "" {
		errs = append(errs, &OptionError{e.ID, "url", errors.New("is no absolute http or https URL; give one such as https://example.com/sms-status")})
	}
	for _, name := range e.Events {
		if !slices.Contains(Events(), name) {
			errs = append(errs, &OptionError{e.ID, "events", fmt.Errorf("there is no event of this name; there are %s", strings.Join(Events(), ", "))})
			break
		}
	}
	return errors.Join(append(errs, e.checkSecrets())...)
}

// The size of a secret, as the specification has it, in bytes.
const minSecret, maxSecret = 24, 64

func (e *Endpoint) checkSecrets() error {
	_, err := e.signers()
	return err
}

func (e *Endpoint) signers() ([]*standardwebhooks.Webhook, error) {
	fault := &OptionError{e.ID, "secret", errors.New("it must be whsec_ and the base64 of 24 to 64 random bytes; make one by: echo whsec_$(openssl rand -base64 32)")}
	signers := make([]*standardwebhooks.Webhook, len(e.Secrets))
	for i, secret := range e.Secrets {
		var err error
		signers[i], err = standardwebhooks.NewWebhook(secret)
		// Four characters of base64 are three bytes.
		size := len(strings.TrimRight(strings.TrimPrefix(secret, "whsec_"), "=")) * 3 / 4
		if err != nil || size < minSecret || size > maxSecret {
			return nil, fault
		}
	}
	if len(signers) == 0 {
		return nil, fault
	}
	return signers, nil
}

// sender posts events to an endpoint, or to the callback_url of their message.
type sender struct {
	endpoint Endpoint
	signers  []*standardwebhooks.Webhook
	store    Store
	agent    string
	// direct connects by itself and judges the address; proxied leaves that to the proxy
	// of the environment.
	direct, proxied *http.Client
}

// newSender returns a sender for an endpoint that was checked.
func newSender(endpoint Endpoint, options *Options) *sender {
	signers, _ := endpoint.signers()
	s := &sender{endpoint: endpoint, signers: signers, store: options.Store, agent: strings.TrimSuffix("courier/"+options.Version, "/")}
	dialer := &net.Dialer{Timeout: postTimeout / 3}
	if !endpoint.AllowPrivate {
		safe := ssrf.New(ssrf.WithAnyPort()).Safe
		dialer.Control = func(network, address string, conn syscall.RawConn) error { return safe(network, address, conn) }
	}
	dial := dialer.DialContext
	if options.DialFunc != nil {
		dial = options.DialFunc
	}
	s.direct = newClient(&http.Transport{DialContext: dial})
	s.proxied = newClient(&http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: postTimeout / 3}).DialContext})
	if options.DialFunc != nil {
		s.proxied = s.direct
	}
	return s
}

func newClient(transport *http.Transport) *http.Client {
	transport.ForceAttemptHTTP2 = true
	transport.MaxIdleConnsPerHost = perTarget
	transport.IdleConnTimeout = time.Minute
	return &http.Client{
		Transport: transport, Timeout: postTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (s *sender) close() {
	s.direct.CloseIdleConnections()
	s.proxied.CloseIdleConnections()
}

// answer is what a post came to.
type answer struct {
	// taken is true when the event is dealt with: it was taken, or there is nobody to tell.
	taken bool
	// gone is true when the endpoint wants no more.
	gone bool
	// ours is true when the store is at fault, and not the endpoint.
	ours bool
	// retryAfter is the delay that the endpoint asked for.
	retryAfter time.Duration
	// fault says why it was not taken. It holds nothing of a URL but host and port.
	fault string
}

// post tells of an event.
func (s *sender) post(ctx context.Context, e store.Event) answer {
	m, _, err := s.store.Message(ctx, e.MessageID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return answer{ours: true, fault: err.Error()}
	}
	if m == nil {
		m = &courier.Message{ID: e.MessageID} // it was deleted
	}
	target := s.endpoint.URL
	if target == "" {
		target = m.CallbackURL
	}
	if target == "" {
		return answer{taken: true}
	}
	request, err := s.request(ctx, target, e, m)
	if err != nil {
		return answer{fault: "its URL cannot be used"}
	}
	client := s.direct
	switch via, err := http.ProxyFromEnvironment(request); {
	case err != nil: // it quotes the address, which may hold a password
		return answer{fault: "the proxy for it cannot be used; correct HTTP_PROXY and HTTPS_PROXY of the courier's environment"}
	case via != nil:
		client = s.proxied
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{fault: describe(err)}
	}
	defer response.Body.Close() //nolint:errcheck // nothing in it is of interest
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer)
	return judge(response)
}

func (s *sender) request(ctx context.Context, target string, e store.Event, m *courier.Message) (*http.Request, error) {
	content, err := newPayload(e, m, s.endpoint.IncludeRecipient)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	id, now := e.MessageID.String()+"."+strconv.FormatInt(e.Seq, 10), time.Now()
	signatures := make([]string, len(s.signers))
	for i, signer := range s.signers {
		if signatures[i], err = signer.Sign(id, now, content); err != nil {
			return nil, err
		}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", s.agent)
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return request, nil
}

// judge follows the specification: 2xx is taken, 410 wants no more, all else is asked again.
func judge(response *http.Response) answer {
	status := response.StatusCode
	switch {
	case status/100 == 2:
		return answer{taken: true}
	case status == http.StatusGone:
		return answer{gone: true, fault: "it answered 410 Gone"}
	case status/100 == 3:
		return answer{fault: fmt.Sprintf("it answered %d and redirects are not followed; give the address that it leads to", status)}
	}
	a := answer{fault: fmt.Sprintf("it answered %d %s", status, http.StatusText(status))}
	text := response.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		a.retryAfter = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(text); err == nil {
		a.retryAfter = time.Until(date)
	}
	a.retryAfter = min(max(a.retryAfter, 0), maxRetryAfter)
	return a
}

// describe says why no answer came.
func describe(err error) string {
	if located, ok := errors.AsType[*url.Error](err); ok {
		err = located.Err
	}
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP) || errors.Is(err, ssrf.ErrProhibitedNetwork) || errors.Is(err, ssrf.ErrInvalidHostPort):
		return "its address is not public, and connections to private ones are refused; set allow_private if it is yours"
	case errors.Is(err, context.DeadlineExceeded):
		return "it did not answer within " + postTimeout.String()
	}
	if _, malformed := errors.AsType[textproto.ProtocolError](err); malformed {
		return "its answer is no HTTP"
	}
	// What an endpoint wrote is in quotation marks: it may repeat what it was told.
	text, _, quoted := strings.Cut(err.Error(), `"`)
	if quoted {
		text += "…"
	}
	return "no answer came: " + text
}
