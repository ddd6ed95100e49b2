package httpapi

import (
	"container/list"
	"crypto/tls"
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
	// fullFunc is told when the limit is reached, once until there is room again.
	fullFunc func(limit int)
	freed    chan struct{}
	closed   chan struct{}
	closing  sync.Once

	mu   sync.Mutex
	open int
	// idle has the connections without a request under way, the longest idle first.
	idle list.List
	full bool
}

// connection is one that counts.
type connection struct {
	net.Conn
	listener *limitedListener

	// Guarded by listener.mu:
	idleSince time.Time
	place     *list.Element
	closed    bool
}

func newLimitedListener(inner net.Listener, limit int, fullFunc func(int)) *limitedListener {
	return &limitedListener{Listener: inner, limit: limit, fullFunc: fullFunc, freed: make(chan struct{}, 1), closed: make(chan struct{})}
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
	l.open++
	l.setIdle(c, true)
	return c, nil
}

// room returns a connection to close for the next one, or how long to wait for
// room, or neither when there is room.
func (l *limitedListener) room() (victim *connection, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open < l.limit {
		return nil, 0
	}
	if !l.full {
		l.full = true
		l.fullFunc(l.limit)
	}
	front := l.idle.Front()
	if front == nil {
		return nil, minIdle
	}
	longest := front.Value.(*connection) //nolint:forcetypeassert,errcheck // nothing else is put in
	if wait := minIdle - time.Since(longest.idleSince); wait > 0 {
		return nil, wait
	}
	return longest, 0
}

// closeIdle closes the connections that have been idle for a moment, those on which
// no request ever came among them.
func (l *limitedListener) closeIdle() {
	var idle []*connection
	l.mu.Lock()
	for e := l.idle.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*connection); time.Since(c.idleSince) >= minIdle { //nolint:forcetypeassert,errcheck // nothing else is put in
			idle = append(idle, c)
		}
	}
	l.mu.Unlock()
	for _, c := range idle {
		_ = c.Close()
	}
}

// setIdle notes whether a request is under way. The lock must be held.
func (l *limitedListener) setIdle(c *connection, idle bool) {
	if c.place != nil {
		l.idle.Remove(c.place)
		c.place = nil
	}
	if idle && !c.closed {
		c.idleSince = time.Now()
		c.place = l.idle.PushBack(c)
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
	if !c.closed {
		c.closed = true
		l.setIdle(c, false)
		l.open--
		l.full = l.full && l.open > l.limit*3/4
		select {
		case l.freed <- struct{}{}:
		default:
		}
	}
	l.mu.Unlock()
	return c.Conn.Close()
}

// noteState is told by the server what a connection is doing.
func noteState(served net.Conn, state http.ConnState) {
	if secured, ok := served.(*tls.Conn); ok {
		served = secured.NetConn()
	}
	c, ok := served.(*connection)
	if !ok || state != http.StateActive && state != http.StateIdle {
		return
	}
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	c.listener.setIdle(c, state == http.StateIdle)
}
