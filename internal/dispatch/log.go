package dispatch

import (
	"context"
	"log/slog"
	"time"

	"courier"
)

// logAttempt writes the one line of an attempt.
func (s *sender) logAttempt(ctx context.Context, t *ticket, a *courier.Attempt, waited time.Duration) {
	m, next := t.message, &t.settlement
	level := slog.LevelInfo
	if a.Outcome != courier.OutcomeAccepted {
		level = slog.LevelWarn
	}
	logger := s.engine.logger
	if !logger.Enabled(ctx, level) {
		return
	}
	var room [18]slog.Attr
	attrs := append(room[:0],
		slog.String("message_id", m.ID.String()),
		slog.String("channel", m.Channel),
		slog.String("gateway", s.name),
		slog.String("to", courier.MaskRecipient(m.To)),
		slog.Int("attempt", a.Number),
		slog.String("outcome", string(a.Outcome)),
		slog.Int("http_status", a.HTTPStatus),
		slog.Duration("duration", a.Duration),
		slog.Duration("queue_time", waited),
		slog.String("next_status", string(next.Status)),
	)
	if id := traceID(m); id != "" {
		attrs = append(attrs, slog.String("trace_id", id))
	}
	if a.Outcome != courier.OutcomeAccepted {
		attrs = append(attrs, slog.String("class", string(a.Class)), slog.String("code", a.Code), slog.String("error", a.Message))
	}
	if next.Status == courier.StatusQueued {
		attrs = append(attrs, slog.Time("next_attempt_at", next.NextAttemptAt))
	}
	if next.Gateway != "" {
		attrs = append(attrs, slog.String("next_gateway", next.Gateway))
	}
	if a.Warning != "" {
		attrs = append(attrs, slog.String("warning", a.Warning))
	}
	logger.LogAttrs(ctx, level, "attempt", attrs...)
}

// logExpired tells of a message that expired before a gateway took it.
func (s *sender) logExpired(m *courier.Message) {
	const text = "message expired before a gateway took it"
	s.engine.logger.LogAttrs(s.engine.lifetime.attemptCtx, slog.LevelWarn, text, s.about(m, slog.Time("expires_at", m.ExpiresAt))...)
}

// logUsedUp tells of a message that is ended by what became of others.
func (s *sender) logUsedUp(m *courier.Message) {
	const text = "message is rejected: the gateway refused it and takes others"
	s.engine.logger.LogAttrs(s.engine.lifetime.attemptCtx, slog.LevelWarn, text, s.about(m, slog.String("class", string(m.LastError.Class)))...)
}

// about tells which message it is.
func (s *sender) about(m *courier.Message, why slog.Attr) []slog.Attr {
	return []slog.Attr{
		slog.String("message_id", m.ID.String()), slog.String("channel", m.Channel), slog.String("gateway", s.name),
		slog.String("to", courier.MaskRecipient(m.To)), why,
	}
}

// logBreaker tells once that a gateway is left alone, and once that it is back.
func (s *sender) logBreaker(c change, cause *courier.Attempt) {
	ctx, logger := s.engine.lifetime.attemptCtx, s.engine.logger
	switch {
	case c.opened:
		logger.LogAttrs(ctx, slog.LevelError, "gateway does not take messages; they wait and no attempts are spent",
			slog.String("gateway", s.name),
			slog.String("class", string(cause.Class)),
			slog.String("code", cause.Code),
			slog.Int("http_status", cause.HTTPStatus),
			slog.String("error", cause.Message),
			slog.Duration("next_probe_in", c.openFor),
			slog.String("next_step", nextStep(c.cause, cause.Class)),
		)
	case c.closed:
		logger.LogAttrs(ctx, slog.LevelInfo, "gateway takes messages again", slog.String("gateway", s.name))
	}
}

// nextStep tells an operator what to look at.
func nextStep(cause kind, class courier.Class) string {
	const retry = "; the few that were rejected before it was noticed can be sent again by: courier messages retry --status rejected --class "
	switch cause { //nolint:exhaustive // the rest are faults of the way there
	case kindRefused:
		return "check the url, the credentials and the account of this gateway; a corrected configuration takes effect at once"
	case kindGuessed:
		return "it refuses one message after the other: check the account, and the template in request_config" + retry + string(class)
	case kindUnrendered:
		return "the template fails for one message after the other: correct it; that takes effect at once" + retry + string(class)
	}
	return "check whether the gateway can be reached from here and what its status page says; it is tried again by itself"
}
