//go:build unix

package gateway

import (
	"errors"
	"net"
	"syscall"
)

// canPeek says whether isQuiet can tell.
const canPeek = true

// isQuiet reports whether an idle connection is open and nothing came on it. A
// gateway that closes idle connections would otherwise leave the outcome of the
// next request unknown.
func (c *directConn) isQuiet() bool {
	conn := c.Conn
	if counted, ok := conn.(*countedConn); ok {
		conn = counted.Conn
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Read(func(fd uintptr) bool {
		var room [1]byte
		_, err := syscall.Read(int(fd), room[:])
		quiet = errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EWOULDBLOCK)
		return true
	})
	return err == nil && quiet
}
