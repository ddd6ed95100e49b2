package httpapi

import (
	"context"
	"net/http"
	"time"

	"courier"
	"courier/internal/store"
)

// retryFields are the fields of a retry by hand; all are optional.
type retryFields struct{ lifetime courier.Lifetime }

func (f *retryFields) names() []string { return []string{"expires_at", "ttl"} }

func (f *retryFields) set(name string, value []byte) (bool, *courier.Error) {
	switch name {
	case "expires_at":
		return true, setText(value, &f.lifetime.ExpiresAt)
	case "ttl":
		return true, setText(value, &f.lifetime.TTL)
	default:
		return false, nil
	}
}

func (a *API) retryMessage(w http.ResponseWriter, r *http.Request, by caller) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	expiresAt, err := a.newExpiry(w, r)
	if err != nil {
		return err
	}
	message, err := a.requeue(r.Context(), id, expiresAt)
	if err != nil {
		return err
	}
	return a.writeJSON(w, http.StatusOK, newMessage(message, by))
}

// newExpiry reads the optional body of a retry.
func (a *API) newExpiry(w http.ResponseWriter, r *http.Request) (time.Time, error) {
	if r.ContentLength == 0 {
		return time.Time{}, nil
	}
	var fields retryFields
	err := a.withBody(w, r, a.options.MaxBodySize, func(text []byte) error { return decodeFields(text, &fields) })
	if err != nil {
		return time.Time{}, err
	}
	return a.options.Intake.Expiry(fields.lifetime)
}

// requeue gives the message to the gateway that its channel has today.
func (a *API) requeue(ctx context.Context, id courier.ID, expiresAt time.Time) (*courier.Message, error) {
	message, _, err := a.options.Store.Message(ctx, id)
	if err != nil {
		return nil, err
	}
	gateway, err := a.options.Intake.Gateway(message.Channel)
	if err != nil {
		return nil, err
	}
	message, err = a.options.Store.Requeue(ctx, store.Requeue{ID: id, Now: a.now(), Gateway: gateway, ExpiresAt: expiresAt})
	if err != nil {
		return nil, err
	}
	a.options.Engine.Wake()
	return message, nil
}
