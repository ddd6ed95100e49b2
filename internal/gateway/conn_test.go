package gateway

import (
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"time"
)

// TestAnswerConn_Unread writes a request to a connection that the other side
// closed before, and to one that it closed when it had received it.
func TestAnswerConn_Unread(t *testing.T) {
	t.Parallel()
	for name, closedBefore := range map[string]bool{"Before": true, "After": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, server := connPair(t)
			client.begin()
			if closedBefore {
				closeAndWait(t, server)
			}
			if _, err := client.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			if !closedBefore {
				if _, err := io.ReadFull(server, make([]byte, 5)); err != nil {
					t.Fatal(err)
				}
				closeAndWait(t, server)
			}
			if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Fatalf("read: %v", err)
			}
			answer, again := explainPlain(io.EOF, client.state(), true, 0)
			if proven := closedBefore && runtime.GOOS == "linux"; again != proven || (answer.Delivery == DeliveryNone) != proven {
				t.Errorf("delivery %d, sent again: %t", answer.Delivery, again)
			}
		})
	}
}

// closeAndWait lets the other side hear of it.
func closeAndWait(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	<-time.After(20 * time.Millisecond)
}

func connPair(t *testing.T) (*answerConn, net.Conn) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dialed, err := newConnections(&Options{Timeout: patience}, nil).dialer.dialPlain(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err := errors.Join(err, listener.Close()); err != nil {
		t.Fatal(err)
	}
	client, ok := dialed.(*answerConn)
	if !ok {
		t.Fatalf("dialed a %T", dialed)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client, server
}
