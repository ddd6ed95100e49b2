package sqlite

import (
	"context"
	"errors"
	"time"

	"courier/internal/store"
)

// The patience of a start with the process before it: the system gives up the
// lock of one that was killed a moment after it is gone.
const (
	lockPatience = time.Second
	lockInterval = 50 * time.Millisecond
)

// awaitLock is acquireLock, tried again for a while as long as the lock is held.
func awaitLock(ctx context.Context, database string, nowFunc func() time.Time) (*fileLock, error) {
	patience := time.NewTimer(lockPatience)
	defer patience.Stop()
	tick := time.NewTicker(lockInterval)
	defer tick.Stop()
	for {
		lock, err := acquireLock(database, nowFunc())
		if err == nil || !errors.Is(err, store.ErrLocked) {
			return lock, err
		}
		select {
		case <-tick.C:
		case <-patience.C:
			return nil, err
		case <-ctx.Done():
			return nil, err
		}
	}
}
