package intake

import (
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"courier"
)

// Limit is how many messages of one recipient or caller are taken in any span of time.
type Limit struct {
	By    courier.LimitBy
	Count int
	Per   time.Duration
	// Lanes are those that count, all without any.
	Lanes []courier.Lane
}

// hookCaller begins the caller of the messages of hooks.
const hookCaller = "hook:"

// limitsOf returns the limits that leave room for a message or not.
func (p *Policy) limitsOf(m *courier.Message) []courier.Limit {
	var limits []courier.Limit
	if _, test := p.TestNumbers[m.To]; test {
		return nil
	}
	for _, l := range p.Limits {
		hook, who := strings.HasPrefix(m.Caller, hookCaller), m.Caller
		switch {
		case l.By == courier.LimitByRecipient:
			who = m.To
		case who == "", hook != (l.By == courier.LimitByHook):
			continue
		}
		if len(l.Lanes) == 0 || slices.Contains(l.Lanes, m.Lane) {
			limits = append(limits, courier.Limit{By: l.By, Subject: l.subject(who), Count: l.Count, Per: l.Per})
		}
	}
	return limits
}

// subject is a digest of who is counted in which lanes: limits for a minute and a day
// count the same messages.
func (l *Limit) subject(who string) [16]byte {
	digest := sha256.New()
	writeField(digest, []byte(l.By))
	for _, lane := range courier.Lanes() {
		if len(l.Lanes) == 0 || slices.Contains(l.Lanes, lane) {
			writeField(digest, []byte(lane))
		}
	}
	writeField(digest, []byte(who))
	return [16]byte(digest.Sum(nil)[:16])
}
