package app_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"courier/internal/app"
	"courier/internal/config"
)

// want is what becomes of a case: a request, a refusal at start that names the
// key, or a final status without a request.
type want struct {
	Request *wantRequest `json:"request"`
	Refused string       `json:"refused"`
	Status  string       `json:"status"`
}

type wantRequest struct {
	Method  string            `json:"method"`
	Target  string            `json:"target"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	// Superset is true when the JSON object may have more keys than the wanted one.
	Superset bool `json:"superset"`
}

// wire is a gateway that keeps requests as they are on the wire.
type wire struct {
	listener net.Listener
	requests chan wantRequest
	group    sync.WaitGroup
}

func newWire(t *testing.T) *wire {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	w := &wire{listener: listener, requests: make(chan wantRequest, 16)}
	w.group.Go(w.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		w.group.Wait()
	})
	return w
}

func (w *wire) accept() {
	for {
		conn, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.serve(conn)
		_ = conn.Close()
	}
}

func (w *wire) serve(conn net.Conn) {
	from := bufio.NewReader(conn)
	first, err := from.ReadString('\n')
	if err != nil {
		return
	}
	parts := strings.Fields(first)
	request := wantRequest{Method: parts[0], Target: parts[1], Headers: map[string]string{}}
	for {
		line, err := from.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		if err != nil || line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ": ")
		request.Headers[name] = value
	}
	length, _ := strconv.Atoi(request.Headers["Content-Length"])
	body := make([]byte, length)
	if _, err := io.ReadFull(from, body); err != nil {
		return
	}
	request.Body = string(body)
	w.requests <- request
	_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
}

// TestApp_KratosCases runs each configuration in testdata/cases, which Ory Kratos
// was run with, and sends the message of the case over the API. What Kratos
// sends is sent alike; where it fails or waits until a send to fail, want.json
// says what happens here.
func TestApp_KratosCases(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("testdata/cases/*")
	if err != nil || len(folders) < 43 {
		t.Fatalf("found %d cases: %v", len(folders), err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			runCase(t, folder)
		})
	}
}

func runCase(t *testing.T, folder string) {
	t.Helper()
	gateway := newWire(t)
	var expected want
	decodeFile(t, filepath.Join(folder, "want.json"), &expected)
	c, err := startCase(t, folder, gateway)
	if expected.Refused != "" {
		if problems := config.Problems(err); len(problems) != 1 || !strings.HasPrefix(problems[0].Path, expected.Refused) {
			t.Errorf("start: %v, want one problem with %s", err, expected.Refused)
		}
		return
	}
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	status, answer := c.call(t, http.MethodPost, "/v1/messages", readFile(t, filepath.Join(folder, "message.json")))
	if status != http.StatusAccepted {
		t.Fatalf("send message: status %d: %s", status, answer)
	}
	var taken struct{ ID string }
	if err := json.Unmarshal([]byte(answer), &taken); err != nil {
		t.Fatalf("decode answer: %v", err)
	}
	if expected.Request != nil {
		expected.Status = "sent"
		compareRequests(t, <-gateway.requests, *expected.Request)
	}
	checkOutcome(t, c, taken.ID, expected)
	select {
	case request := <-gateway.requests:
		t.Errorf("one more request than wanted: %s %s", request.Method, request.Target)
	default:
	}
}

// startCase runs a courier in a folder of its own with the files of the case.
func startCase(t *testing.T, folder string, gateway *wire) (*courier, error) {
	t.Helper()
	c := &courier{dir: t.TempDir(), log: &syncBuffer{}}
	templates := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "function(ctx) { to: ctx.recipient, body: ctx.body }\n")
	}))
	t.Cleanup(templates.Close)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatalf("read the case: %v", err)
	}
	replace := strings.NewReplacer("GATEWAY", gateway.listener.Addr().String(),
		"http://TEMPLATES", templates.URL, "file://DIR", "file://"+c.dir)
	for _, entry := range entries {
		c.write(t, entry.Name(), replace.Replace(readFile(t, filepath.Join(folder, entry.Name()))))
	}
	c.write(t, "own.yml", "courier: { message_retries: 0 }\n"+settings(c.dir))
	cfg, err := config.Load(config.Options{Files: []string{"courier.yml", "own.yml"}, Dir: c.dir})
	if err != nil {
		return nil, err
	}
	c.App, err = app.New(app.Options{Config: cfg, LogOutput: c.log, Version: "test"})
	if err != nil {
		t.Fatalf("new courier: %v", err)
	}
	if err := c.Start(t.Context()); err != nil {
		return nil, err
	}
	c.stopAtEnd(t)
	return c, nil
}

func compareRequests(t *testing.T, got, expected wantRequest) {
	t.Helper()
	delete(got.Headers, "Host")
	var gotJSON, wantJSON any
	if json.Unmarshal([]byte(expected.Body), &wantJSON) == nil && json.Unmarshal([]byte(got.Body), &gotJSON) == nil {
		if expected.Superset {
			gotJSON = cut(gotJSON, wantJSON)
		}
		if diff := cmp.Diff(wantJSON, gotJSON); diff != "" {
			t.Errorf("JSON body (-want +got):\n%s", diff)
		}
		got.Body, expected.Body = "", ""
		delete(got.Headers, "Content-Length")
		delete(expected.Headers, "Content-Length")
	}
	got.Superset = expected.Superset
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// cut keeps the keys of an object that another one has.
func cut(object, like any) any {
	from, ok := object.(map[string]any)
	keys, alike := like.(map[string]any)
	if !ok || !alike {
		return object
	}
	kept := map[string]any{}
	for key := range keys {
		if value, found := from[key]; found {
			kept[key] = value
		}
	}
	return kept
}

func checkOutcome(t *testing.T, c *courier, id string, expected want) {
	t.Helper()
	until(t, "the message to be "+expected.Status, func() bool {
		_, text := c.call(t, http.MethodGet, "/v1/messages/"+id, "")
		var message struct{ Status string }
		if err := json.Unmarshal([]byte(text), &message); err != nil {
			t.Fatalf("decode message: %v", err)
		}
		return message.Status == expected.Status
	})
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	return string(text)
}

func decodeFile(t *testing.T, path string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(readFile(t, path)), into); err != nil {
		t.Fatalf("decode %s: %v", path, err)
	}
}

func TestCheck_RefusesUnknownRegion(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "courier.yml")
	if err := os.WriteFile(path, []byte("recipients: { default_region: XX }\n"), 0o600); err != nil {
		t.Fatalf("write configuration: %v", err)
	}
	cfg, err := config.Load(config.Options{Files: []string{path}})
	if err == nil {
		err = app.Check(t.Context(), cfg)
	}
	problems := config.Problems(err)
	if len(problems) != 1 || problems[0].Path != "recipients.default_region" || problems[0].Position.Line != 1 {
		t.Errorf("check: %v, want one problem of recipients.default_region in line 1", err)
	}
}
