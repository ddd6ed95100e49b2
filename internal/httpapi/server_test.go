package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"courier/internal/httpapi"
)

func get(t *testing.T, address string) (int, error) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

func start(t *testing.T, options httpapi.ServerOptions) *httpapi.Server {
	t.Helper()
	options.Name, options.Setting = "admin", "api"
	if options.Address == "" {
		options.Address = "127.0.0.1:0"
	}
	server := httpapi.NewServer(options)
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.WithoutCancel(t.Context())) })
	return server
}

func TestServer_StartStop(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	unstarted := httpapi.NewServer(httpapi.ServerOptions{})
	if err := unstarted.Stop(t.Context()); err != nil || unstarted.Addr() != nil {
		t.Errorf("unstarted: %v, %v", err, unstarted.Addr())
	}
	server := start(t, httpapi.ServerOptions{Handler: handler, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	address := server.Addr().String()
	if err := server.Start(t.Context()); err != nil || server.Addr().String() != address {
		t.Errorf("second start: %v", err)
	}
	if line := logged(t, log.String())[0]; line["listener"] != "admin" || line["address"] != address {
		t.Errorf("log: %v", line)
	}
	if status, err := get(t, address); err != nil || status != http.StatusTeapot {
		t.Errorf("got %d, %v", status, err)
	}
	for range 2 {
		if err := server.Stop(t.Context()); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	if _, err := get(t, address); err == nil {
		t.Error("a stopped server answers")
	}
}

func TestServer_StartOnTakenAddress(t *testing.T) {
	t.Parallel()
	first := start(t, httpapi.ServerOptions{})
	second := httpapi.NewServer(httpapi.ServerOptions{Name: "admin", Setting: "api", Address: first.Addr().String()})
	err := second.Start(t.Context())
	if err == nil || !contains(err.Error(), first.Addr().String()) || !contains(err.Error(), "set another api.host or api.port") {
		t.Errorf("got %v", err)
	}
}

func TestServer_StopWaitsForRequests(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	server := start(t, httpapi.ServerOptions{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		w.WriteHeader(http.StatusTeapot)
	})})
	status := make(chan int, 1)
	go func() {
		code, _ := get(t, server.Addr().String())
		status <- code
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- server.Stop(t.Context()) }()
	close(release)
	if code := <-status; code != http.StatusTeapot {
		t.Errorf("got %d", code)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestServer_StopCutsOff(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	server := start(t, httpapi.ServerOptions{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	})})
	failed := make(chan error, 1)
	go func() {
		_, err := get(t, server.Addr().String())
		failed <- err
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Stop(ctx); !errors.Is(err, context.Canceled) || !contains(err.Error(), "requests were cut off") {
		t.Errorf("stop: %v", err)
	}
	if err := <-failed; err == nil {
		t.Error("the request was answered")
	}
}

func TestServer_RefusesLongHeaders(t *testing.T) {
	t.Parallel()
	server := start(t, httpapi.ServerOptions{Handler: http.NotFoundHandler()})
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(connection, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: "+string(bytes.Repeat([]byte("a"), 64<<10))+"\r\n\r\n")
	}()
	answer := make([]byte, len("HTTP/1.1 431"))
	if _, err := io.ReadFull(connection, answer); err != nil || string(answer) != "HTTP/1.1 431" {
		t.Errorf("got %q, %v", answer, err)
	}
}

func TestServer_LeavesNothingBehind(t *testing.T) { //nolint:paralleltest // it counts the goroutines of the process
	ignore := goleak.IgnoreCurrent()
	for range 10 {
		server := httpapi.NewServer(httpapi.ServerOptions{Name: "admin", Address: "127.0.0.1:0", Handler: http.NotFoundHandler()})
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := get(t, server.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if err := server.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	goleak.VerifyNone(t, ignore)
}

// Many clients write the whole body before they read: they must get the answer
// and not a broken connection.
func TestServer_AnswersThoseWhoWriteAllFirst(t *testing.T) {
	t.Parallel()
	server := start(t, httpapi.ServerOptions{Handler: newFixture(t, nil).api.Admin()})
	const size = 10 << 20
	body := bytes.Repeat([]byte(" "), size)
	for name, test := range map[string]struct {
		header string
		status int
	}{
		"TooLarge":  {"Content-Type: application/json", http.StatusRequestEntityTooLarge},
		"WrongType": {"Content-Type: text/plain", http.StatusUnsupportedMediaType},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = connection.Close() }()
			if err := connection.SetDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Fprintf(connection, "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n%s\r\nContent-Length: %d\r\n\r\n", test.header, size); err != nil {
				t.Fatal(err)
			}
			if _, err := connection.Write(body); err != nil {
				t.Fatalf("write the body: %v", err)
			}
			response, err := http.ReadResponse(bufio.NewReader(connection), nil)
			if err != nil {
				t.Fatalf("read the answer: %v", err)
			}
			defer func() { _ = response.Body.Close() }()
			if response.StatusCode != test.status || !response.Close {
				t.Errorf("got %d, close %t, want %d", response.StatusCode, response.Close, test.status)
			}
		})
	}
}

// A body that is announced as too large is refused before it arrives.
func TestServer_RefusesLargeBodiesUnread(t *testing.T) {
	t.Parallel()
	server := start(t, httpapi.ServerOptions{Handler: newFixture(t, nil).api.Admin()})
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(connection, "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10485760\r\n\r\n{")
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusRequestEntityTooLarge || !response.Close {
		t.Errorf("got %d, close %t", response.StatusCode, response.Close)
	}
}
