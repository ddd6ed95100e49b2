package sqlite

import (
	"context"
	"fmt"
	"sync"

	"courier/internal/store"
)

// counts are those of the database. As one process holds the file, the changes
// that the writer commits keep them exact, and nothing is counted twice.
type counts struct {
	mutex sync.Mutex
	now   store.Counts
}

func (c *counts) apply(change store.Counts) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now.Merge(change)
}

func (c *counts) read() store.Counts {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

// load counts what is stored, by indexes alone, and returns the highest token
// of a lease.
func (c *counts) load(ctx context.Context, s *session) (highest int64, err error) {
	var found store.Counts
	for name, targets := range map[string][]any{
		"CountQueued": {&found.Queued}, "CountProcessing": {&found.Processing, &highest}, "CountUnknown": {&found.Unknown},
	} {
		if err := s.statements[name].QueryRowContext(ctx).Scan(targets...); err != nil {
			return 0, fmt.Errorf("run %s: %w", name, err)
		}
	}
	c.apply(found)
	return highest, nil
}
