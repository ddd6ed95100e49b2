package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"courier"
)

// Event says that a message came into a status.
type Event struct {
	// Seq grows with each change of one message. Those of changes that were made at
	// the same time by several nodes may become visible out of their order.
	Seq       int64
	MessageID courier.ID
	// From is empty for a message that was stored.
	From, To courier.Status
	At       time.Time
}

// NoticeState is how far it has come to tell a listener of an event.
type NoticeState string

// The states of a notice. The last two end it.
const (
	NoticeWaiting   NoticeState = "waiting"
	NoticeDelivered NoticeState = "delivered"
	NoticeGivenUp   NoticeState = "given_up"
)

// Notice is what became of telling a listener of an event.
type Notice struct {
	// Seq is the event's.
	Seq      int64
	Listener string
	// To is the status that the message came into, and At when.
	To    courier.Status
	At    time.Time
	State NoticeState
	// Tries is how often it was tried, and TriedAt when for the last time, zero for never.
	Tries   int
	TriedAt time.Time
	// Fault says why the last try failed, and is empty for one that did not.
	Fault string
}

// maxNoticeFault is the longest Fault, in bytes.
const maxNoticeFault = 300

// CleanNotices returns notices as they are to be stored: those that go on waiting, and the others.
func CleanNotices(notices []Notice) (waiting, ended []Notice) {
	for _, n := range notices {
		n.TriedAt = Floor(n.TriedAt)
		n.Fault = CleanText(n.Fault)
		if len(n.Fault) > maxNoticeFault {
			n.Fault = strings.ToValidUTF8(n.Fault[:maxNoticeFault], "")
		}
		if n.State == NoticeWaiting {
			waiting = append(waiting, n)
		} else {
			ended = append(ended, n)
		}
	}
	return waiting, ended
}

// SortNotices puts notices in the order of their events.
func SortNotices(notices []Notice) []Notice {
	slices.SortFunc(notices, func(a, b Notice) int { return cmp.Compare(a.Seq, b.Seq) })
	return notices
}

// CheckListener returns ErrInvalid for a listener without a name or a status that
// there is not.
func CheckListener(listener string, statuses []courier.Status) error {
	if listener == "" {
		return fmt.Errorf("%w: the listener has no name", ErrInvalid)
	}
	for _, status := range statuses {
		if !status.Valid() {
			return fmt.Errorf("%w: there is no status %q to listen to", ErrInvalid, status)
		}
	}
	return nil
}

// StatusList returns statuses as a list of SQL, each once and in the order of their names.
func StatusList(statuses []courier.Status) string {
	var list []string
	for _, status := range slices.Compact(slices.Sorted(slices.Values(statuses))) {
		list = append(list, "'"+string(status)+"'")
	}
	return strings.Join(list, ", ")
}
