package gateway

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"courier"
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
			runGolden(t, folder, pool)
		})
	}
}

func runGolden(t *testing.T, folder string, pool *jsonnet.Pool) {
	t.Helper()
	var config goldenRequest
	var message goldenMessage
	readJSON(t, filepath.Join(folder, "request.json"), &config)
	readJSON(t, filepath.Join(folder, "message.json"), &message)
	server := startWire(t, okAnswer)
	template, err := compileGolden(t, folder, pool)
	if config.WantError.At == "compile" {
		wantText(t, err, config.WantError.Text)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Options{
		Name: "sms", URL: server.target(config.URL), Method: config.Method, Header: config.Headers, Auth: config.auth(),
		Template: template, Timeout: patience, NowFunc: goldenNow,
	})
	if config.WantError.At == "new" {
		wantText(t, err, config.WantError.Text)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	sendGolden(t, g, server, folder, &config, message.message())
}

func sendGolden(t *testing.T, g *Gateway, server *wireServer, folder string, config *goldenRequest, m *courier.Message) {
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
		if attempt := g.Send(request); attempt.Outcome != courier.OutcomeAccepted {
			t.Fatalf("Send() = %+v", attempt)
		}
		want, err := os.ReadFile(filepath.Join(folder, "want.http"))
		if err != nil {
			t.Fatal(err)
		}
		compareWire(t, string(want), server.next(t))
	default:
		t.Fatalf("want_error.at is %q", config.WantError.At)
	}
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
