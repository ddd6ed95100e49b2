package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxFresh bounds how long a server can say that its template is fresh.
const maxFresh = 24 * time.Hour

// httpReader fetches a template, and asks only whether it has changed from the second time on.
type httpReader struct {
	target   *url.URL
	client   *http.Client
	limit    int64
	interval time.Duration
	nowFunc  func() time.Time

	// The validators of the last answer (RFC 9110, 8.8), and until when it need
	// not be asked again. Source calls one read at a time.
	etag, modified string
	freshUntil     time.Time
}

func newHTTPReader(options *SourceOptions) (*httpReader, error) {
	target, err := parseTarget(options.URI)
	if err != nil {
		return nil, fmt.Errorf("read template: the address %w", err)
	}
	policy, err := compilePolicy(options.PrivateIPs)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	once := Options{MaxInFlight: 1, Timeout: options.Timeout}
	return &httpReader{
		target:   target,
		client:   &http.Client{Transport: newConnections(&once, policy.control(target)), CheckRedirect: redirectPolicy(policy)},
		limit:    options.MaxSize,
		interval: options.Interval,
		nowFunc:  options.NowFunc,
	}, nil
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

func (r *httpReader) name() string { return originOf(r.target) + r.target.EscapedPath() }

func (r *httpReader) read(ctx context.Context) ([]byte, error) {
	if r.nowFunc().Before(r.freshUntil) {
		return nil, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.target.String(), http.NoBody)
	if err != nil {
		return nil, errors.New("the address cannot be requested")
	}
	if r.etag != "" {
		request.Header.Set("If-None-Match", r.etag)
	}
	if r.modified != "" {
		request.Header.Set("If-Modified-Since", r.modified)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, fetchCause(err)
	}
	text, err := r.take(response)
	return text, errors.Join(err, response.Body.Close())
}

// fetchCause tells what went wrong without the url, which may hold secrets.
func fetchCause(err error) error {
	if errors.Is(err, errRedirect) {
		return errors.New("the server redirects to where it may not: use the final address")
	}
	failed := Answer{Err: err}
	return fmt.Errorf("the server %s: check the address", failed.judgeSilence().what)
}

func (r *httpReader) take(response *http.Response) ([]byte, error) {
	switch {
	case response.StatusCode == http.StatusNotModified:
		r.renew(response)
		return nil, nil
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the server answered %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	text, err := readBounded(response.Body, r.limit)
	if err != nil {
		if isTimeout(err) {
			return nil, errors.New("the server did not send it in time")
		}
		return nil, err
	}
	r.etag, r.modified = response.Header.Get("ETag"), response.Header.Get("Last-Modified")
	r.renew(response)
	return text, nil
}

func (r *httpReader) renew(response *http.Response) {
	fresh := max(r.interval, maxAge(response.Header.Get("Cache-Control")))
	r.freshUntil = r.nowFunc().Add(fresh)
}

// maxAge reads max-age of Cache-Control (RFC 9111, 5.2.2.1), 0 when it is absent or overruled.
func maxAge(control string) time.Duration {
	var age time.Duration
	for directive := range strings.SplitSeq(control, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-cache", "no-store":
			return 0
		case "max-age":
			if seconds, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32); err == nil && seconds > 0 {
				age = min(time.Duration(seconds)*time.Second, maxFresh)
			}
		}
	}
	return age
}
