package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// faultGateway is a raw TCP gateway that does what the text of each message
// says: "status 503", "reset", "hang", "garbage", "huge", "slow".
type faultGateway struct {
	listener net.Listener
	group    sync.WaitGroup
	stop     chan struct{}
}

func newFaultGateway(t *testing.T) *faultGateway {
	t.Helper()
	listener := listen(t, "127.0.0.1:0")
	g := &faultGateway{listener: listener, stop: make(chan struct{})}
	g.group.Go(g.accept)
	t.Cleanup(func() {
		close(g.stop)
		_ = listener.Close()
		g.group.Wait()
	})
	return g
}

func (g *faultGateway) url() string { return "http://" + g.listener.Addr().String() + "/send" }

func (g *faultGateway) accept() {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			return
		}
		g.group.Go(func() {
			defer func() { _ = conn.Close() }()
			g.serve(conn)
		})
	}
}

// serve answers one request and closes the connection.
func (g *faultGateway) serve(conn net.Conn) {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	var sent struct{ Body string }
	if json.NewDecoder(request.Body).Decode(&sent) != nil {
		return
	}
	kind, argument, _ := strings.Cut(sent.Body, " ")
	switch kind {
	case "status":
		code, _, _ := strings.Cut(argument, " ")
		answer(conn, code, "")
	case "reset":
		reset(conn)
	case "hang":
		<-g.stop
	case "garbage":
		_, _ = io.WriteString(conn, "\x00\x01 this is no HTTP\r\n\r\n")
	case "huge":
		g.pour(conn)
	case "slow":
		_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{")
		<-g.stop
	default:
		answer(conn, "201", `{"id":"gw-1"}`)
	}
}

// reset makes the close of a connection break it off.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

func answer(conn net.Conn, code, body string) {
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s Told\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", code, len(body), body)
}

// pour answers with a body of 1 GiB, until the other side has had enough.
func (g *faultGateway) pour(conn net.Conn) {
	const size = 1 << 30
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
	chunk := make([]byte, 64<<10)
	for written := 0; written < size; written += len(chunk) {
		if _, err := conn.Write(chunk); err != nil {
			return
		}
	}
}

// told is the part of a message that the tests look at.
type told struct {
	ID        string
	Status    string
	SendCount int `json:"send_count"`
	LastError *struct {
		Class      string
		Message    string
		HTTPStatus int `json:"http_status"`
	} `json:"last_error"`
}

// send takes one message and returns its id.
func (p *process) send(t *testing.T, text string) string {
	t.Helper()
	status, body := post(t, p.url("/v1/messages"), map[string]string{"to": "+12065550199", "body": text})
	if status != http.StatusAccepted {
		t.Fatalf("send %q: status %d: %s\n%s", text, status, body, p.log)
	}
	var taken told
	if err := json.Unmarshal(body, &taken); err != nil {
		t.Fatalf("decode the answer: %v", err)
	}
	return taken.ID
}

// await polls a message until it has the status.
func (p *process) await(t *testing.T, id, status string) told {
	t.Helper()
	var last told
	held := false
	t.Cleanup(func() {
		if !held {
			t.Logf("message was %+v, want %s; log:\n%s", last, status, p.log)
		}
	})
	waitFor(t, "message to be "+status, func() bool {
		code, body := get(t, p.url("/v1/messages/"+id))
		last = told{}
		held = code == http.StatusOK && json.Unmarshal(body, &last) == nil && last.Status == status
		return held
	})
	return last
}

// statusFor is the outcome table of the design, for one attempt and no retry.
// A message waits (queued) when the gateway or the account is at fault, when what
// happens to others decides whose fault it is, and when the gateway takes less for now.
func statusFor(code int) string {
	switch code {
	case 400, 409, 413, 422, 451:
		return "rejected"
	case 408, 425:
		return "abandoned"
	}
	switch {
	case code >= 200 && code < 300:
		return "sent"
	case code >= 500:
		return "abandoned"
	default:
		return "queued"
	}
}

// TestServe_GatewayStatuses sends a message for every final status that does
// not shut the gateway off, each followed by a good one, which must not wait.
func TestServe_GatewayStatuses(t *testing.T) {
	gateway := newFaultGateway(t)
	p := startCourier(t, writeConfig(t, gateway.url(), "dispatch: { timeout: 3s }", "message_retries: 0"))
	for code := 200; code < 600; code++ {
		want := statusFor(code)
		if want == "queued" {
			continue
		}
		bad := p.send(t, "status "+strconv.Itoa(code))
		good := p.send(t, "good")
		if got := p.await(t, bad, want); want != "sent" && (got.LastError == nil || got.LastError.HTTPStatus != code) {
			t.Errorf("status %d: last error %+v, want its HTTP status", code, got.LastError)
		}
		p.await(t, good, "sent")
	}
	if err := p.terminate(t); err != nil {
		t.Errorf("end of the courier: %v\n%s", err, p.log)
	}
}

// TestServe_GatewayFaults meets a gateway that resets, hangs, answers garbage, a
// slow body and 1 GiB: good messages sent at the same time are not delayed by
// it, and memory stays flat.
func TestServe_GatewayFaults(t *testing.T) {
	gateway := newFaultGateway(t)
	p := startCourier(t, writeConfig(t, gateway.url(), "dispatch: { timeout: 3s }", "message_retries: 0"))
	before := p.memory(t)
	wants := map[string]string{
		"reset": "abandoned", "hang": "abandoned", "garbage": "abandoned", "slow": "sent", "huge": "sent",
	}
	bad := map[string]string{}
	for kind := range wants {
		bad[kind] = p.send(t, kind)
	}
	for range 20 {
		p.await(t, p.send(t, "good"), "sent")
	}
	if got := p.status(t, bad["hang"]); got != "processing" {
		t.Errorf("the hanging message is %s after 20 good ones went by, want processing", got)
	}
	for kind, want := range wants {
		p.await(t, bad[kind], want)
	}
	if grown := p.memory(t) - before; grown > 64<<20 {
		t.Errorf("memory grew by %d MiB over a body of 1 GiB, want under 64", grown>>20)
	}
	if err := p.terminate(t); err != nil {
		t.Errorf("end of the courier: %v\n%s", err, p.log)
	}
}

func (p *process) status(t *testing.T, id string) string {
	t.Helper()
	_, body := get(t, p.url("/v1/messages/"+id))
	var last told
	if err := json.Unmarshal(body, &last); err != nil {
		t.Fatalf("decode message: %v", err)
	}
	return last.Status
}

// memory returns the resident memory of the process, in bytes.
func (p *process) memory(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		t.Fatalf("read the memory of the courier: %v", err)
	}
	fields := strings.Fields(string(text))
	pages, err := strconv.Atoi(fields[1])
	if err != nil {
		t.Fatalf("read the memory of the courier: %v", err)
	}
	return pages * os.Getpagesize()
}

// TestServe_OutageOutlasted stops the gateway for longer than Kratos's retries
// last. The message waits and is sent once the gateway is back.
func TestServe_OutageOutlasted(t *testing.T) {
	listener := listen(t, "127.0.0.1:0")
	address := listener.Addr().String()
	_ = listener.Close()
	p := startCourier(t, writeConfig(t, "http://"+address+"/send", ""))
	id := p.send(t, "patient")
	waitFor(t, "three attempts", func() bool {
		_, body := get(t, p.url("/v1/messages/"+id))
		var last told
		return json.Unmarshal(body, &last) == nil && last.SendCount >= 3
	})
	back := listen(t, address)
	served := make(chan struct{})
	created := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(created)}
	go func() {
		defer close(served)
		_ = server.Serve(back)
	}()
	p.await(t, id, "sent")
	_ = server.Close()
	<-served
	if err := p.terminate(t); err != nil {
		t.Errorf("end of the courier: %v\n%s", err, p.log)
	}
}

// TestServe_GatewayBytesStayOutOfLog has a gateway send more than its answer holds,
// of which net/http writes the beginning to Go's default log.
func TestServe_GatewayBytesStayOutOfLog(t *testing.T) {
	listener := listen(t, "127.0.0.1:0")
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 204 No\r\nContent-Length: 7\r\n\r\nhunter2")
				_, _ = io.Copy(io.Discard, conn)
			}
			_ = conn.Close()
		}
	})
	p := startCourier(t, writeConfig(t, "http://"+listener.Addr().String()+"/send", ""))
	p.await(t, p.send(t, "one"), "sent")
	if err := p.terminate(t); err != nil {
		t.Errorf("end of the courier: %v", err)
	}
	_ = listener.Close()
	serving.Wait()
	if p.log.count("hunter2") > 0 {
		t.Errorf("the log holds what the gateway sent:\n%s", p.log)
	}
}
