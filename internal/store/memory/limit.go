package memory

import (
	"context"
	"time"
)

// memoryUsage is when the messages of a subject of limits were taken.
type memoryUsage struct {
	until time.Time
	times []byte
}

// PurgeUsage implements store.Store.
func (s *Store) PurgeUsage(ctx context.Context, now time.Time, limit int) (int, error) {
	return get(ctx, s, "purge limits", func() (purged int, _ error) {
		for subject, usage := range s.usage {
			if purged < limit && !usage.until.After(now) {
				delete(s.usage, subject)
				purged++
			}
		}
		return purged, nil
	})
}
