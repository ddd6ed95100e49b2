package httpapi

import (
	"context"
	"time"
)

// maxRecent bounds how many answers are remembered.
const maxRecent = 64

// recent remembers answers that cost much and hardly change, for a short while: a page that
// many look at is then no load. It is safe for concurrent use.
type recent[K comparable, V any] struct {
	// turn has whoever looks at the answers, or makes one.
	turn    chan struct{}
	answers map[K]remembered[V]
}

type remembered[V any] struct {
	value V
	at    time.Time
}

func newRecent[K comparable, V any]() recent[K, V] {
	return recent[K, V]{make(chan struct{}, 1), map[K]remembered[V]{}}
}

// get returns an answer that is no older than a while, or makes it anew. Those who ask
// meanwhile wait for it, until their ctx ends.
func (r *recent[K, V]) get(ctx context.Context, key K, while time.Duration, fresh func() (V, error)) (value V, err error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return value, ctx.Err()
	}
	if known, found := r.answers[key]; found && time.Since(known.at) < while {
		return known.value, nil
	}
	if value, err = fresh(); err != nil {
		return value, err
	}
	if len(r.answers) >= maxRecent {
		clear(r.answers)
	}
	r.answers[key] = remembered[V]{value, time.Now()}
	return value, nil
}
