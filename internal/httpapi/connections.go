package httpapi

import (
	"crypto/tls"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	defaultMaxConnections = 512
	// minIdle is how long a connection must have been idle to be closed for
	// another. What has just come may be about to send its request.
	minIdle = time.Second
	// tellEvery is how often the log says at most that a listener is full.
	tellEvery = time.Minute
)

// connectionLimit returns how many connections a listener may have. Two listeners
// leave half of the files that the process may open to everything else.
func connectionLimit(wanted int) int {
	if wanted <= 0 {
		wanted = defaultMaxConnections
	}
	if files := openFileLimit(); files > 0 {
		return max(min(wanted, files/4), 1)
	}
	return wanted
}

// limitedListener bounds the connections that are open. When there are as many as
// there may be, the longest idle one is closed for the next, so that who only
// holds connections open keeps nobody out; while none has been idle for a moment,
// the next waits in the system's backlog, where it costs no file.
type limitedListener struct {
	net.Listener
	limit int
	// fullFunc is called when all are in use, once until there is room again and at
	// most once in tellEvery.
	fullFunc func(limit int)
	freed    chan struct{}
	closed   chan struct{}
	closing  sync.Once

	mu sync.Mutex
	// open are the connections and since when each is idle, the zero time for one
	// with a request under way.
	open map[*connection]time.Time
	full bool
	told time.Time
}

// connection is one that counts.
type connection struct {
	net.Conn
	listener *limitedListener
}

func newLimitedListener(inner net.Listener, limit int, fullFunc func(int)) *limitedListener {
	return &limitedListener{
		Listener: inner, limit: limit, fullFunc: fullFunc, freed: make(chan struct{}, 1), closed: make(chan struct{}),
		open: make(map[*connection]time.Time),
	}
}

// Accept implements net.Listener.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		victim, wait := l.room()
		if victim != nil {
			_ = victim.Close()
			continue
		}
		if wait == 0 {
			break
		}
		select {
		case <-l.freed:
		case <-time.After(wait):
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: accepted, listener: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = time.Now()
	return c, nil
}

// room returns a connection to close for the next one, or how long to wait for
// room, or neither when there is room.
func (l *limitedListener) room() (victim *connection, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) < l.limit {
		return nil, 0
	}
	if !l.full {
		l.full = true
		if time.Since(l.told) >= tellEvery {
			l.told = time.Now()
			l.fullFunc(l.limit)
		}
	}
	longest := time.Now()
	for c, since := range l.open {
		if !since.IsZero() && since.Before(longest) {
			victim, longest = c, since
		}
	}
	if wait := minIdle - time.Since(longest); wait > 0 {
		return nil, wait
	}
	return victim, 0
}

// closeIdle closes the connections that have been idle for a moment, those on which
// no request ever came among them.
func (l *limitedListener) closeIdle() {
	l.mu.Lock()
	idle := maps.Clone(l.open)
	l.mu.Unlock()
	for c, since := range idle {
		if !since.IsZero() && time.Since(since) >= minIdle {
			_ = c.Close()
		}
	}
}

// Close implements net.Listener.
func (l *limitedListener) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// Close implements net.Conn.
func (c *connection) Close() error {
	l := c.listener
	l.mu.Lock()
	if _, open := l.open[c]; open {
		delete(l.open, c)
		l.full = l.full && len(l.open) > l.limit*3/4
		select {
		case l.freed <- struct{}{}:
		default:
		}
	}
	l.mu.Unlock()
	return c.Conn.Close()
}

// noteState is called by the server when a connection does something else.
func noteState(served net.Conn, state http.ConnState) {
	if secured, ok := served.(*tls.Conn); ok {
		served = secured.NetConn()
	}
	c, ok := served.(*connection)
	if !ok || state != http.StateActive && state != http.StateIdle {
		return
	}
	var since time.Time
	if state == http.StateIdle {
		since = time.Now()
	}
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	if _, open := c.listener.open[c]; open {
		c.listener.open[c] = since
	}
}
