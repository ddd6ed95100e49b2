package gateway

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
)

// countedConn is a connection of the dialer, below TLS. It counts the bytes that
// may have left: net/http calls a request written when it is in a buffer.
type countedConn struct {
	net.Conn
	sent atomic.Int64
	// isAsked is true when TLS asked for a certificate of the client, which there is none of.
	isAsked bool
	closed  sync.Once
	// closedFunc is called once, when the connection is closed.
	closedFunc func()
}

// Write implements net.Conn. Bytes count before they are written, so that a
// reader of the count never misses any.
func (c *countedConn) Write(data []byte) (int, error) {
	c.sent.Add(int64(len(data)))
	n, err := c.Conn.Write(data)
	c.sent.Add(int64(n - len(data)))
	return n, err
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.closed.Do(c.closedFunc)
	return c.Conn.Close()
}

// countedConnOf finds the counting connection under TLS, nil when there is none.
func countedConnOf(conn net.Conn) *countedConn {
	for {
		secure, ok := conn.(*tls.Conn)
		if !ok {
			counted, _ := conn.(*countedConn)
			return counted
		}
		conn = secure.NetConn()
	}
}

// answerConn is an HTTP/1.1 connection, above TLS. It knows what net/http does
// not tell of an exchange that failed: how much of the request left, and the
// status line of an answer whose rest cannot be read.
type answerConn struct {
	net.Conn
	under *countedConn

	mu       sync.Mutex
	exchange exchange
}

// exchange is one request on a connection, and the beginning of its answer.
type exchange struct {
	// sent counts the bytes of the request, before is how many had left the
	// connection below TLS until then.
	sent, before int64
	answer       statusReader
	// unread is true when the other side closed the connection in order and had
	// received nothing of the request by then.
	unread bool
}

func newAnswerConn(conn net.Conn) *answerConn {
	return &answerConn{Conn: conn, under: countedConnOf(conn)}
}

// begin is called before each request.
func (c *answerConn) begin() {
	before := c.under.sent.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exchange = exchange{before: before}
}

func (c *answerConn) state() exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exchange
}

// Write implements net.Conn, and counts as countedConn does.
func (c *answerConn) Write(data []byte) (int, error) {
	c.count(len(data))
	n, err := c.Conn.Write(data)
	c.count(n - len(data))
	return n, err
}

func (c *answerConn) count(bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exchange.sent += int64(bytes)
}

// Read implements net.Conn.
func (c *answerConn) Read(room []byte) (int, error) {
	n, err := c.Conn.Read(room)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exchange.answer.read(room[:n])
	if errors.Is(err, io.EOF) && !c.exchange.answer.begun {
		acked, known := ackedBytes(c.under.Conn)
		c.exchange.unread = known && acked <= c.exchange.before
	}
	return n, err
}

// statusReader finds the final status line in the bytes of an HTTP/1.1 answer.
type statusReader struct {
	begun bool
	// status is 0 until the line was read whole.
	status int
	// isTLS is true when a TLS alert came instead: the port is one for https.
	isTLS   bool
	garbled bool
	// inHeader is true within the header of an interim answer (1xx).
	inHeader bool
	// line is the beginning of the line that is being read, length all of it.
	line   []byte
	length int
}

// maxStatusLine bounds what is kept of a line.
const maxStatusLine = 64

func (s *statusReader) read(data []byte) {
	s.begun = s.begun || len(data) > 0
	for len(data) > 0 && s.status == 0 && !s.garbled {
		end := bytes.IndexByte(data, '\n')
		part := data[:max(end, 0)]
		if end < 0 {
			part = data
		}
		s.line = append(s.line, part[:min(len(part), maxStatusLine-len(s.line))]...)
		s.length += len(part)
		if !s.inHeader && bytes.HasPrefix(s.line, []byte("\x15\x03")) {
			s.isTLS = true
			return
		}
		if end < 0 {
			return
		}
		s.endLine()
		data = data[end+1:]
	}
}

func (s *statusReader) endLine() {
	blank := s.length == 0 || s.length == 1 && s.line[0] == '\r'
	switch {
	case s.inHeader:
		s.inHeader = !blank
	default:
		status, ok := parseStatusLine(s.line)
		switch {
		case !ok:
			s.garbled = true
		case status < 200 && status != http.StatusSwitchingProtocols:
			s.inHeader = true
		default:
			s.status = status
		}
	}
	s.line, s.length = s.line[:0], 0
}

// parseStatusLine reads "HTTP/1.1 201 Created" (RFC 9112, 4).
func parseStatusLine(line []byte) (int, bool) {
	version, rest, _ := bytes.Cut(line, []byte(" "))
	code, _, _ := bytes.Cut(bytes.TrimRight(bytes.TrimLeft(rest, " "), "\r"), []byte(" "))
	if !bytes.HasPrefix(version, []byte("HTTP/1.")) || len(code) != 3 {
		return 0, false
	}
	status, err := strconv.Atoi(string(code))
	return status, err == nil && status >= 100
}
