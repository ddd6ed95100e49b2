package httpapi

import (
	"maps"
	"sync"
	"time"
)

// What is logged for every request of a kind would fill the disk that is full. One
// line says it for all of a while. maxQuiet bounds the kinds that are kept apart,
// as a kind may be an address.
const (
	quietFor = 5 * time.Second
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
	if q.kinds == nil {
		q.kinds = make(map[string]quietKind)
	}
	if _, known := q.kinds[kind]; !known && len(q.kinds) >= maxQuiet {
		maps.DeleteFunc(q.kinds, func(_ string, k quietKind) bool { return time.Since(k.loggedAt) >= quietFor })
		if len(q.kinds) >= maxQuiet {
			kind = ""
		}
	}
	k := q.kinds[kind]
	if time.Since(k.loggedAt) < quietFor {
		q.kinds[kind] = quietKind{k.loggedAt, k.left + 1}
		return 0, false
	}
	q.kinds[kind] = quietKind{loggedAt: time.Now()}
	return k.left, true
}
