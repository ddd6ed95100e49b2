package httpapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"courier"
)

// The names of the listeners, in metrics and logs.
const (
	listenerAdmin  = "admin"
	listenerPublic = "public"
)

// handler serves one endpoint; an error is answered as a problem document.
type handler func(w http.ResponseWriter, r *http.Request, by caller) error

// endpoint is one method of one path.
type endpoint struct {
	// operation says method and path, and documents both.
	operation huma.Operation
	// scope is what a key must have, empty for an open endpoint.
	scope  Scope
	handle handler
}

func (e *endpoint) route() string { return e.operation.Method + " " + e.operation.Path }

// routeOther stands for every request that no endpoint serves.
const routeOther = "other"

// serve returns the handler of a listener with the given endpoints.
func (a *API) serve(listener string, endpoints []endpoint) http.Handler {
	mux := http.NewServeMux()
	for _, e := range endpoints {
		mux.Handle(e.route(), a.instrument(listener, e.route(), a.protect(e.scope, e.handle)))
	}
	mux.Handle("/", a.instrument(listener, routeOther, a.protect("", a.refuseOther(mux, endpoints))))
	return mux
}

// refuseOther tells a wrong method from a path that is not there.
func (a *API) refuseOther(mux *http.ServeMux, endpoints []endpoint) handler {
	methods := make(map[string]bool)
	for _, e := range endpoints {
		methods[e.operation.Method] = true
	}
	return func(w http.ResponseWriter, r *http.Request, _ caller) error {
		allowed := allowedMethods(mux, methods, r.URL)
		if len(allowed) == 0 {
			return &courier.Error{Code: courier.CodeNotFound, Message: "nothing is at this path; /openapi.json on the admin listener lists what is"}
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return &courier.Error{Code: courier.CodeMethodNotAllowed, Message: "this path does not take that method; use " + strings.Join(allowed, " or ")}
	}
}

func allowedMethods(mux *http.ServeMux, methods map[string]bool, target *url.URL) []string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if !methods[method] {
			continue
		}
		if _, pattern := mux.Handler(&http.Request{Method: method, URL: target}); pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	return allowed
}
