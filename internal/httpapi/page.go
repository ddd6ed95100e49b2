package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"courier"
)

// Pages are what people see in a browser, on the admin listener.
type Pages interface {
	// Table lists them.
	Table() []Page
	// Refuse shows why a page is not.
	Refuse(w http.ResponseWriter, fault *courier.Error)
}

// Page is one method of one path.
type Page struct {
	Method, Path string
	// Scope is what the key of the visitor must have, empty for a page that is open to
	// all. What a page does is done through the API, which asks for the scopes of its own.
	Scope Scope
	// Lasting is true of an answer that goes on until the visitor leaves.
	Lasting bool
	Serve   func(v *Visit) error
}

// Visit is one request of a page by somebody who may see it. The token in the
// form of a POST was checked.
type Visit struct {
	W http.ResponseWriter
	R *http.Request
	// Key is that of the visitor, without a name where none is asked for.
	Key Key
	// Form is what the form of a POST holds.
	Form url.Values
	// Token is what every form is to hold in the field "token", so that no page elsewhere
	// can make one.
	Token string
	// Base is the path below which the host of the courier has put its pages, empty for
	// none. Addresses in an answer begin with it.
	Base string

	api *API
}

// May reports whether the key of the visitor has a scope.
func (v *Visit) May(scope Scope) bool { return v.Key.may(scope) }

// Keyed reports whether API keys are configured, so that visitors sign in.
func (v *Visit) Keyed() bool { return len(*v.api.keys.Load()) > 0 }

// Ending is closed when lasting answers must end.
func (v *Visit) Ending() <-chan struct{} { return v.api.ending }

// EndStreams ends the answers that go on until a visitor leaves. It is idempotent.
func (a *API) EndStreams() { a.endOnce.Do(func() { close(a.ending) }) }

// maxForm bounds the form of a visitor, who may try templates, and maxOpenForm that of
// anybody.
const (
	maxForm     = 1 << 20
	maxOpenForm = 64 << 10
)

// formField is the field of a form that holds the token.
const formField = "token"

// pageEndpoints are the pages, and how visitors sign in and out.
func (a *API) pageEndpoints() []endpoint {
	if a.options.Pages == nil {
		return nil
	}
	var endpoints []endpoint
	for _, page := range append(a.options.Pages.Table(), a.signInPages()...) {
		endpoints = append(endpoints, endpoint{
			method: page.Method, path: page.Path, lasting: page.Lasting, refuse: a.options.Pages.Refuse,
			handle: func(c *call) (any, error) { return nil, a.servePage(c, &page) },
		})
	}
	return endpoints
}

// servePage shows a page to somebody who may see it. Who has not signed in is asked to.
func (a *API) servePage(c *call, page *Page) error {
	setPageHeaders(c.w.Header())
	v, err := a.admitVisitor(c, page)
	if courier.CodeOf(err) == courier.CodeUnauthorized && c.r.Method == http.MethodGet && !page.Lasting {
		a.sendToSignIn(c)
		return nil
	}
	if err != nil {
		return err
	}
	return page.Serve(v)
}

// noPage tells a browser that a page is not there.
func (a *API) noPage(c *call) (any, error) {
	setPageHeaders(c.w.Header())
	return nil, &courier.Error{Code: courier.CodeNotFound, Message: "there is no such page"}
}

// setPageHeaders keeps everything but our own files out of a page, and a page out of every
// other and out of caches. The policy of referrers is not "no-referrer": with that a
// browser sends the forms of our own pages with the Origin "null".
func setPageHeaders(header http.Header) {
	for name, value := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
			"form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
	} {
		header.Set(name, value)
	}
}

// admitVisitor lets a request pass that comes from our own pages or from none, by a visitor
// whose key has the scope of the page.
func (a *API) admitVisitor(c *call, page *Page) (*Visit, error) {
	keys := *a.keys.Load()
	if err := a.checkOrigin(c.r, len(keys) == 0); err != nil {
		return nil, err
	}
	v := &Visit{W: c.w, R: c.r, Base: baseOf(c.r), api: a}
	var secret string
	var err error
	if v.Key, secret, err = a.whoVisits(c.r, keys); page.Scope != "" {
		if err != nil {
			return nil, err
		}
		if !v.Key.may(page.Scope) {
			return nil, &courier.Error{Code: courier.CodeForbidden, Message: "the API key lacks the scope " + string(page.Scope) + "; sign in with another key, or add the scope to this one in api.keys"}
		}
	}
	if secret == "" {
		secret = formSecret(c.w, c.r)
	}
	v.Token = formToken(secret)
	if c.r.Method != http.MethodPost {
		return v, nil
	}
	return v, parseForm(v, page)
}

// baseOf returns what a host has taken off the path of a request, as http.StripPrefix does.
func baseOf(r *http.Request) string {
	full, _, _ := strings.Cut(r.RequestURI, "?")
	base, _ := strings.CutSuffix(full, r.URL.EscapedPath())
	if base == full {
		return ""
	}
	return base
}

// parseForm reads the form of a POST, which must be one of our own.
func parseForm(v *Visit, page *Page) error {
	limit := int64(maxForm)
	if page.Scope == "" {
		limit = maxOpenForm
	}
	kind, _, _ := strings.Cut(v.R.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return &courier.Error{Code: courier.CodeUnsupportedMedia, Message: "this page takes the forms of the pages alone; programs use the API"}
	}
	v.R.Body = http.MaxBytesReader(v.W, v.R.Body, limit)
	if err := v.R.ParseForm(); err != nil {
		return &courier.Error{Code: courier.CodeRequestTooLarge, Message: "the form is too large or cannot be read; shorten what was entered", Err: err}
	}
	v.Form = v.R.PostForm //nolint:forbidigo // the field, not the function
	if !sameText(v.Form.Get(formField), v.Token) {
		return &courier.Error{Code: courier.CodeForbidden, Message: "the form is none of this session: the page was open for too long, or comes from elsewhere; load the page again and repeat what you did"}
	}
	return nil
}

// sendToSignIn asks for a key and comes back then. A browser that follows a link from
// another site keeps the cookie of the session back; it gives it when the page asks again.
func (a *API) sendToSignIn(c *call) {
	if c.r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		c.w.Header().Set("Refresh", "0")
		writePage(c.w, http.StatusUnauthorized, "text/html; charset=utf-8", []byte("<!doctype html><title>courier</title>"))
		return
	}
	target := baseOf(c.r) + pathSignIn
	if c.r.URL.Path != "/" || c.r.URL.RawQuery != "" {
		target += "?" + url.Values{"next": {c.r.URL.RequestURI()}}.Encode()
	}
	http.Redirect(c.w, c.r, target, http.StatusSeeOther)
}

// writePage writes an answer whole, with the headers that setPageHeaders gave.
func writePage(w http.ResponseWriter, status int, contentType string, content []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(content)
}

type contextKey int

// visitorKey is the key of a context that holds the key of a visitor for whom a page asks
// the API. No request from outside has it.
const visitorKey contextKey = iota

// visitorOf returns the key of the visitor for whom a page asks the API.
func visitorOf(ctx context.Context) (Key, bool) {
	by, ok := ctx.Value(visitorKey).(Key)
	return by, ok
}

// RoundTrip implements http.RoundTripper: it runs an endpoint of the API with the key of
// the visitor, in this process.
func (v *Visit) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close() //nolint:errcheck // a body in memory
	}
	return run(v.api.within, r.WithContext(context.WithValue(r.Context(), visitorKey, v.Key))), nil
}

// Again asks for another page, or for this one again, as the visitor would, which does
// not make the session last longer.
func (v *Visit) Again(ctx context.Context, target string) (status int, content []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil || r.URL.IsAbs() || !strings.HasPrefix(r.URL.Path, "/") {
		return 0, nil, &courier.Error{Code: courier.CodeInvalidRequest, Message: "there is no such page to watch", Err: err}
	}
	r.Header = v.R.Header.Clone()
	r.Header.Set(headerWatch, "1")
	r.Host, r.RemoteAddr, r.TLS, r.RequestURI = v.R.Host, v.R.RemoteAddr, v.R.TLS, v.Base+target
	answer := &recorder{header: http.Header{}}
	v.api.admin.ServeHTTP(answer, r)
	return answer.statusCode(), answer.content, nil
}

// headerWatch is that of a request for a page that is only watched. Whoever sends it from
// outside gets the same page, in a session that does not last longer for it.
const headerWatch = "X-Courier-Watch"

// Watched reports whether the page is only watched: its visitor need not be there.
func (v *Visit) Watched() bool { return v.R.Header.Get(headerWatch) != "" }
