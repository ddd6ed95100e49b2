package dispatch

import (
	"context"
	"log/slog"
	"time"

	"courier"
	"courier/internal/store"
)

// logAttempt writes the one line of an attempt.
func (l *lane) logAttempt(ctx context.Context, m *courier.Message, a *courier.Attempt, s *store.Settlement, waited time.Duration) {
	level := slog.LevelInfo
	if a.Outcome != courier.OutcomeAccepted {
		level = slog.LevelWarn
	}
	logger := l.engine.logger
	if !logger.Enabled(ctx, level) {
		return
	}
	var room [16]slog.Attr
	attrs := append(room[:0],
		slog.String("message_id", m.ID.String()),
		slog.String("channel", m.Channel),
		slog.String("gateway", l.name),
		slog.String("to", courier.MaskRecipient(m.To)),
		slog.Int("attempt", a.Number),
		slog.String("outcome", string(a.Outcome)),
		slog.Int("http_status", a.HTTPStatus),
		slog.Duration("duration", a.Duration),
		slog.Duration("queue_time", waited),
		slog.String("next_status", string(s.Status)),
	)
	if id := traceID(m); id != "" {
		attrs = append(attrs, slog.String("trace_id", id))
	}
	if a.Outcome != courier.OutcomeAccepted {
		attrs = append(attrs, slog.String("class", string(a.Class)), slog.String("code", a.Code), slog.String("error", a.Message))
	}
	if s.Status == courier.StatusQueued {
		attrs = append(attrs, slog.Time("next_attempt_at", s.NextAttemptAt))
	}
	logger.LogAttrs(ctx, level, "attempt", attrs...)
}

// logExpired tells of a message that expired before it could be attempted.
func (l *lane) logExpired(m *courier.Message) {
	l.engine.logger.LogAttrs(l.engine.lifetime.attemptCtx, slog.LevelWarn, "message expired before it could be attempted",
		slog.String("message_id", m.ID.String()),
		slog.String("channel", m.Channel),
		slog.String("gateway", l.name),
		slog.String("to", courier.MaskRecipient(m.To)),
		slog.Time("expires_at", m.ExpiresAt),
	)
}

// logBreaker tells once that a gateway is left alone, and once that it is back.
func (l *lane) logBreaker(c change, cause *courier.Attempt) {
	ctx, logger := l.engine.lifetime.attemptCtx, l.engine.logger
	switch {
	case c.opened:
		logger.LogAttrs(ctx, slog.LevelError, "gateway does not take messages; they wait and no attempts are spent",
			slog.String("gateway", l.name),
			slog.String("class", string(cause.Class)),
			slog.String("code", cause.Code),
			slog.Int("http_status", cause.HTTPStatus),
			slog.String("error", cause.Message),
			slog.Duration("next_probe_in", c.openFor),
			slog.String("next_step", gatewayNextStep(cause)),
		)
	case c.closed:
		logger.LogAttrs(ctx, slog.LevelInfo, "gateway takes messages again", slog.String("gateway", l.name))
	}
}

// gatewayNextStep tells an operator what to look at.
func gatewayNextStep(cause *courier.Attempt) string {
	if cause.Outcome == courier.OutcomeGatewayDown {
		return "check the url, the credentials and the account of this gateway; a corrected configuration takes effect at once"
	}
	return "check whether the gateway can be reached from here and what its status page says; it is tried again by itself"
}
