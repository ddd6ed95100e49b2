package store

import (
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
