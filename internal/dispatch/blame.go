package dispatch

import (
	"encoding/binary"
	"slices"
	"time"

	"courier"
)

// The rules of who is at fault.
const (
	// severalRecipients have to be refused in a row before the gateway is at fault.
	severalRecipients = 3
	// severalShare: when others were taken before, that many in a hundred of them have
	// to be refused in a row, but no more than severalMax: a share of bad numbers in
	// the worst order is not an outage, and an outage is noticed soon.
	severalShare = 10
	severalMax   = 200
	// rejectsFew to rejectsMax refusals by status alone in a row end their messages;
	// those after them wait.
	rejectsFew = 5
	rejectsMax = 10
	// relapse is how many have to be refused in a row shortly after an outage before
	// it is taken to go on: those that were refused in it wait together.
	relapse = 100
	// falseAlarm is how long an outage lasts at least. In a shorter one several bad
	// messages came one after the other.
	falseAlarm = 3 * time.Second
	// settleTime is how long nothing may have changed before an undecided message is
	// decided all the same.
	settleTime = 10 * time.Second
	// outagesKept bounds how many times of fault are remembered.
	outagesKept = 8
)

// blame decides whose fault a refusal is by what happened to others through the
// same gateway: it is the message's while others are accepted, and the gateway's
// when several recipients were refused in a row and nobody was accepted. Of a
// message it knows only its row, the last error and the count of tries; of the
// gateway what is below, which is bounded. It is not safe for concurrent use.
//
// Two clocks meet here: what is compared with a message's row is on the store's
// clock, what is waited for on the monotonic one.
type blame struct {
	// since is when this memory begins (monotonic), and knownFrom from when on it knows
	// all outages (store).
	since, knownFrom time.Time
	// taken counts who was accepted in the last minute.
	taken window
	// takenAt and renderedAt are when the latest attempt began that was accepted, and
	// the latest whose request could be built. (store)
	takenAt, renderedAt time.Time

	refused, guessed, unrendered streak
	// signature is that of the guessed refusals in a row.
	signature signature
	// outages are the latest times at which the gateway was at fault.
	outages []outage
}

// signature tells whether refusals are alike.
type signature struct {
	status int
	class  courier.Class
	code   string
}

// outage is a time at which the gateway was at fault, on the store's clock. It goes
// on while to is zero.
type outage struct{ from, to time.Time }

// streak are refusals of one sort in a row, with nobody accepted in between.
type streak struct {
	// from is when the first of them began. (store)
	from time.Time
	// grewAt is when somebody new was refused last. (monotonic)
	grewAt time.Time
	// before is how many were accepted in the minute before the first.
	before     int
	recipients map[digest]struct{}
	messages   map[courier.ID]struct{}
	// repeated counts those which had been refused before others were accepted.
	repeated int
}

func newBlame(now, storeNow time.Time) blame {
	return blame{since: now, knownFrom: storeNow, taken: newWindow(12, 5*time.Second)}
}

// refusal is a refused message as blame sees it.
type refusal struct {
	message   *courier.Message
	recipient digest
	attempt   *courier.Attempt
	// alone is true when no attempt of another is under way.
	alone bool
	// recovering is true shortly after an outage.
	recovering bool
	now        time.Time // monotonic
}

// accepted notes that the gateway took a message.
func (b *blame) accepted(startedAt, now time.Time) {
	b.taken.add(now)
	b.takenAt = later(b.takenAt, startedAt)
	// What began before the first was refused does not show that the gateway still works.
	for _, s := range []*streak{&b.refused, &b.guessed} {
		if !startedAt.Before(s.from) {
			s.end()
		}
	}
}

// rendered notes that the template gave a request.
func (b *blame) rendered(at time.Time) {
	b.renderedAt = later(b.renderedAt, at)
	b.unrendered.end()
}

// judge finds out whose fault a refusal is, while the gateway is not known to be down.
func (b *blame) judge(k kind, r refusal) finding {
	switch k { //nolint:exhaustive // the kinds of refusal
	case kindRefused:
		return b.judgeRefused(r)
	case kindGuessed:
		if alike := (signature{r.attempt.HTTPStatus, r.attempt.Class, r.attempt.Code}); b.signature != alike {
			b.guessed.end()
			b.signature = alike
		}
		return b.judgeRejected(&b.guessed, b.takenAt, r)
	case kindUnrendered:
		r.recipient = digest(binary.BigEndian.Uint64(r.message.ID[8:])) // recipients have no part in it
		return b.judgeRejected(&b.unrendered, b.renderedAt, r)
	}
	return finding{}
}

func (b *blame) judgeRefused(r refusal) finding {
	last := r.message.LastError
	innocent := b.wasOutage(last)
	if wasBlamed(last) && !innocent {
		return finding{fault: faultMessage}
	}
	s := &b.refused
	b.begin(s, r)
	if wasRefused(last) && b.takenAt.After(endOf(last)) {
		// Others were accepted since this one was refused last. When more such come in a
		// row than were accepted, the gateway accepts a few now and then.
		if s.repeated++; s.repeated <= max(severalRecipients, s.before) {
			return finding{fault: faultMessage}
		}
		return finding{fault: faultGateway, open: true}
	}
	s.add(r)
	if len(s.recipients) >= severalRecipients && len(s.messages) >= s.atLeast(s.several(), r.recovering) {
		return finding{fault: faultGateway, open: true}
	}
	return finding{fault: faultUndecided, final: r.alone && s.only(r.recipient) || s.before > 0 && b.settled(r.now)}
}

// settled reports whether what is known of refusals has not changed for a while.
func (b *blame) settled(now time.Time) bool {
	return now.Sub(later(b.since, b.refused.grewAt)) >= settleTime
}

// judgeRejected judges a refusal that ends its message unless it is one of several in
// a row. othersAt is when others were last better off.
func (b *blame) judgeRejected(s *streak, othersAt time.Time, r refusal) finding {
	if last := r.message.LastError; wasRefused(last) && othersAt.After(endOf(last)) {
		return finding{fault: faultMessage}
	}
	b.begin(s, r)
	s.add(r)
	if len(s.recipients) >= s.rejects() {
		return finding{fault: faultGateway, open: len(s.messages) >= s.atLeast(0, r.recovering)}
	}
	return finding{fault: faultMessage}
}

// usedUp says what becomes of a message that has no tries left: it is over when
// others turned out to be taken (faultMessage), is tried again when the gateway was
// at fault (faultGateway), or waits on (faultUndecided). What other nodes know of
// that time is not known here, nor what an earlier process knew.
func (b *blame) usedUp(m *courier.Message, recipient digest, nodes int, now time.Time) fault {
	last := m.LastError
	switch {
	case b.wasOutage(last):
		return faultGateway
	case b.takenAt.After(endOf(last)):
		if nodes > 1 || last.StartedAt.Before(b.knownFrom) {
			return faultGateway
		}
		return faultMessage
	case !wasBlamed(last):
		return faultGateway
	case !b.settled(now):
		return faultUndecided
	case b.refused.before > 0 || b.refused.only(recipient):
		return faultMessage
	}
	return faultGateway
}

// down notes that the gateway was found to be at fault for refusals since a time.
func (b *blame) down(k kind, at time.Time) {
	from := at
	switch k { //nolint:exhaustive // the other kinds have no streak
	case kindRefused:
		from = b.refused.from
	case kindGuessed:
		from = b.guessed.from
	case kindUnrendered:
		from = b.unrendered.from
	}
	if len(b.outages) == outagesKept {
		b.knownFrom = later(b.knownFrom, b.outages[0].to)
		b.outages = slices.Delete(b.outages, 0, 1)
	}
	b.outages = append(b.outages, outage{from: from})
}

// up notes that the gateway works again.
func (b *blame) up(at time.Time) {
	if last := len(b.outages) - 1; last >= 0 && b.outages[last].to.IsZero() {
		b.outages[last].to = at
		if at.Sub(b.outages[last].from) < falseAlarm {
			b.outages = b.outages[:last]
		}
	}
	b.refused.end()
	b.guessed.end()
	b.unrendered.end()
}

// isSuspicious reports whether several were refused in a row, so that messages from
// elsewhere in the queue should show whether anybody is taken.
func (b *blame) isSuspicious() bool {
	return max(len(b.refused.messages), len(b.guessed.messages), len(b.unrendered.messages), b.refused.repeated) >= severalRecipients
}

// sinceOutage reports whether an attempt began after the first that was refused in
// the outage that goes on, so that its success says that it is over.
func (b *blame) sinceOutage(startedAt time.Time) bool {
	last := len(b.outages) - 1
	return last >= 0 && b.outages[last].to.IsZero() && !startedAt.Before(b.outages[last].from)
}

// wasOutage reports whether the gateway was at fault when an attempt failed.
func (b *blame) wasOutage(last *courier.Attempt) bool {
	return last != nil && slices.ContainsFunc(b.outages, func(o outage) bool {
		return !last.StartedAt.Before(o.from) && (o.to.IsZero() || !last.StartedAt.After(o.to))
	})
}

// begin begins a streak with a refusal unless it goes on.
func (b *blame) begin(s *streak, r refusal) {
	if s.from.IsZero() {
		*s = streak{
			from: r.attempt.StartedAt, before: b.taken.sum(r.now),
			recipients: make(map[digest]struct{}), messages: make(map[courier.ID]struct{}),
		}
	}
	if r.attempt.StartedAt.Before(s.from) {
		s.from = r.attempt.StartedAt // answers come in another order than attempts begin
	}
}

// alsoRefused notes an attempt that was refused in the outage that goes on.
func (b *blame) alsoRefused(startedAt time.Time) {
	last := len(b.outages) - 1
	if last >= 0 && b.outages[last].to.IsZero() && startedAt.Before(b.outages[last].from) {
		b.outages[last].from = startedAt
	}
}

func (s *streak) end() { *s = streak{} }

// add notes who was refused, as far as it can matter.
func (s *streak) add(r refusal) {
	if _, known := s.messages[r.message.ID]; known || len(s.messages) >= severalMax {
		return
	}
	s.messages[r.message.ID] = struct{}{}
	s.recipients[r.recipient] = struct{}{}
	s.grewAt = r.now
}

// several is how many messages have to be refused before the gateway is at fault.
func (s *streak) several() int { return min(max(s.before/severalShare, severalRecipients), severalMax) }

// atLeast raises a number of messages that shows an outage shortly after another.
func (s *streak) atLeast(count int, recovering bool) int {
	if recovering {
		return max(count, relapse)
	}
	return count
}

// rejects is the same for refusals that end their messages.
func (s *streak) rejects() int { return min(max(s.before/severalShare, rejectsFew), rejectsMax) }

// only reports whether nobody but one recipient was refused.
func (s *streak) only(recipient digest) bool {
	_, in := s.recipients[recipient]
	return len(s.recipients) == 0 || len(s.recipients) == 1 && in
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
