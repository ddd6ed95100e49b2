package gateway

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"courier"
	"courier/internal/gateway/gatewaytest"
	"courier/internal/jsonnet"
)

// goldenRequest is the request_config of a case, and the error that is wanted instead of a request.
type goldenRequest struct {
	URL     string
	Method  string
	Headers map[string]string
	Auth    struct {
		Type   string
		Config struct{ User, Password, Name, Value, In string }
	}
	WantError struct{ At, Text string } `json:"want_error"`
}

type goldenMessage struct {
	To             string          `json:"to"`
	Body           string          `json:"body"`
	Subject        string          `json:"subject"`
	TemplateType   string          `json:"template_type"`
	TemplateData   json.RawMessage `json:"template_data"`
	RequestHeaders json.RawMessage `json:"request_headers"`
}

// goldenNow is the clock of the golden cases, and their messages expire 300 s later.
func goldenNow() time.Time { return time.Date(2026, 11, 23, 6, 43, 33, 0, time.UTC) }

func (m goldenMessage) message() *courier.Message {
	message := loginMessage()
	message.To, message.Body, message.Subject = m.To, m.Body, m.Subject
	message.TemplateType, message.TemplateData, message.RequestHeaders = m.TemplateType, m.TemplateData, m.RequestHeaders
	message.ExpiresAt = goldenNow().Add(300*time.Second + 400*time.Millisecond)
	return message
}

func (r *goldenRequest) auth() Auth {
	config := r.Auth.Config
	switch r.Auth.Type {
	case "basic_auth":
		return BasicAuth{User: config.User, Password: config.Password}
	case "api_key":
		return APIKey{Name: config.Name, Value: config.Value, In: KeyLocation(config.In)}
	}
	return nil
}

// TestGateway_Golden sends the message of each case in testdata/kratos through
// its request_config and template, and compares the request on the wire with
// the one that Ory Kratos sends, or that this project sends where Kratos fails.
func TestGateway_Golden(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("testdata/kratos/*")
	if err != nil || len(folders) < 37 {
		t.Fatalf("%d cases, %v", len(folders), err)
	}
	patient := newPool(t, jsonnet.Options{Timeout: patience})
	strict := newPool(t, jsonnet.Options{})
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			pool := patient
			if strings.HasSuffix(folder, "timeout_1s") {
				pool = strict
			}
			eachProtocol(t, func(t *testing.T, protocol gatewaytest.Protocol) {
				t.Helper()
				runGolden(t, folder, pool, protocol)
			})
		})
	}
}

func runGolden(t *testing.T, folder string, pool *jsonnet.Pool, protocol gatewaytest.Protocol) {
	t.Helper()
	var config goldenRequest
	var message goldenMessage
	readJSON(t, filepath.Join(folder, "request.json"), &config)
	readJSON(t, filepath.Join(folder, "message.json"), &message)
	wire := startWire(t, okAnswer)
	if protocol != gatewaytest.PlainHTTP {
		wire = startWireOver(t, protocol, okAnswer)
	}
	target, client := wire.target(config.URL), wire.client
	spoken := &spokenServer{}
	if protocol == gatewaytest.TLSHTTP2 {
		var url string
		url, client = gatewaytest.Serve(t, protocol, spoken, nil)
		target = strings.Replace(config.URL, "gateway.test", strings.TrimPrefix(url, "https://"), 1)
		target = strings.Replace(target, "http://", "https://", 1)
	}
	template, err := compileGolden(t, folder, pool)
	if config.WantError.At == "compile" {
		wantText(t, err, config.WantError.Text)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Options{
		Name: "sms", URL: target, Method: config.Method, Header: config.Headers, Auth: config.auth(),
		Template: template, Timeout: patience, NowFunc: goldenNow, TLSConfig: client,
	})
	if config.WantError.At == "new" {
		wantText(t, err, config.WantError.Text)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	if !sendGolden(t, g, &config, message.message()) {
		return
	}
	want, err := os.ReadFile(filepath.Join(folder, "want.http"))
	if err != nil {
		t.Fatal(err)
	}
	if protocol == gatewaytest.TLSHTTP2 {
		spoken.compare(t, string(want))
		return
	}
	compareWire(t, string(want), wire.next(t))
}

// sendGolden reports whether the message was sent, as the case wants.
func sendGolden(t *testing.T, g *Gateway, config *goldenRequest, m *courier.Message) bool {
	t.Helper()
	request, err := g.Render(t.Context(), m)
	render, _ := errors.AsType[*courier.RenderError](err)
	switch config.WantError.At {
	case "canceled":
		if !errors.Is(err, courier.ErrTemplateCanceled) {
			t.Errorf("Render() = %v", err)
		}
	case "render", "temporary":
		wantText(t, err, config.WantError.Text)
		if render == nil || render.Temporary != (config.WantError.At == "temporary") {
			t.Errorf("Render() = %#v", err)
		}
	case "":
		if err != nil {
			t.Fatal(err)
		}
		if attempt := request.Send(t.Context()); attempt.Outcome != courier.OutcomeAccepted {
			t.Fatalf("Send() = %+v", attempt)
		}
		return true
	default:
		t.Fatalf("want_error.at is %q", config.WantError.At)
	}
	return false
}

// spokenServer keeps the request that came over HTTP/2, where nothing has an order.
type spokenServer struct {
	mu   sync.Mutex
	text string
}

// ServeHTTP implements http.Handler.
func (s *spokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	lines := []string{r.Method + " " + r.RequestURI + " HTTP/1.1", "Host: gateway.test"}
	for name, values := range r.Header {
		for _, value := range values {
			lines = append(lines, name+": "+value)
		}
	}
	s.mu.Lock()
	s.text = strings.Join(lines, "\r\n") + "\r\n\r\n" + string(body)
	s.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
}

// compare compares as compareWire does, but for the order of headers and what
// HTTP/2 has otherwise: the length of an empty body, and the name of the client.
func (s *spokenServer) compare(t *testing.T, want string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	compareWire(t, sortHead(want), sortHead(strings.Replace(s.text, "Go-http-client/2.0", "Go-http-client/1.1", 1)))
}

func sortHead(request string) string {
	head, body, _ := strings.Cut(request, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	lines = slices.DeleteFunc(lines, func(line string) bool { return line == "Content-Length: 0" })
	slices.Sort(lines[1:])
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

func compileGolden(t *testing.T, folder string, pool *jsonnet.Pool) (*Template, error) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(folder, "template.jsonnet"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	template, err := pool.Compile(t.Context(), "template.jsonnet", source)
	if err != nil {
		return nil, err
	}
	return NewTemplate(template), nil
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func wantText(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %v, want one with %q", err, text)
	}
}
