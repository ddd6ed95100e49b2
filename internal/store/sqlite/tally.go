package sqlite

import (
	"context"
	"fmt"
	"sync"

	"courier"
)

// tally counts messages by the statuses that are watched. As a change it holds
// differences.
type tally struct{ queued, processing, unknown int64 }

// add counts n messages in a status.
func (t *tally) add(status courier.Status, n int64) {
	switch status {
	case courier.StatusQueued:
		t.queued += n
	case courier.StatusProcessing:
		t.processing += n
	case courier.StatusUnknown:
		t.unknown += n
	case courier.StatusSent, courier.StatusDelivered, courier.StatusUndelivered, courier.StatusRejected,
		courier.StatusExpired, courier.StatusAbandoned, courier.StatusCanceled:
	}
}

// move counts n messages from one status to another.
func (t *tally) move(from, to courier.Status, n int64) {
	t.add(from, -n)
	t.add(to, n)
}

func (t *tally) merge(change tally) {
	t.queued += change.queued
	t.processing += change.processing
	t.unknown += change.unknown
}

// census is the tally of the database. As one process holds the file, the
// transitions that the writer commits keep it exact, and nothing is counted twice.
type census struct {
	mutex sync.Mutex
	now   tally
}

func (c *census) apply(change tally) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now.merge(change)
}

func (c *census) read() tally {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

// load counts what is stored, by indexes alone, and returns the highest token
// of a lease.
func (c *census) load(ctx context.Context, s *session) (highest int64, err error) {
	var found tally
	err = s.statements[queryCountQueued].QueryRowContext(ctx).Scan(&found.queued)
	if err != nil {
		return 0, fmt.Errorf("count queued messages: %w", err)
	}
	err = s.statements[queryCountProcessing].QueryRowContext(ctx).Scan(&found.processing, &highest)
	if err != nil {
		return 0, fmt.Errorf("count leases: %w", err)
	}
	err = s.statements[queryCountUnknown].QueryRowContext(ctx).Scan(&found.unknown)
	if err != nil {
		return 0, fmt.Errorf("count unknown messages: %w", err)
	}
	c.apply(found)
	return highest, nil
}
