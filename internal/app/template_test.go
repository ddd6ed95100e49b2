package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"courier/internal/config"
	"courier/internal/gateway"
	"courier/internal/jsonnet"
)

// configured loads a configuration whose gateway has the given template.
func configured(t *testing.T, body string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "courier.yml")
	if err := os.WriteFile(path, []byte(`courier:
  channels:
    - id: sms
      request_config:
        url: http://127.0.0.1:9/send
        method: POST
        body: `+body+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Options{Files: []string{path}, Dir: filepath.Dir(path)})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func templateFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sms.jsonnet")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file://" + path
}

// templateServer serves a text, or fails while it is empty.
type templateServer struct {
	*httptest.Server
	text  atomic.Value
	asked atomic.Int64
}

func startTemplates(t *testing.T, text string) *templateServer {
	t.Helper()
	s := &templateServer{}
	s.text.Store(text)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		current, _ := s.text.Load().(string)
		if current == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, current)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestCheck_Templates reports a template that works for no message at its key, with
// its file, line and column, and warns of one that works for some.
func TestCheck_Templates(t *testing.T) {
	t.Parallel()
	for source, says := range map[string]string{
		"function(ctx) {\n  to: ctx.recipent }":                 `sms.jsonnet: 2:7: ctx has no field "recipent"; did you mean ctx.recipient?`,
		`function(ctx) { to: std.strreplace(ctx.to) }`:          `sms.jsonnet: 1:21: std has no function "strreplace"; did you mean std.strReplace?`,
		`function(context) { to: context.to }`:                  `sms.jsonnet: 1:1: the function has no parameter ctx`,
		`function(ctx) { to: ctx.to, }}`:                        `sms.jsonnet: 1:30: `,
		`function(ctx) std.native('x')(ctx.template_data.code)`: `sms.jsonnet: 1:15: `,
	} {
		problems := config.Problems(Check(t.Context(), configured(t, templateFile(t, source))))
		if len(problems) != 1 || problems[0].Path != "courier.channels[0].request_config.body" ||
			problems[0].Position.Line != 7 || !strings.Contains(problems[0].Message, says) {
			t.Errorf("%s: %v, want a problem in line 7 with %s", source, problems, says)
		}
	}
	cfg := configured(t, templateFile(t, `function(ctx) { to: ctx.to, code: ctx.template_data.code }`))
	if err := Check(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if len(cfg.Warnings) != 1 || cfg.Warnings[0].Position.Line != 7 || !strings.Contains(cfg.Warnings[0].Message, "messages without template_data") {
		t.Errorf("warnings %v, want one of messages without template_data in line 7", cfg.Warnings)
	}
}

// TestReadTemplate_Faults fixes what is said of a template that cannot be read.
func TestReadTemplate_Faults(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, text := range map[string]string{"empty": " \n", "large": strings.Repeat("x", gateway.MaxTemplate+1)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, says := range map[string]string{
		"": "names no file", folder + "/missing": "missing: no such file", folder: "no regular file", "/dev/zero": "no regular file",
		folder + "/empty": "empty is empty", folder + "/large": "larger than 1048576 bytes",
	} {
		if _, err := readTemplate(config.TemplateSource{Kind: config.TemplateFile, Path: path}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("readTemplate(%q) = %v, want %s", path, err, says)
		}
	}
	for address, says := range map[string]string{
		"./sms.jsonnet": "expected a template by file://", "ftp://host/x": "expected a template by file://",
		"base64://%%%": "standard alphabet with padding", "base64://YQ": "standard alphabet with padding",
		"base64://-_-_": "standard alphabet with padding", "base64://IAo=": "is empty",
	} {
		if _, err := decodeTemplate(address); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("decodeTemplate(%q) = %v, want %s", address, err, says)
		}
	}
	if text, err := decodeTemplate("base64://Y3R4"); err != nil || string(text) != "ctx" {
		t.Errorf("decodeTemplate() = %q, %v", text, err)
	}
}

// TestCheck_UnreachableTemplate reports what a start goes on without.
func TestCheck_UnreachableTemplate(t *testing.T) {
	t.Parallel()
	server := startTemplates(t, "")
	problems := config.Problems(Check(t.Context(), configured(t, server.URL+"/sms.jsonnet?key=hunter2")))
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "503 Service Unavailable") || strings.Contains(problems[0].Message, "hunter2") {
		t.Errorf("problems %v, want one of the answer 503 and no secret", problems)
	}
}

// building returns what builds the gateways of a test.
func building(t *testing.T, cfg *config.Config, log io.Writer) *gatewayBuilder {
	t.Helper()
	pool := jsonnet.NewPool(jsonnet.Options{Workers: 1})
	t.Cleanup(func() { _ = pool.Close(context.WithoutCancel(t.Context())) })
	return &gatewayBuilder{config: cfg, pool: pool, logger: slog.New(slog.NewTextHandler(log, nil))}
}

// TestGatewayBuilder_TemplateIsAway starts without a template, and puts it in force
// once its server answers.
func TestGatewayBuilder_TemplateIsAway(t *testing.T) {
	t.Parallel()
	server, log := startTemplates(t, ""), &strings.Builder{}
	b := building(t, configured(t, server.URL+"/sms.jsonnet"), log)
	b.starting = true
	set, err := b.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.close)
	template := set.templates[0]
	if template.text.Load() != nil || !strings.Contains(log.String(), "messages of its gateway wait") {
		t.Errorf("the start does not say that messages wait:\n%s", log)
	}
	template.revalidate(t.Context())
	if told := strings.Count(log.String(), "messages of its gateway wait"); told != 1 || template.wait > 2*firstFetchWait {
		t.Errorf("told %d times, next in %s", told, template.wait)
	}
	server.text.Store("function(ctx) ctx.body")
	template.revalidate(t.Context())
	if template.text.Load() == nil || !strings.Contains(log.String(), "is in force") {
		t.Errorf("the template is not in force:\n%s", log)
	}
}

// TestLiveTemplate_KeepsLast follows a template that becomes bad and good again.
func TestLiveTemplate_KeepsLast(t *testing.T) {
	t.Parallel()
	const first, second = "function(ctx) ctx.body", "function(ctx) ctx.to"
	server, log := startTemplates(t, first), &strings.Builder{}
	b := building(t, configured(t, server.URL+"/sms.jsonnet"), log)
	set, err := b.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.close)
	template := set.templates[0]
	for _, step := range []struct{ text, inForce, told string }{
		{"function(ctx) ctx.boddy", first, "did you mean ctx.body?"},
		{"function(ctx) {", first, "Unexpected"},
		{"", first, "503 Service Unavailable"},
		{first, first, ""},
		{second, second, "the changed template is in force"},
		{"function(ctx) ctx.template_data.code", "function(ctx) ctx.template_data.code", "messages without template_data"},
	} {
		log.Reset()
		server.text.Store(step.text)
		template.revalidate(t.Context())
		if got := string(*template.text.Load()); got != step.inForce || !strings.Contains(log.String(), step.told) {
			t.Errorf("after %q: %q in force, told %s", step.text, got, log)
		}
	}
}

// TestGatewayBuilder_ReloadWithoutServer keeps the text of the same address, and
// refuses another address that cannot be read.
func TestGatewayBuilder_ReloadWithoutServer(t *testing.T) {
	t.Parallel()
	server := startTemplates(t, "function(ctx) ctx.body")
	b := building(t, configured(t, server.URL+"/sms.jsonnet"), io.Discard)
	before, err := b.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(before.close)
	server.text.Store("")
	b.previous = before
	after, err := b.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(after.close)
	if after.textOf(server.URL+"/sms.jsonnet") == nil {
		t.Error("the text of the same address was lost")
	}
	b.config = configured(t, server.URL+"/other.jsonnet")
	if _, err := b.build(t.Context()); len(config.Problems(err)) != 1 {
		t.Errorf("build() = %v, want one problem", err)
	}
}

// TestLiveTemplate_Untried tries a text again that the workers were not there for.
func TestLiveTemplate_Untried(t *testing.T) {
	t.Parallel()
	server, log := startTemplates(t, "function(ctx) ctx.body"), &strings.Builder{}
	b := building(t, configured(t, server.URL+"/sms.jsonnet"), log)
	set, err := b.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.close)
	template, good := set.templates[0], b.pool
	closed := jsonnet.NewPool(jsonnet.Options{Workers: 1})
	if err := closed.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	template.pool = closed
	server.text.Store("function(ctx) ctx.to")
	template.revalidate(t.Context())
	if template.pending == nil {
		t.Fatal("nothing is pending")
	}
	template.pool = good
	template.revalidate(t.Context())
	if got := string(*template.text.Load()); got != "function(ctx) ctx.to" {
		t.Errorf("%q is in force", got)
	}
}
