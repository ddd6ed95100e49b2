package httpapi

import (
	"errors"
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
	receipts, err := a.options.Store.Receipts(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	notices, err := a.options.Store.Notices(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	detail := newMessageDetail(m, attempts, receipts, c.by)
	detail.Webhooks = a.newWebhooks(notices, m.CallbackURL)
	return detail, nil
}

func (a *API) cancelMessage(c *call, id courier.ID) (any, error) {
	request, err := a.readReason(c)
	if err != nil {
		return nil, err
	}
	m, err := a.options.Store.Cancel(c.r.Context(), id, a.now())
	if err != nil {
		return nil, err
	}
	return a.changed(c, m, "message canceled", auditCancel, request.Reason), nil
}

// retryMessage gives the message to the gateway that its channel has today.
func (a *API) retryMessage(c *call, id courier.ID) (any, error) {
	var request retryRequest
	if c.r.ContentLength != 0 {
		if err := decodeBody(c, a.options.MaxBodySize, &request); err != nil {
			return nil, err
		}
	}
	if err := request.check(); err != nil {
		return nil, err
	}
	expiresAt, err := a.options.Intake.Expiry(courier.Lifetime{ExpiresAt: request.ExpiresAt, TTL: request.TTL})
	if err != nil {
		return nil, err
	}
	gateway, err := a.gatewayFor(c, id)
	if err != nil {
		return nil, err
	}
	m, err := a.options.Store.Requeue(c.r.Context(), store.Requeue{ID: id, Now: a.now(), Gateway: gateway, ExpiresAt: expiresAt})
	if err != nil {
		return nil, err
	}
	a.options.Engine.Wake()
	return a.changed(c, m, "message retried", auditRetry, request.Reason), nil
}

// gatewayFor returns the gateway that a message waits for which is sent again: the one
// that its caller asked for, or that of its channel today.
func (a *API) gatewayFor(c *call, id courier.ID) (string, error) {
	m, _, err := a.options.Store.Message(c.r.Context(), id)
	if err != nil || m.OnlyGateway {
		return "", err
	}
	return a.options.Intake.Gateway(m.Channel)
}

// resolveMessage takes an operator's word for what became of an unknown message.
func (a *API) resolveMessage(c *call, id courier.ID) (any, error) {
	var request ResolveRequest
	if err := decodeBody(c, a.options.MaxBodySize, &request); err != nil {
		return nil, err
	}
	if err := request.check(); err != nil {
		return nil, err
	}
	resolve := store.Resolve{ID: id, As: store.Resolution(request.As), Now: a.now()}
	if err := oneOf("it does not say what became of the message", resolve.As, resolutions()); err != nil {
		fault := FaultOf(err)
		fault.Field = "as"
		return nil, fault
	}
	var err error
	if resolve.As == store.ResolvedResend {
		if resolve.Gateway, err = a.gatewayFor(c, id); err != nil {
			return nil, err
		}
	}
	m, err := a.options.Store.Resolve(c.r.Context(), resolve)
	if transition, ok := errors.AsType[*store.TransitionError](err); ok {
		err = &courier.Error{
			Code: courier.CodeIllegalTransition, Err: err,
			Message: "the message is " + string(transition.From) + " and cannot be resolved; only an unknown one can",
		}
	}
	if err != nil {
		return nil, err
	}
	if resolve.As == store.ResolvedResend {
		a.options.Engine.Wake()
	}
	return a.changed(c, m, "message resolved", auditResolve, request.Reason), nil
}

// changed answers with a message that the caller changed. The audit log says who did it,
// and so does the log unless there are no keys.
func (a *API) changed(c *call, m *courier.Message, what, action, reason string) Message {
	a.audit(c.r.Context(), c.by, store.Entry{Action: action, Target: m.ID.String(), Reason: reason, Detail: string(m.Status)})
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
