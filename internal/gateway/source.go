package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// fetchTimeout bounds one fetch of a template.
	fetchTimeout = 10 * time.Second
	// MaxTemplate bounds the text of a template, in bytes.
	MaxTemplate = 1 << 20
	// leastFresh and mostFresh bound how long a fetched template is not asked for again.
	leastFresh = 30 * time.Second
	mostFresh  = 24 * time.Hour
)

// Source is a template at an http(s) address. Calls of Fetch come one at a time.
type Source struct {
	target *url.URL
	client *http.Client
	// The validators of the last answer (RFC 9110, 8.8).
	etag, modified string
}

// NewSource checks the address. Nothing is fetched. The policy applies to the
// address and to where it redirects to.
func NewSource(address string, private PrivateIPPolicy) (*Source, error) {
	if bare, err := url.Parse(address); err == nil && bare.Path == "" {
		bare.Path = "/"
		address = bare.String()
	}
	target, err := parseTarget(address)
	if err != nil {
		return nil, fmt.Errorf("read template: the address %w", err)
	}
	policy, err := compilePolicy(private)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	once := Options{MaxInFlight: 1, Timeout: fetchTimeout}
	return &Source{target: target, client: &http.Client{
		Transport: newConnections(&once, policy.control(target)), CheckRedirect: redirectPolicy(policy), Timeout: fetchTimeout,
	}}, nil
}

var errRedirect = errors.New("redirect is not allowed")

// redirectPolicy allows a few redirects, none from https to http and none to
// where other addresses may be dialed.
func redirectPolicy(policy *addressPolicy) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		first := via[0].URL
		if len(via) > maxRedirects || policy.isExcepted(next.URL) != policy.isExcepted(first) ||
			first.Scheme == "https" && next.URL.Scheme != "https" {
			return errRedirect
		}
		return nil
	}
}

// Name is what to call the source: its address without secrets.
func (s *Source) Name() string { return originOf(s.target) + s.target.EscapedPath() }

// Close ends the idle connections.
func (s *Source) Close() { s.client.CloseIdleConnections() }

// Fetch reads the template, nil when it is the one fetched before, and says how
// long it need not be asked for again. The error says what to do and tells no secret.
func (s *Source) Fetch(ctx context.Context) (text []byte, fresh time.Duration, err error) {
	text, fresh, err = s.fetch(ctx)
	if err != nil {
		return nil, leastFresh, fmt.Errorf("read template %s: %w", s.Name(), err)
	}
	return text, fresh, nil
}

func (s *Source) fetch(ctx context.Context) ([]byte, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.target.String(), http.NoBody)
	if err != nil {
		return nil, 0, errors.New("the address cannot be requested")
	}
	if s.etag != "" {
		request.Header.Set("If-None-Match", s.etag)
	}
	if s.modified != "" {
		request.Header.Set("If-Modified-Since", s.modified)
	}
	response, err := s.client.Do(request)
	switch {
	case errors.Is(err, errRedirect):
		return nil, 0, errors.New("the server redirects to where it may not: use the final address")
	case err != nil: // its text holds the url, which may hold secrets
		failed := Answer{Err: err}
		return nil, 0, fmt.Errorf("the server %s: check the address", failed.judgeSilence().what)
	}
	defer func() { _ = response.Body.Close() }() // it was read
	fresh := maxAge(response.Header.Get("Cache-Control"))
	switch response.StatusCode {
	case http.StatusNotModified:
		return nil, fresh, nil
	case http.StatusOK:
	default:
		return nil, 0, fmt.Errorf("the server answered %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, MaxTemplate+1))
	switch {
	case err != nil && isTimeout(err):
		return nil, 0, errors.New("the server did not send it in time")
	case err != nil:
		return nil, 0, errors.New("the server did not send all of it")
	case len(text) > MaxTemplate:
		return nil, 0, fmt.Errorf("it is larger than %d bytes", MaxTemplate)
	case len(bytes.TrimSpace(text)) == 0:
		return nil, 0, errors.New("it is empty")
	}
	s.etag, s.modified = response.Header.Get("ETag"), response.Header.Get("Last-Modified")
	return text, fresh, nil
}

// maxAge reads max-age of Cache-Control (RFC 9111, 5.2.2.1) within its bounds.
func maxAge(control string) time.Duration {
	age := leastFresh
	for directive := range strings.SplitSeq(control, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-cache", "no-store":
			return leastFresh
		case "max-age":
			if seconds, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32); err == nil {
				age = min(max(time.Duration(seconds)*time.Second, leastFresh), mostFresh)
			}
		}
	}
	return age
}
