package dispatch

import (
	"context"
	"slices"
	"time"

	"courier"
	"courier/internal/store"
)

// The rules of a message that follows another to the same recipient.
const (
	// resendWithin is how soon it has to follow for the same purpose.
	resendWithin = 10 * time.Minute
	// receiptWithin is how long a gateway that sends receipts has for one.
	receiptWithin = 20 * time.Second
	// resendCall is the most messages of a call that are looked at: nobody asks for a
	// code again with many others.
	resendCall = 10
	// resendPage is how many of the recipient's latest messages are looked at.
	resendPage = 5
	// resendTimeout bounds the look: without an answer the message begins as any other.
	resendTimeout = time.Second
)

// before returns the gateway that took the message before this one to the same
// recipient for the same purpose, if it may not have got through, or "".
func (e *Engine) before(ctx context.Context, r *route, m *courier.Message) string {
	if len(r.hops) < 2 || !slices.ContainsFunc(r.hops, hop.reports) {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, resendTimeout)
	defer cancel()
	page, err := e.store.Messages(ctx, store.Query{To: m.To, Limit: resendPage})
	if err != nil {
		return "" // the write that follows tells of a store in trouble
	}
	now := e.now()
	i := slices.IndexFunc(page.Messages, func(last *courier.Message) bool {
		return last.TemplateType == m.TemplateType && last.Channel == m.Channel && now.Sub(last.CreatedAt) < resendWithin
	})
	if i < 0 {
		return ""
	}
	last := page.Messages[i]
	at := r.named(last.Gateway)
	if at < 0 || !failedToArrive(last, now, r.hops[at].reports()) {
		return ""
	}
	return last.Gateway
}

// reports reports whether a gateway sends receipts.
func (h hop) reports() bool { return h.sender.settings.Load().Receipts }

// failedToArrive reports whether a gateway took a message that the handset does not
// seem to have.
func failedToArrive(m *courier.Message, now time.Time, receipts bool) bool {
	switch m.Status { //nolint:exhaustive // the others went through no gateway, or arrived
	case courier.StatusSent:
		return receipts && now.Sub(m.SentAt) > receiptWithin
	case courier.StatusUndelivered, courier.StatusRejected, courier.StatusExpired:
		return !m.SentAt.IsZero()
	case courier.StatusUnknown:
		return true
	}
	return false
}
