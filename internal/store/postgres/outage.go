package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"courier/internal/store"
)

const (
	// outagePatience is how long calls wait for a database that is away: as long as a
	// restart or a switch to a standby may take. Once an outage has lasted longer, it
	// is known, and calls are answered at once.
	outagePatience = 3 * time.Second
	// While an outage is known, one call looks every probeEvery whether it is over,
	// and waits probeFor at most.
	probeEvery = 200 * time.Millisecond
	probeFor   = 2 * time.Second
)

// outage knows for how long a database has not served, by what the tries of all
// calls come to.
type outage struct {
	base context.Context

	mutex sync.Mutex
	// answeredAt is when a try last succeeded, since when none has, if any failed after it.
	answeredAt, since time.Time
	// cause is why the last one failed.
	cause error
	// serving ends when the outage is known, and is another one after it.
	serving context.Context
	end     context.CancelFunc
	timer   *time.Timer
}

func newOutage(ctx context.Context) *outage {
	o := &outage{base: ctx}
	o.serving, o.end = context.WithCancel(ctx)
	return o
}

// answered takes in that a try succeeded.
func (o *outage) answered() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.answeredAt = time.Now()
	if o.since.IsZero() {
		return
	}
	o.since, o.cause = time.Time{}, nil
	o.timer.Stop()
	if o.serving.Err() != nil {
		o.serving, o.end = context.WithCancel(o.base)
	}
}

// failed takes in why a try failed that began at a time.
func (o *outage) failed(began time.Time, cause error) {
	if code(cause) == "" {
		// The text alone: the contexts that it may wrap are not those of whoever gets it.
		cause = errors.New(cause.Error())
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.cause = cause
	if !o.since.IsZero() {
		return
	}
	o.since = began
	if began.Before(o.answeredAt) {
		o.since = o.answeredAt
	}
	since := o.since
	o.timer = time.AfterFunc(outagePatience-time.Since(since), func() { o.announce(since) })
}

// announce makes an outage known that still lasts.
func (o *outage) announce(since time.Time) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.since.Equal(since) {
		o.end()
	}
}

// now returns a context that ends when an outage is known.
func (o *outage) now() context.Context {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.serving
}

// err returns why the database does not serve once that is known, or nil.
func (o *outage) err() error {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.serving.Err() == nil || o.cause == nil {
		return nil
	}
	return fmt.Errorf("%w since %s: %w", errNoConnection, o.since.UTC().Format(time.RFC3339), o.cause)
}

// outages are those that keep calls from being served: away the ones of all calls,
// readOnly the ones of calls that write.
type outages struct{ away, readOnly *outage }

// err returns why nothing is written once that is known, or nil.
func (o outages) err() error {
	if err := o.away.err(); err != nil {
		return err
	}
	return o.readOnly.err()
}

// learn takes in what a try came to. The context is the caller's: that it ended
// says something about the database only for the node itself, which waits for
// nobody else.
func (s *Store) learn(ctx context.Context, writer int32, began time.Time, err error) {
	switch ended := ctx.Err(); {
	case err == nil:
	case ended != nil && (writer != nodeWriter || !errors.Is(ended, context.DeadlineExceeded)):
		return
	case ended != nil || isAway(err):
		s.outages.away.failed(began, err)
		return
	case code(err) == codeReadOnly:
		s.outages.away.answered()
		s.outages.readOnly.failed(began, err)
		return
	}
	s.outages.away.answered()
	if writer != readWriter {
		s.outages.readOnly.answered()
	}
}

// refusal returns why a call is not served, once that is known. The node itself is
// always served: it finds out when an outage is over.
func (s *Store) refusal(writer int32) error {
	switch writer {
	case nodeWriter:
		return nil
	case readWriter:
		return s.outages.away.err()
	}
	return s.outages.err()
}

// known returns a channel that is closed when it is known that what failed fails
// for everybody, nil for never.
func (s *Store) known(writer int32, err error) <-chan struct{} {
	switch {
	case writer == nodeWriter:
		return nil
	case code(err) == codeReadOnly:
		return s.outages.readOnly.now().Done()
	}
	return s.outages.away.now().Done()
}

// probe looks while an outage is known whether it is over, until the context ends.
func (s *Store) probe(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.outages.away.now().Done():
		case <-s.outages.readOnly.now().Done():
		}
		// What is idle may lead to a server that is gone, and never say so.
		s.pool.Reset()
		for s.refusal(0) != nil && ctx.Err() == nil {
			bounded, cancel := context.WithTimeout(ctx, probeFor)
			err := s.once(bounded, nodeWriter, func(ctx context.Context, on *session, _ bool) error {
				return on.exec(ctx, "WriteProbe", store.Floor(s.Now()))
			}, false)
			cancel()
			if err == nil {
				break
			}
			s.heal(ctx, err)
			select {
			case <-ctx.Done():
			case <-time.After(probeEvery):
			}
		}
		s.wake(store.Wake{}) // what could not be looked for meanwhile
	}
}
