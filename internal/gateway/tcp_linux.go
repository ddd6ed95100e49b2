package gateway

import (
	"net"

	"golang.org/x/sys/unix"
)

// ackedBytes returns how many bytes the other side has received for sure. A peer
// that closes its side tells with it what it received until then (RFC 9293, 3.6),
// so a request that is not among that was not read.
func ackedBytes(conn net.Conn) (acked int64, known bool) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return 0, false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			acked, known = int64(info.Bytes_acked)-1, true //nolint:gosec // G115: no connection sends as much; the SYN counts as one
		}
	})
	return acked, known && err == nil
}
