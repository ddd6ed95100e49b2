package app

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"courier"
	"courier/internal/httpapi"
)

// What a host calls of a courier that is a part of it, after Start.

// Admin is what the admin listener serves.
func (a *App) Admin() http.Handler { return a.api.Admin() }

// Public is what the public listener serves, also below the path of public.url: some
// proxies take it off, others leave it.
func (a *App) Public() http.Handler {
	public := a.api.Public()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := *a.publicPath.Load(); path != "" && strings.HasPrefix(r.URL.Path, path+"/") {
			http.StripPrefix(path, public).ServeHTTP(w, r)
			return
		}
		public.ServeHTTP(w, r)
	})
}

// pathOf returns the path of an address, without a slash at its end.
func pathOf(address string) *string {
	parsed, err := url.Parse(address)
	if err != nil {
		return new("")
	}
	return new(strings.TrimSuffix(parsed.Path, "/"))
}

// Send takes a message as POST /v1/messages does. A repeat with the same idempotency key
// returns the first message. Errors are *courier.Error.
func (a *App) Send(ctx context.Context, draft courier.Draft) (*courier.Message, error) {
	m, err := a.intake.Accept(draft)
	if err != nil {
		return nil, httpapi.FaultOf(err)
	}
	stored, err := a.engine.Enqueue(ctx, []*courier.Message{m})
	if err == nil {
		err = stored[0].Err
	}
	if err != nil {
		return nil, httpapi.FaultOf(err)
	}
	return stored[0].Message, nil
}

// Message returns a message with its attempts. Errors are *courier.Error.
func (a *App) Message(ctx context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error) {
	m, attempts, err := a.store.Message(ctx, id)
	if err != nil {
		return nil, nil, httpapi.FaultOf(err)
	}
	return m, attempts, nil
}
