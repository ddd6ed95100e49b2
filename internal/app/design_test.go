package app

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"courier"
	"courier/internal/config"
	"courier/internal/dispatch"
)

// load reads a configuration from a text.
func load(t *testing.T, text string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "courier.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Options{Files: []string{path}, Dir: filepath.Dir(path)})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestDesign_Limits drives a gateway as it says itself, or else as all are driven.
func TestDesign_Limits(t *testing.T) {
	t.Parallel()
	cfg := load(t, `
courier:
  gateways:
    - id: own
      request_config: { url: "https://a.example/x", method: POST }
      timeout: 3s
      max_in_flight: 7
      rate_limit: { count: 30, per: 1m }
      on_unknown: hold
      retry: { max: 100ms }
      breaker: { failures: 9 }
    - id: usual
      request_config: { url: "https://b.example/x", method: POST }
dispatch: { timeout: 5s, max_in_flight: 11, max_rate: 20 }
`)
	set, err := building(t, cfg, io.Discard).build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.close)
	for i, want := range []dispatch.GatewayOptions{
		{
			Timeout: 3 * time.Second, MaxInFlight: 7, MaxRate: 0.5, OnUnknown: dispatch.HoldUnknown,
			Retry: dispatch.Retry{Initial: 100 * time.Millisecond, Max: 100 * time.Millisecond}, Breaker: dispatch.Breaker{Failures: 9},
		},
		{Timeout: 5 * time.Second, MaxInFlight: 11, MaxRate: 20},
	} {
		got := set.lanes[i]
		want.Gateway, want.Fingerprint = got.Gateway, got.Fingerprint
		if got != want {
			t.Errorf("gateway %d: %+v, want %+v", i, got, want)
		}
	}
	settings := engineSettings(load(t, `
courier:
  gateways: [{ id: a, request_config: { url: "https://a.example/x", method: POST } }]
  routes: [{ name: r, to: ["+1", DE], template_type: x, gateways: [{ id: a, weight: 7 }], demote: true }]
`), set)
	if got := settings.Routes[0]; got.Name != "r" || !slices.Equal(got.To, []string{"+1", "DE"}) || got.TemplateType != "x" || !got.Demote ||
		got.Gateways[0] != (dispatch.RouteGateway{Gateway: "a", Weight: 7}) {
		t.Errorf("route %+v", got)
	}
}

// TestDesign_ReceiptURL gives every gateway whose receipts are read an address for them,
// also one whose preset reads none.
func TestDesign_ReceiptURL(t *testing.T) {
	t.Parallel()
	infos, err := Gateways(load(t, `
public: { url: "https://sms.example.com/in/" }
courier:
  gateways:
    - { id: own, request_config: { url: "https://a.example/x", method: POST }, receipt: "base64://W10=", receipt_secret: s/1 }
    - { id: preset, preset: aws, params: { access_key_id: AKIDEXAMPLE, secret_access_key: x, region: eu-west-1 }, receipt: "base64://W10=", receipt_secret: s2 }
    - { id: none, request_config: { url: "https://a.example/x", method: POST } }
`), true)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"https://sms.example.com/in/receipts/own/s%2F1", "https://sms.example.com/in/receipts/preset/s2", ""} {
		if got := infos[i].ReceiptURL; got != want {
			t.Errorf("%s: %q, want %q", infos[i].ID, got, want)
		}
	}
}

// TestSender_From gives a message without a sender that of the gateway it goes through,
// and keeps the one that the caller gave.
func TestSender_From(t *testing.T) {
	t.Parallel()
	cfg := load(t, `
courier:
  sms: { enabled: true, from: Shop, request_config: { url: "https://a.example/x", method: POST, body: base64://ZnVuY3Rpb24oY3R4KSBjdHguZnJvbQ== } }
  gateways: [{ id: b, from: "+12065550110", request_config: { url: "https://b.example/x", method: POST, body: base64://ZnVuY3Rpb24oY3R4KSBjdHguZnJvbQ== } }]
`)
	for _, c := range []struct{ gateway, from, want string }{
		{"", "", `"Shop"`}, {"b", "", `"+12065550110"`}, {"b", "Mine", `"Mine"`},
	} {
		request, err := Render(t.Context(), cfg, courier.Draft{To: "+12065550199", Body: "x", From: c.from, Gateway: c.gateway})
		if err != nil {
			t.Fatal(err)
		}
		if request.Body != c.want {
			t.Errorf("through %q from %q: %s, want %s", c.gateway, c.from, request.Body, c.want)
		}
	}
}

// TestCheck_OwnRules compiles the templates of answers, receipts and queries, and
// reports each at its key.
func TestCheck_OwnRules(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"query": "function(ctx) { to: ctx.too }", "response": "function(res) { class: res.jsn.class }", "receipt": "function(req) [{ id: req.formm.id, status: 'sent' }]",
	}
	text := `
public: { url: "https://sms.example.com" }
courier:
  gateways:
    - id: own
      receipt_secret: x
      response: ` + templateFile(t, files["response"]) + `
      receipt: ` + templateFile(t, files["receipt"]) + `
      request_config: { url: "https://a.example/x", method: POST, query: "` + templateFile(t, files["query"]) + `" }
`
	got := map[string]string{}
	for _, problem := range config.Problems(Check(t.Context(), load(t, text))) {
		got[problem.Path] = problem.Message
	}
	for path, says := range map[string]string{
		"courier.gateways[0].request_config.query": "ctx.to", "courier.gateways[0].response": "res.json", "courier.gateways[0].receipt": "req.form",
	} {
		if !strings.Contains(got[path], says) {
			t.Errorf("%s: %q, want it to tell of %s", path, got[path], says)
		}
	}
	cfg := load(t, strings.NewReplacer("https://sms.example.com", "").Replace(strings.ReplaceAll(text, `public: { url: "https://sms.example.com" }`, "")))
	_ = Check(t.Context(), cfg)
}

// TestCheck_PresetsDir takes a preset of the user's, and reports one that cannot work.
func TestCheck_PresetsDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, "mine"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "mine", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := "presets_dir: " + dir + "\ncourier: { gateways: [{ id: a, preset: mine, params: { key: hunter2 } }] }\n"
	write("preset.yaml", "title: Mine\nparams: { key: { doc: The key., secret: true } }\nrequest: { method: POST, url: 'https://mine.example/send' }\nreceipts: { address: none }\n")
	write("request.jsonnet", "function(ctx) { to: ctx.to, text: ctx.body, key: ctx.params.key }")
	if err := Check(t.Context(), load(t, text)); err != nil {
		t.Errorf("a preset of the user's is refused: %v", err)
	}
	write("request.jsonnet", "function(ctx) { to: ctx.too }")
	if problems := config.Problems(Check(t.Context(), load(t, text))); len(problems) != 1 || problems[0].Path != "courier.gateways[0].preset" || !strings.Contains(problems[0].Message, "ctx.to") {
		t.Errorf("a template that cannot work: %v", problems)
	}
	write("preset.yaml", "titel: Mine\n")
	if problems := config.Problems(Check(t.Context(), load(t, text))); len(problems) != 1 || problems[0].Path != "presets_dir" || !strings.Contains(problems[0].Message, "titel") {
		t.Errorf("a preset that cannot be read: %v", problems)
	}
}
