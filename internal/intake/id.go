package intake

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"
	"time"

	"courier"
)

// ids makes UUIDs version 7 (RFC 9562, 5.7) of the time at which messages are
// accepted, by the clock of the store: a listing finds the messages of a time by
// their ids.
type ids struct{ last atomic.Int64 }

// The time within an id is in 1/4096 of a millisecond (RFC 9562, 6.2, method 3).
// maxAhead is by how much an id may be ahead of its time to sort after the one
// before it; when the clock is set back by more, the time is what counts.
const (
	perMilli = 1 << 12
	maxAhead = 1000 * perMilli
)

func (i *ids) next(at time.Time) courier.ID {
	stamp := at.UnixMilli()*perMilli + int64(at.Nanosecond()%1e6)*perMilli/1e6
	for {
		last := i.last.Load()
		next := stamp
		if ahead := last - stamp; ahead >= 0 && ahead < maxAhead {
			next = last + 1
		}
		if i.last.CompareAndSwap(last, next) {
			return newID(next)
		}
	}
}

func newID(stamp int64) courier.ID {
	var id courier.ID
	binary.BigEndian.PutUint64(id[:8], uint64(stamp/perMilli)<<16|0x7000|uint64(stamp%perMilli)) //nolint:gosec // times after 1970
	_, _ = rand.Read(id[8:])                                                                     // never fails
	id[8] = id[8]&0x3f | 0x80
	return id
}
