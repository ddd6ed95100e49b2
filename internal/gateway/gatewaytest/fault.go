package gatewaytest

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// reset closes the connection so that the client sees it reset instead of ended.
func reset(w http.ResponseWriter) {
	conn := hijack(w)
	if conn == nil {
		return
	}
	under := conn
	if secure, ok := conn.(*tls.Conn); ok {
		under = secure.NetConn()
	}
	if tcp, ok := under.(*net.TCPConn); ok {
		if err := tcp.SetLinger(0); err != nil {
			return
		}
	}
	closeConn(under)
}

// raw writes bytes that need not be HTTP and closes the connection.
func raw(w http.ResponseWriter, data []byte) {
	conn := hijack(w)
	if conn == nil {
		return
	}
	defer closeConn(conn)
	if err := conn.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return
	}
	writeText(conn, string(data))
}

// hijack takes the connection over. On HTTP/2 there is none to take: the stream is aborted.
func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return conn
}

func closeConn(conn net.Conn) {
	if err := conn.Close(); err != nil {
		return // the client closed it first
	}
}

// hang waits until the client gives up or the handler is closed, and breaks off:
// an ordinary end would be an answer.
func (h *Handler) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-h.done:
	}
	panic(http.ErrAbortHandler)
}

// slowBody sends one byte at a time until the client gives up.
func (h *Handler) slowBody(w http.ResponseWriter, r *http.Request, behavior *Behavior) {
	controller := startBody(w, behavior)
	ticker := time.NewTicker(behavior.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if _, err := w.Write([]byte(" ")); err != nil || controller.Flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-h.done:
			return
		}
	}
}

// hangBody sends half a body and hangs.
func (h *Handler) hangBody(w http.ResponseWriter, r *http.Request, behavior *Behavior, id string) {
	controller := startBody(w, behavior)
	text := behavior.text(id)
	writeText(w, text[:len(text)/2])
	if controller.Flush() == nil {
		h.hang(r)
	}
}

func hugeBody(w http.ResponseWriter, behavior *Behavior) {
	startBody(w, behavior)
	chunk := make([]byte, 64<<10)
	for i := range chunk {
		chunk[i] = 'x'
	}
	for left := behavior.HugeSize; left > 0; left -= int64(len(chunk)) {
		if _, err := w.Write(chunk[:min(int64(len(chunk)), left)]); err != nil {
			return
		}
	}
}

func startBody(w http.ResponseWriter, behavior *Behavior) *http.ResponseController {
	behavior.writeHeader(w.Header())
	w.WriteHeader(behavior.Status)
	controller := http.NewResponseController(w)
	if err := controller.Flush(); err != nil {
		return controller // the client is gone, which the next write tells
	}
	return controller
}
