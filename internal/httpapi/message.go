package httpapi

import (
	"fmt"
	"log/slog"
	"time"

	"courier"
	"courier/internal/store"
)

func (a *API) getMessage(c *call) (any, error) {
	id, err := pathID(c)
	if err != nil {
		return nil, err
	}
	m, attempts, err := a.options.Store.Message(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	return newMessageWithAttempts(m, attempts, c.by), nil
}

func (a *API) cancelMessage(c *call) (any, error) {
	id, err := pathID(c)
	if err != nil {
		return nil, err
	}
	m, err := a.options.Store.Cancel(c.r.Context(), id, a.now())
	if err != nil {
		return nil, err
	}
	if c.by.name != "" {
		a.options.Logger.InfoContext(c.r.Context(), "message canceled", slog.String("api_key", c.by.name), slog.String("message_id", id.String()))
	}
	return newMessage(m, c.by), nil
}

// retryMessage gives the message to the gateway that its channel has today.
func (a *API) retryMessage(c *call) (any, error) {
	id, err := pathID(c)
	if err != nil {
		return nil, err
	}
	expiresAt, err := a.newExpiry(c)
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
	if c.by.name != "" {
		a.options.Logger.InfoContext(c.r.Context(), "message retried", slog.String("api_key", c.by.name), slog.String("message_id", id.String()))
	}
	return newMessage(m, c.by), nil
}

// newExpiry reads the optional body of a retry.
func (a *API) newExpiry(c *call) (time.Time, error) {
	if c.r.ContentLength == 0 {
		return time.Time{}, nil
	}
	var request RetryRequest
	if err := decodeBody(c, a.options.MaxBodySize, &request); err != nil {
		return time.Time{}, err
	}
	return a.options.Intake.Expiry(courier.Lifetime{ExpiresAt: request.ExpiresAt, TTL: request.TTL})
}

// pathID returns the id in the path. What is no id at all is the id of no message.
func pathID(c *call) (courier.ID, error) {
	id, err := courier.ParseID(c.r.PathValue("id"))
	if err != nil {
		return courier.ID{}, fmt.Errorf("%w: %w", store.ErrNotFound, err)
	}
	return id, nil
}
