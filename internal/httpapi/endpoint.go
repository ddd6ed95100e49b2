package httpapi

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"courier"
)

// The names of the listeners, in metrics and logs.
const (
	listenerAdmin  = "admin"
	listenerPublic = "public"
	// listenerPages stands for our own pages, which ask within the process.
	listenerPages = "pages"
)

// endpoint is one method of one path: what serves it, and what the OpenAPI
// document says of it.
type endpoint struct {
	method, path string
	// id is the name of the operation in the document.
	id, tag, summary, description string
	// scope is what a key must have, empty for an open endpoint.
	scope Scope
	// also is another scope that suffices, empty for none.
	also   Scope
	handle handler
	// refuse answers an error, as a problem document where it is nil.
	refuse func(w http.ResponseWriter, fault *courier.Error)

	parameters []*huma.Param
	// takes and gives are values of the types of body and answer, nil for none.
	// bodyOptional is true when a request may come without a body.
	takes, gives any
	bodyOptional bool
	// status is that of a success, 200 when 0.
	status int
	// contentType is that of an answer that is no JSON.
	contentType string
	codes       []courier.ErrorCode
	// lasting is true of an answer that goes on until the caller leaves.
	lasting bool
}

// call is one request of an endpoint.
type call struct {
	w http.ResponseWriter
	r *http.Request
	// by is the key that the caller has, without a name where none is asked for.
	by Key
}

// handler serves one endpoint. It returns what is answered as JSON, or nil when
// it has written the answer itself; an error is answered in the endpoint's form.
type handler func(c *call) (any, error)

// success is the status of an answer that is no error.
func (e *endpoint) success() int { return cmp.Or(e.status, http.StatusOK) }

// fail answers an error in the form of the endpoint.
func (e *endpoint) fail(w http.ResponseWriter, fault *courier.Error) {
	setHeaders(w.Header(), fault)
	if e.refuse != nil {
		e.refuse(w, fault)
		return
	}
	writeError(w, fault)
}

// routeOther stands for every request that no endpoint serves.
const routeOther = "other"

// serve returns the handler of a listener with the given endpoints.
func (a *API) serve(listener string, endpoints []endpoint) http.Handler {
	mux := http.NewServeMux()
	for i := range endpoints {
		route := strings.TrimSpace(endpoints[i].method + " " + endpoints[i].path)
		mux.Handle(route, a.instrument(listener, route, &endpoints[i]))
	}
	other := a.instrument(listener, routeOther, &endpoint{handle: refuseOther(mux)})
	if listener != listenerAdmin || a.options.Pages == nil {
		mux.Handle("/", other)
		return mux
	}
	page := a.instrument(listener, routeOther, &endpoint{handle: a.noPage, refuse: a.options.Pages.Refuse})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") {
			page.ServeHTTP(w, r)
			return
		}
		other.ServeHTTP(w, r)
	})
	return mux
}

// refuseOther tells a wrong method from a path that is not there.
func refuseOther(mux *http.ServeMux) handler {
	return func(c *call) (any, error) {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if _, pattern := mux.Handler(&http.Request{Method: method, URL: c.r.URL}); pattern != "/" {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 {
			return nil, &courier.Error{Code: courier.CodeNotFound, Message: "nothing is at this path; /openapi.json on the admin listener lists what is"}
		}
		c.w.Header().Set("Allow", strings.Join(allowed, ", "))
		return nil, &courier.Error{Code: courier.CodeMethodNotAllowed, Message: "this path does not take that method; use " + strings.Join(allowed, " or ")}
	}
}
