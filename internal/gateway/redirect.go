package gateway

import (
	"context"
	"net/http"
	"net/url"
	"slices"
)

// maxRedirects is how often one attempt is passed on within the gateway's host.
const maxRedirects = 5

// follow sends a request and goes after 307 and 308 on the same scheme, host and
// port with method, body and credentials. Any other redirect is the answer, and
// so is one that leads back or too far.
func (g *Gateway) follow(ctx context.Context, request *http.Request, built *rendered) (*http.Response, fault) {
	var seen []string
	for {
		response, failed := g.roundTrip(ctx, request)
		if response == nil {
			return nil, failed
		}
		next := g.nextHop(response, request.URL)
		if next == nil {
			return response, fault{}
		}
		seen = append(seen, request.URL.String())
		if len(seen) > maxRedirects || slices.Contains(seen, next.String()) {
			return response, fault{}
		}
		readAnswer(response)
		request = passOn(request, next, built.body)
	}
}

// nextHop returns where an answer passes the request on to, nil for nowhere that may be followed.
func (g *Gateway) nextHop(response *http.Response, from *url.URL) *url.URL {
	if response.StatusCode != http.StatusTemporaryRedirect && response.StatusCode != http.StatusPermanentRedirect {
		return nil
	}
	next := location(response, from)
	if next == nil || originOf(next) != originOf(from) || !g.excepted(next) {
		return nil
	}
	return withoutUser(next)
}

func location(response *http.Response, from *url.URL) *url.URL {
	value := response.Header.Get("Location")
	if value == "" {
		return nil
	}
	next, err := from.Parse(value)
	if err != nil || next.Host == "" {
		return nil
	}
	next.Fragment, next.RawFragment = "", ""
	return next
}

func passOn(request *http.Request, next *url.URL, body []byte) *http.Request {
	passed := request.WithContext(request.Context())
	passed.URL, passed.Host = next, next.Host
	setBody(passed, body)
	return passed
}

// redirectName names the target of a redirect without userinfo and query.
func redirectName(response *http.Response) string {
	next := location(response, response.Request.URL)
	if next == nil {
		return ""
	}
	return originOf(next) + next.EscapedPath()
}
