package httpapi

import (
	"sync"
	"time"
)

// What is logged for every request of a kind would fill the disk that is full. One
// line says it for all of a while.
const (
	quietFor = 5 * time.Second
	// maxQuiet bounds the kinds that are told apart: a kind may be an address.
	maxQuiet = 1000
)

// quiet thins out log lines.
type quiet struct {
	mu    sync.Mutex
	kinds map[string]quietKind
}

type quietKind struct {
	loggedAt time.Time
	left     int
}

// next reports whether a line of the kind is to be written now, and how many were
// left out since the last.
func (q *quiet) next(kind string) (left int, due bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if q.kinds == nil || len(q.kinds) >= maxQuiet {
		q.drop(now)
	}
	if len(q.kinds) >= maxQuiet {
		kind = ""
	}
	k := q.kinds[kind]
	if now.Sub(k.loggedAt) < quietFor {
		k.left++
		q.kinds[kind] = k
		return 0, false
	}
	q.kinds[kind] = quietKind{loggedAt: now}
	return k.left, true
}

func (q *quiet) drop(now time.Time) {
	if q.kinds == nil {
		q.kinds = make(map[string]quietKind)
	}
	for kind, k := range q.kinds {
		if now.Sub(k.loggedAt) >= quietFor {
			delete(q.kinds, kind)
		}
	}
}
