package httpapi_test

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"courier/internal/httpapi"
)

// lockedBuffer takes the log of a server that is running.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(text)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// hold opens connections and sends nothing.
func hold(t *testing.T, address string, count int) []net.Conn {
	t.Helper()
	connections := make([]net.Conn, count)
	for i := range connections {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = connection.Close() })
		connections[i] = connection
	}
	return connections
}

// Who holds more connections open than there may be keeps nobody out, and the log
// says it once.
func TestServer_BoundsConnections(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	server := start(t, httpapi.ServerOptions{
		Handler: newFixture(t, nil).api.Public(), MaxConnections: 16, Logger: slog.New(slog.NewJSONHandler(&log, nil)),
	})
	address := server.Addr().String()
	for range 2 {
		connections := hold(t, address, 20)
		if status, err := get(t, address); err != nil || status != http.StatusNotFound {
			t.Fatalf("got %d, %v", status, err)
		}
		// The first of them was the longest idle.
		_ = connections[0].SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := connections[0].Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "EOF") && !strings.Contains(err.Error(), "reset") {
			t.Errorf("the longest idle connection: %v", err)
		}
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(log.String(), "as many connections as it may"); got != 1 {
		t.Errorf("%d lines, want 1:\n%s", got, log.String())
	}
	if !contains(log.String(), `"key":"api.max_connections"`) || !contains(log.String(), `"limit":16`) {
		t.Errorf("log: %s", log.String())
	}
}

// Waves of connections, with room in between, are told of once in a minute.
func TestServer_TellsOfFloodOnce(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	server := start(t, httpapi.ServerOptions{
		Handler: http.NotFoundHandler(), MaxConnections: 4, Logger: slog.New(slog.NewJSONHandler(&log, nil)),
	})
	for range 3 {
		connections := hold(t, server.Addr().String(), 6)
		if status, err := get(t, server.Addr().String()); err != nil || status != http.StatusNotFound {
			t.Fatalf("got %d, %v", status, err)
		}
		for _, connection := range connections {
			_ = connection.Close()
		}
		<-time.After(200 * time.Millisecond) // the server notices that they are closed
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(log.String(), "as many connections as it may"); got != 1 {
		t.Errorf("%d lines, want 1:\n%s", got, log.String())
	}
}

// A connection with a request under way is not closed for another, which waits.
func TestServer_KeepsBusyConnections(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 2), make(chan struct{})
	server := start(t, httpapi.ServerOptions{MaxConnections: 1, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		<-release
		w.WriteHeader(http.StatusTeapot)
	})})
	answers := make(chan int, 2)
	for range 2 {
		go func() {
			status, _ := get(t, server.Addr().String())
			answers <- status
		}()
	}
	<-entered
	select {
	case <-entered:
		t.Error("two requests were served at once")
	case <-time.After(1500 * time.Millisecond):
	}
	close(release)
	for range 2 {
		if status := <-answers; status != http.StatusTeapot {
			t.Errorf("got %d", status)
		}
	}
}

// A stop does not wait for connections on which no request came, nor for those that
// wait for room.
func TestServer_StopsWhenFull(t *testing.T) {
	t.Parallel()
	server := start(t, httpapi.ServerOptions{Handler: http.NotFoundHandler(), MaxConnections: 1})
	hold(t, server.Addr().String(), 3)
	began := time.Now()
	if err := server.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 2500*time.Millisecond {
		t.Errorf("the stop took %s", took)
	}
}

func TestServer_H2C(t *testing.T) {
	t.Parallel()
	server := start(t, httpapi.ServerOptions{Handler: http.NotFoundHandler()})
	for _, unencrypted := range []bool{true, false} {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(unencrypted)
		transport.Protocols.SetHTTP1(!unencrypted)
		t.Cleanup(transport.CloseIdleConnections)
		want := map[bool]string{true: "HTTP/2.0", false: "HTTP/1.1"}[unencrypted]
		if got := fetch(t, transport, "http://"+server.Addr().String()); got != want {
			t.Errorf("served by %s, want %s", got, want)
		}
	}
}

// fetch asks for a URL and returns the protocol of the answer.
func fetch(t *testing.T, transport http.RoundTripper, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.Proto
}
