package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// maxInterim is how many interim answers (1xx) come before the final one.
	maxInterim = 5
	// maxRoom is the most room that an idle connection keeps for requests.
	maxRoom = 16 << 10
)

// errHeaderTooLarge reports an answer whose header goes on and on.
var errHeaderTooLarge = errors.New("the header of the answer is too large")

// directConn is a connection of a direct.
type directConn struct {
	net.Conn
	reader *bufio.Reader
	// request is room for what is written.
	request bytes.Buffer
	// left is how many more bytes may be read.
	left      int64
	idleSince time.Time
}

// exchange writes a request and reads the head of its answer. A gateway may
// answer before it has read everything and close: a failed write is no answer
// only when there is none to read.
func (c *directConn) exchange(request *http.Request) (*http.Response, bool, error) {
	if err := c.build(request); err != nil {
		return nil, false, fmt.Errorf("build request: %w", err)
	}
	err := c.write()
	response, readErr := c.readHead(request)
	if readErr == nil {
		// Another request would be taken for the rest of this one.
		response.Close = response.Close || err != nil
		return response, true, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("write request: %w", err)
	}
	return nil, true, fmt.Errorf("read answer: %w", readErr)
}

// build makes what is written of a request, with the header that http.Transport adds.
func (c *directConn) build(request *http.Request) error {
	c.request.Reset()
	if err := request.Write(&c.request); err != nil {
		return err
	}
	if takesGzip(request) {
		c.addToHead("Accept-Encoding: gzip\r\n")
	}
	return nil
}

// write writes what was built in one piece.
func (c *directConn) write() error {
	_, err := c.Write(c.request.Bytes())
	if c.request.Cap() > maxRoom {
		c.request = bytes.Buffer{}
	}
	return err
}

// takesGzip is the rule of http.Transport.
func takesGzip(request *http.Request) bool {
	return request.Method != http.MethodHead && request.Header.Get("Accept-Encoding") == "" && request.Header.Get("Range") == ""
}

// addToHead adds a line at the end of the head.
func (c *directConn) addToHead(line string) {
	c.request.WriteString(line) // makes room
	text := c.request.Bytes()
	end := bytes.Index(text, []byte("\r\n\r\n")) + len("\r\n")
	copy(text[end+len(line):], text[end:])
	copy(text[end:], line)
}

func (c *directConn) readHead(request *http.Request) (*http.Response, error) {
	c.left = maxHeaderBytes
	for range maxInterim + 1 {
		response, err := http.ReadResponse(c.reader, request)
		if err != nil {
			return nil, err
		}
		if response.StatusCode >= http.StatusOK || response.StatusCode == http.StatusSwitchingProtocols {
			c.left = 1 << 62 // the reader of the body bounds it
			return response, nil
		}
	}
	return nil, errors.New("only interim answers came")
}

// limitedReader bounds what a connection reads.
type limitedReader struct{ conn *directConn }

// Read implements io.Reader.
func (r *limitedReader) Read(room []byte) (int, error) {
	if r.conn.left <= 0 {
		return 0, errHeaderTooLarge
	}
	room = room[:min(int64(len(room)), r.conn.left)]
	n, err := r.conn.Read(room)
	r.conn.left -= int64(n)
	return n, err
}

// directBody gives its connection back when it was read to its end.
type directBody struct {
	body  io.ReadCloser
	conn  *directConn
	pool  *direct
	stop  func() bool
	keep  bool
	ended bool
	once  sync.Once
}

// Read implements io.Reader.
func (b *directBody) Read(room []byte) (int, error) {
	n, err := b.body.Read(room)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

// Close implements io.Closer.
func (b *directBody) Close() error {
	b.once.Do(func() {
		// When the context has ended its deadline may yet come: the connection is spent.
		if b.stop() && b.keep && b.ended && b.conn.reader.Buffered() == 0 {
			b.pool.push(b.conn)
			return
		}
		_ = b.conn.Close()
	})
	return nil
}
