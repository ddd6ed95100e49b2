package store

import (
	"time"

	"courier"
)

// Counts are the numbers of messages in the statuses that are watched, or
// differences of them.
type Counts struct{ Queued, Processing, Unknown int64 }

// Add counts n messages in a status.
func (c *Counts) Add(status courier.Status, n int64) {
	switch status { //nolint:exhaustive // the others are not counted
	case courier.StatusQueued:
		c.Queued += n
	case courier.StatusProcessing:
		c.Processing += n
	case courier.StatusUnknown:
		c.Unknown += n
	}
}

// Move counts n messages from one status to another.
func (c *Counts) Move(from, to courier.Status, n int64) {
	c.Add(from, -n)
	c.Add(to, n)
}

// Merge adds other counts.
func (c *Counts) Merge(other Counts) {
	c.Queued += other.Queued
	c.Processing += other.Processing
	c.Unknown += other.Unknown
}

// Stats returns the state of the queue at a time.
func (c Counts) Stats(waiting []Waiting, now time.Time) Stats {
	stats := Stats{Queued: c.Queued, Processing: c.Processing, Unknown: c.Unknown}
	for _, w := range waiting {
		due := !w.Due.IsZero() && !w.Due.After(now)
		if due && (stats.OldestDueAt.IsZero() || w.Due.Before(stats.OldestDueAt)) {
			stats.OldestDueAt = w.Due
		}
	}
	return stats
}
