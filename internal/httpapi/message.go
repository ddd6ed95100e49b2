package httpapi

import (
	"fmt"
	"log/slog"

	"courier"
	"courier/internal/store"
)

func (a *API) getMessage(c *call, id courier.ID) (any, error) {
	m, attempts, err := a.options.Store.Message(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	return newMessageWithAttempts(m, attempts, c.by), nil
}

func (a *API) cancelMessage(c *call, id courier.ID) (any, error) {
	m, err := a.options.Store.Cancel(c.r.Context(), id, a.now())
	if err != nil {
		return nil, err
	}
	return a.changed(c, m, "message canceled"), nil
}

// retryMessage gives the message to the gateway that its channel has today.
func (a *API) retryMessage(c *call, id courier.ID) (any, error) {
	var request RetryRequest
	if c.r.ContentLength != 0 {
		if err := decodeBody(c, a.options.MaxBodySize, &request); err != nil {
			return nil, err
		}
	}
	expiresAt, err := a.options.Intake.Expiry(courier.Lifetime{ExpiresAt: request.ExpiresAt, TTL: request.TTL})
	if err != nil {
		return nil, err
	}
	m, _, err := a.options.Store.Message(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	gateway, err := a.options.Intake.Gateway(m.Channel)
	if err != nil {
		return nil, err
	}
	m, err = a.options.Store.Requeue(c.r.Context(), store.Requeue{ID: id, Now: a.now(), Gateway: gateway, ExpiresAt: expiresAt})
	if err != nil {
		return nil, err
	}
	a.options.Engine.Wake()
	return a.changed(c, m, "message retried"), nil
}

// changed answers with a message that the caller changed. The log says which API
// key did it; without keys there is nobody to name.
func (a *API) changed(c *call, m *courier.Message, what string) Message {
	if c.by.Name != "" {
		//nolint:sloglint // the callers above give constants
		a.options.Logger.InfoContext(c.r.Context(), what, slog.String("api_key", c.by.Name), slog.String("message_id", m.ID.String()))
	}
	return newMessage(m, c.by)
}

// byID serves a message by the id in the path. What is no id at all is the id of no message.
func byID(serve func(c *call, id courier.ID) (any, error)) handler {
	return func(c *call) (any, error) {
		id, err := courier.ParseID(c.r.PathValue("id"))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", store.ErrNotFound, err)
		}
		return serve(c, id)
	}
}
