package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// halfConn is a connection on which writing fails and an answer is there.
type halfConn struct {
	net.Conn
	answer io.Reader
	reads  int
}

func (c *halfConn) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func (c *halfConn) Read(room []byte) (int, error) {
	c.reads++
	return c.answer.Read(room)
}

func newHalfConn() (*halfConn, *directConn) {
	half := &halfConn{answer: strings.NewReader("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")}
	c := &directConn{Conn: half}
	c.reader = bufio.NewReader(&limitedReader{conn: c})
	return half, c
}

// TestDirectConn_HalfWritten takes the answer to a request that was not written
// whole, and the connection for nothing more.
func TestDirectConn_HalfWritten(t *testing.T) {
	t.Parallel()
	_, c := newHalfConn()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://gateway.example/", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response, _, err := c.exchange(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge || !response.Close {
		t.Errorf("the answer is %d, and the connection is kept: %v", response.StatusCode, !response.Close)
	}
}

// TestDirectConn_NothingToSend waits for no answer to a request that cannot be built.
func TestDirectConn_NothingToSend(t *testing.T) {
	t.Parallel()
	half, c := newHalfConn()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://gateway.example/", iotest.ErrReader(io.ErrUnexpectedEOF))
	if err != nil {
		t.Fatal(err)
	}
	response, written, err := c.exchange(request)
	if response != nil {
		_ = response.Body.Close()
	}
	if err == nil || written || half.reads != 0 {
		t.Errorf("exchange: written %v, %v after %d reads", written, err, half.reads)
	}
}
