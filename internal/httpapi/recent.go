package httpapi

import (
	"sync"
	"time"
)

// maxRecent bounds how many answers are remembered.
const maxRecent = 64

// recent remembers answers that cost much and hardly change, for a short while: a page that
// many look at is then no load. The zero value is empty. It is safe for concurrent use.
type recent[K comparable, V any] struct {
	mutex   sync.Mutex
	answers map[K]remembered[V]
}

type remembered[V any] struct {
	value V
	at    time.Time
}

// get returns an answer that is no older than a while, or makes it anew. Those who ask
// meanwhile wait for it.
func (r *recent[K, V]) get(key K, while time.Duration, fresh func() (V, error)) (V, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if known, found := r.answers[key]; found && time.Since(known.at) < while {
		return known.value, nil
	}
	value, err := fresh()
	if err != nil {
		return value, err
	}
	if len(r.answers) >= maxRecent || r.answers == nil {
		r.answers = map[K]remembered[V]{}
	}
	r.answers[key] = remembered[V]{value, time.Now()}
	return value, nil
}
