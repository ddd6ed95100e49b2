package store

import (
	"bytes"
	"encoding/json"
	"time"

	"courier"
)

// RepeatWithin is how soon after a message one with the same SupersedeKey, recipient and
// content is taken for a repeat of it, as when somebody presses a button twice.
const RepeatWithin = 30 * time.Second

// PlaceKey is what a newer message and those whose place it takes have in common.
type PlaceKey struct{ Caller, Key string }

// PlaceKeyOf returns the key of a message. Its Key is empty where it takes nobody's place.
func PlaceKeyOf(m *courier.Message) PlaceKey { return PlaceKey{m.Caller, m.SupersedeKey} }

// Rival is a message that has the key of a new one and that no gateway took yet.
type Rival struct {
	ID courier.ID
	// InFlight is true when it is processing, and not queued.
	InFlight bool
	// Marked is true when another took its place before.
	Marked bool
}

// Place says that a newer message takes the place of a stored one.
type Place struct {
	Rival
	By courier.ID
	At time.Time
}

// LatestOf asks for the latest message that a new one may be a repeat of: of its key and
// recipient, made after Since, and so with an id that is not below Least.
type LatestOf struct {
	PlaceKey
	To    string
	Since time.Time
	Least courier.ID
}

// Latest returns what to ask for before a message is stored.
func Latest(m *courier.Message) LatestOf {
	since := m.CreatedAt.Add(-RepeatWithin)
	return LatestOf{PlaceKey: PlaceKeyOf(m), To: m.To, Since: since, Least: FirstID(since)}
}

// Superseding finds out what the new messages of one transaction do to those before them,
// and which of them limits leave no room for.
type Superseding struct {
	Usages
	keys map[PlaceKey]*holders
	// latest are the latest messages by recipient.
	latest map[LatestOf]*courier.Message
	// Places are the stored messages whose place a new one takes.
	Places []Place
	taken  map[courier.ID]int
}

// holders are the messages of one key that no gateway took yet.
type holders struct {
	stored []Rival
	// fresh is the one that this transaction stores, if any.
	fresh *Row
}

// NewSuperseding returns the state of one transaction.
func NewSuperseding() *Superseding {
	return &Superseding{keys: map[PlaceKey]*holders{}, latest: map[LatestOf]*courier.Message{}, taken: map[courier.ID]int{}}
}

// Knows reports whether Hold was called for a key.
func (s *Superseding) Knows(key PlaceKey) bool { return s.keys[key] != nil }

// Hold says which stored messages have a key.
func (s *Superseding) Hold(key PlaceKey, rivals []Rival) { s.keys[key] = &holders{stored: rivals} }

// SetLatest says which stored message is the latest that one may be a repeat of. One of
// this transaction is later.
func (s *Superseding) SetLatest(m *courier.Message) {
	if m == nil {
		return
	}
	if of := (LatestOf{PlaceKey: PlaceKeyOf(m), To: m.To}); s.latest[of] == nil {
		s.latest[of] = m
	}
}

// Add lets a new message take its place, whose Hold, SetLatest and Set are known. It
// answers for one that repeats another, or that a limit leaves no room for now. Otherwise the
// answer is the row's message, and the row is as it is to be stored. A message of
// the same transaction whose place is taken is changed too.
func (s *Superseding) Add(row *Row, now time.Time) Enqueued {
	key := PlaceKeyOf(row.Message)
	of, latest := s.keys[key], LatestOf{PlaceKey: key, To: row.To}
	if first := s.latest[latest]; key.Key != "" && first != nil && isRepeat(row.Message, first) && !of.hasOther(first.ID) {
		return Enqueued{Message: first, Duplicate: true}
	}
	if refused := s.Take(row.Message, now); refused != nil {
		return Enqueued{Err: refused}
	}
	if key.Key == "" {
		return Enqueued{Message: row.Message}
	}
	if of.fresh != nil {
		of.fresh.cancel(row.ID)
		s.taken[row.ID]++
	}
	held := false
	for i := range of.stored {
		s.Places = append(s.Places, Place{of.stored[i], row.ID, row.CreatedAt})
		if !of.stored[i].Marked {
			s.taken[row.ID]++
		}
		held = held || of.stored[i].InFlight
		of.stored[i].Marked = true
	}
	of.stored = inFlight(of.stored)
	if held {
		row.hold()
	}
	of.fresh, s.latest[latest] = row, row.Message
	return Enqueued{Message: row.Message}
}

// Taken returns how many places a message took, once all were added.
func (s *Superseding) Taken(answer *Enqueued) int {
	if answer.Message == nil || answer.Duplicate || answer.Err != nil {
		return 0
	}
	return s.taken[answer.Message.ID]
}

func inFlight(rivals []Rival) (still []Rival) {
	for _, r := range rivals {
		if r.InFlight {
			still = append(still, r)
		}
	}
	return still
}

// hasOther reports whether another message has the key.
func (h *holders) hasOther(id courier.ID) bool {
	if h.fresh != nil {
		return h.fresh.ID != id
	}
	for _, r := range h.stored {
		if r.ID != id {
			return true
		}
	}
	return false
}

// cancel stores a message as one whose place was taken before anybody saw it.
func (r *Row) cancel(by courier.ID) {
	r.Status, r.Lease, r.SupersededBy, r.NextAttemptAt, r.HeldDueAt = courier.StatusCanceled, courier.Lease{}, by, time.Time{}, time.Time{}
	NoteEnd(r.Message)
}

// hold lets a message that is due wait for one in flight.
func (r *Row) hold() {
	if !r.NextAttemptAt.Before(r.holdUntil) {
		return
	}
	r.Status, r.Lease = courier.StatusQueued, courier.Lease{}
	r.HeldDueAt, r.NextAttemptAt = r.NextAttemptAt, r.holdUntil
}

// isRepeat reports whether a message is the same as one before it, which may still
// arrive: never is a newer one refused where the older is dead already.
func isRepeat(m, first *courier.Message) bool {
	switch first.Status {
	case courier.StatusUndelivered, courier.StatusRejected, courier.StatusExpired, courier.StatusAbandoned, courier.StatusCanceled:
		return false
	case courier.StatusQueued, courier.StatusProcessing, courier.StatusSent, courier.StatusDelivered, courier.StatusUnknown:
	}
	waits := first.Status == courier.StatusQueued && first.SendCount == 0 && first.NextAttemptAt.After(m.CreatedAt.Add(RepeatWithin))
	return m.CreatedAt.Sub(first.CreatedAt) < RepeatWithin && first.SupersededBy.IsZero() && !first.Expired(m.CreatedAt) && !waits &&
		m.Body == first.Body && isSameJSON(m.TemplateData, first.TemplateData) &&
		(!m.OnlyGateway || m.Gateway == first.Gateway) && !m.NextAttemptAt.After(m.CreatedAt.Add(RepeatWithin))
}

func isSameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var left, right any
	if json.Unmarshal(a, &left) != nil || json.Unmarshal(b, &right) != nil {
		return false
	}
	first, err := json.Marshal(left)
	second, errOther := json.Marshal(right)
	return err == nil && errOther == nil && bytes.Equal(first, second)
}

// NoteEnd sets LastError of a message that ended before a gateway took it though no
// attempt says why: its place was taken, or its life as a one-time code was over.
func NoteEnd(m *courier.Message) {
	var class courier.Class
	var why string
	switch {
	case !m.SentAt.IsZero():
	case m.Status == courier.StatusCanceled && !m.SupersededBy.IsZero():
		class, why = courier.ClassSuperseded, "a newer message with the same supersede_key took its place: "+m.SupersededBy.String()
	case m.Status == courier.StatusExpired && m.Lane == courier.LaneOTP:
		class, why = courier.ClassTooLate, "no gateway took the code while enough of its life was left, until "+m.ExpiresAt.Format(time.RFC3339)
	}
	if class != "" {
		m.LastError = &courier.Attempt{Number: m.SendCount, Outcome: courier.OutcomeCanceled, Class: class, Message: why, StartedAt: m.UpdatedAt}
	}
}

// IsNoted reports whether LastError of a message is what NoteEnd said of a status that it
// had: the attempt that failed last is to be read again.
func IsNoted(m *courier.Message) bool {
	return m.LastError != nil && m.LastError.Class == courier.ClassTooLate && m.Status != courier.StatusExpired
}

// Ends reports whether a message whose place was taken while it was in flight is canceled
// instead of coming to a status: it must not be sent after the newer one.
func Ends(to courier.Status) bool { return to == courier.StatusQueued || to == courier.StatusUnknown }
