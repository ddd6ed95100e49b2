package gateway

import (
	"context"
	"net/http"
	"net/url"
	"slices"
)

// maxRedirects is how often one attempt is passed on, as in net/http.
const maxRedirects = 10

// hop is one request of an attempt, which redirects may pass on.
type hop struct {
	method string
	target *url.URL
	header http.Header
	body   []byte
}

// exchange sends the request and follows where its answers redirect to. 307 and
// 308 ask to send it elsewhere, which is done within the same host. 301, 302 and 303
// mean that it was taken, so what they point to is fetched without it; the
// gateway's answer stays the one of the redirect unless that ends well.
func (r *Request) exchange(ctx context.Context) *Answer {
	g := r.gateway
	at := &r.hop
	var taken *Answer
	var seen []string
	for {
		answer := g.send(ctx, at)
		target := answer.location(at.target)
		if target != nil {
			answer.Detail = " to " + originOf(target) + target.EscapedPath()
		}
		next := at.next(answer.Status, target, taken != nil)
		if next != nil && originOf(next.target) == originOf(at.target) && g.sign(ctx, next) != nil {
			next = nil
		}
		if next != nil {
			seen = append(seen, at.method+at.target.String())
		}
		if next == nil || len(seen) > maxRedirects || slices.Contains(seen, next.method+next.target.String()) {
			if target != nil {
				answer.Detail += ", which is not followed"
			}
			return afterRedirect(taken, answer)
		}
		if !isWhole(answer.Status) && taken == nil {
			taken = answer
		}
		at = next
	}
}

// afterRedirect is what an attempt came to whose message was taken before, if it was.
func afterRedirect(taken, last *Answer) *Answer {
	switch {
	case taken == nil || last.Status >= 200 && last.Status <= 299:
		return last
	case last.Status == 0:
		taken.Detail += ", which could not be fetched"
	default:
		taken.Detail += ", where the answer was " + statusName(last.Status)
	}
	return taken
}

// isWhole reports whether a redirect asks for the whole request.
func isWhole(status int) bool {
	return status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect
}

// next returns the request that a redirect asks for, nil for none that may be made.
func (h *hop) next(status int, target *url.URL, taken bool) *hop {
	if target == nil || target.Scheme != "http" && target.Scheme != "https" {
		return nil
	}
	sameHost := originOf(target) == originOf(h.target)
	next := &hop{method: h.method, target: withoutUser(target), header: http.Header{}}
	switch {
	case isWhole(status):
		if !taken && !sameHost {
			return nil
		}
		next.body = h.body
		if sameHost {
			next.header = h.header
		}
		return next
	case status > http.StatusSeeOther || status < http.StatusMovedPermanently:
		return nil
	}
	if h.method != http.MethodHead {
		next.method = http.MethodGet
	}
	if sameHost {
		next.header = h.header.Clone()
		for _, name := range [...]string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Location"} {
			next.header.Del(name) // they are about the body
		}
	}
	return next
}

// location returns the url that a redirect points to, nil when there is none.
func (a *Answer) location(from *url.URL) *url.URL {
	value := a.Header.Get("Location")
	if value == "" || a.Status < 300 || a.Status > 399 {
		return nil
	}
	target, err := from.Parse(escapeURL(value))
	if err != nil || target.Host == "" {
		return nil
	}
	return target
}
