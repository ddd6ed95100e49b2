package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestLoad_Defaults(t *testing.T) {
	t.Parallel()
	want := &Config{
		Courier:    Courier{MessageRetries: 5, SMS: SMS{From: "Ory Kratos"}},
		Log:        Log{Level: "info", Format: "text"},
		Tracing:    Tracing{ServiceName: "courier", OTLP: OTLP{SamplingRatio: 1}},
		Store:      Store{DSN: NewSecret("sqlite://courier.db")},
		API:        API{Listener: Listener{Host: "127.0.0.1", Port: 4478, MaxConnections: 512}, OpenAccess: true, MaxBodySize: 1 << 20},
		Public:     Public{Listener: Listener{Host: "127.0.0.1", Port: 4477, MaxConnections: 512}},
		Dispatch:   Dispatch{MaxInFlight: 64, Timeout: 10 * time.Second, GracePeriod: 20 * time.Second, PollInterval: time.Second, OnUnknown: "resend", Mode: "send", Retry: Retry{Initial: 500 * time.Millisecond, Max: 30 * time.Second}},
		Recipients: Recipients{Validate: true},
		Messages:   Messages{Lint: true, SupersedeWait: 2 * time.Second, Typography: "as_written"},
		Retention:  Retention{ScrubAfter: 24 * time.Hour, DeleteAfter: 720 * time.Hour},
		Safety:     Safety{Inbox: Inbox{Host: "127.0.0.1", Port: 4479}},
		Resolved:   Resolved{Limits: defaultLimits()},
	}
	for name, files := range map[string]map[string]string{
		"NoFile":       nil,
		"EmptyYAML":    {"c.yaml": ""},
		"CommentsOnly": {"c.yml": "# nothing\n---\n# here\n"},
		"EmptyJSON":    {"c.json": " \n"},
		"EmptyTOML":    {"c.toml": "# nothing\n"},
		"NullSections": {"c.yaml": "courier:\nstore: ~\napi:\n  keys:\ndispatch: { retry: }\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := Load(Options{Files: keysOf(files), Dir: write(t, files)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, cfg, options()...); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// options let cmp compare configurations without their places and files.
func options() []cmp.Option {
	return []cmp.Option{
		cmp.AllowUnexported(API{}),
		compareSecrets(),
		cmpopts.IgnoreFields(Config{}, "origin"),
		cmpopts.EquateEmpty(),
	}
}

func compareSecrets() cmp.Option { return cmp.Comparer(func(a, b Secret) bool { return a == b }) }

func TestLoad_Formats(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"c.yaml": `
courier:
  message_retries: 7
  channels:
  - id: sms
    request_config: {url: "http://a.example/x", method: PUT, headers: {X-A: "1"}, auth: {type: api_key, config: {name: k, value: v, in: cookie}}}
api: {port: 0, max_body_size: 2MiB, keys: [{name: shop, hash: "sha256:` + strings.Repeat("ab", 32) + `", scopes: [send]}]}
dispatch: {timeout: 1m30s, on_unknown: hold}
recipients: {validation: off, default_region: us}
tracing: {providers: {otlp: {sampling: {sampling_ratio: 0.25}}}}
`,
		"c.conf": `# another extension is YAML
courier: &c
  message_retries: 0x7
  channels:
  - &channel
    id: sms
    request_config: &request
      url: http://a.example/x
      method: PUT
      headers:
        X-A: !!str 1
      auth: &auth
        <<: {type: api_key, config: {name: k, value: v, in: cookie}}
api:
  port: 0
  max_body_size: 2097152
  keys:
  - {name: shop, hash: "sha256:` + strings.Repeat("AB", 32) + `", scopes: [send]}
dispatch:
  timeout: 90s
  on_unknown: "hold"
recipients:
  validation: false
  default_region: us
tracing: {providers: {otlp: {sampling: {sampling_ratio: .25}}}}
`,
		"c.json": `{
	"courier": {"message_retries": 7.0, "channels": [{"id": "sms", "request_config": {"url": "http://a.example/x",
		"method": "PUT", "headers": {"X-A": "1"}, "auth": {"type": "api_key", "config": {"name": "k", "value": "v", "in": "cookie"}}}}]},
	"api": {"port": 0, "max_body_size": "2048KiB", "keys": [{"name": "shop", "hash": "sha256:` + strings.Repeat("ab", 32) + `", "scopes": ["send"]}]},
	"dispatch": {"timeout": "1.5m", "on_unknown": "hold"},
	"recipients": {"validation": "off", "default_region": "us"},
	"tracing": {"providers": {"otlp": {"sampling": {"sampling_ratio": 25e-2}}}}
}`,
		"c.toml": `
courier.message_retries = 7
tracing.providers.otlp.sampling.sampling_ratio = 0.25
[[courier.channels]]
id = "sms"
[courier.channels.request_config]
url = "http://a.example/x"
method = 'PUT'
headers = {X-A = "1"}
[courier.channels.request_config.auth]
type = "api_key"
config.name = "k"
config.value = "v"
config.in = "cookie"
[api]
port = 0
max_body_size = 2_097_152
[[api.keys]]
name = "shop"
hash = "sha256:` + strings.Repeat("ab", 32) + `"
scopes = ["send"]
[dispatch]
timeout = "90s"
on_unknown = "hold"
[recipients]
validation = "off"
default_region = "us"
`,
	}
	dir := write(t, texts)
	first, err := Load(Options{Files: []string{"c.yaml"}, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if g := first.Gateways; len(g) != 1 || g[0].Method != "PUT" || g[0].Auth.In != InCookie || first.Courier.MessageRetries != 7 ||
		first.Dispatch.Timeout != 90*time.Second || first.Recipients.Validate || first.API.OpenAccess || first.Recipients.DefaultRegion != "us" {
		t.Errorf("the YAML is read as %+v", first)
	}
	for _, file := range keysOf(texts) {
		cfg, err := Load(Options{Files: []string{file}, Dir: dir})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if diff := cmp.Diff(first, cfg, options()...); diff != "" {
			t.Errorf("%s is another configuration: %s", file, diff)
		}
	}
}

func TestLoad_LaterSourceWins(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{
		"a.yaml": "api: {host: 127.0.0.1, port: 1}\nclients: {http: {private_ip_exception_urls: [a, b]}}\nmessages: {max_segments: 1}\n",
		"b.toml": "[api]\nport = 2\n[clients.http]\nprivate_ip_exception_urls = [\"c\"]\n",
	})
	sources := Options{
		Files: []string{"a.yaml", "b.toml"}, Dir: dir,
		Environ: []string{"PUBLIC_PORT=3", "MESSAGES_MAX_SEGMENTS=3", "DISPATCH_TIMEOUT=3s"},
	}
	cfg, err := Load(sources)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{cfg.API.Port, cfg.Public.Port, cfg.Messages.MaxSegments, cfg.Dispatch.Timeout}
	want := []any{2, 3, 3, 3 * time.Second}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if urls := cfg.Clients.HTTP.PrivateIPExceptionURLs; !slices.Equal(urls, []string{"c"}) {
		t.Errorf("the list is %v, want the later one alone", urls)
	}
	for path, want := range map[string]string{
		"api.host":                   "a.yaml:1:13",
		"api.port":                   "b.toml:2:8",
		"public.port":                "environment variable PUBLIC_PORT",
		"messages.max_segments":      "environment variable MESSAGES_MAX_SEGMENTS",
		"api.keys[0].hash":           "b.toml:1:2",
		"store.dsn":                  "",
		"clients.http.other.nothing": "b.toml:3:10",
	} {
		if got := cfg.Position(path); got != want {
			t.Errorf("Position(%s) = %q, want %q", path, got, want)
		}
	}
}

func TestLoad_Kratos(t *testing.T) {
	t.Parallel()
	cfg, err := Load(Options{Files: []string{filepath.Join("testdata", "kratos", "kratos.yml")}})
	if err != nil {
		t.Fatal(err)
	}
	ignored := []string{
		"version", "dsn", "serve", "selfservice", "secrets", "ciphers", "hashers", "identity",
		"cookies", "session", "feature_flags", "sqa-opt-out",
	}
	if diff := cmp.Diff(ignored, cfg.IgnoredSections); diff != "" {
		t.Error(diff)
	}
	if cfg.Courier.MessageRetries != 10 || cfg.Log.Level != "debug" || len(cfg.Warnings) != 0 || !cfg.SMSEnabled() {
		t.Errorf("got %+v", cfg)
	}
}

func TestLoad_UnreadableFile(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"big.yaml": "a: " + strings.Repeat("x", maxFileSize), "api.yaml": "api: {port: x}\n"})
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Load(Options{Files: []string{"none.yaml", "folder", "big.yaml", "api.yaml"}, Dir: dir})
	want := `none.yaml: read configuration file: no such file; check the path, relative ones start at the working directory
folder: read configuration file: not a regular file
big.yaml: read configuration file: larger than 1024 KiB
api.yaml:1:13: api.port: expected a whole number from 0 to 65535, got "x"`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestLoad_ByteOrderMarkAndCarriageReturns(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"c.yaml": "\xef\xbb\xbfapi:\r\n  port: 5\r\n",
		"c.json": "\xef\xbb\xbf{\"api\":\r\n{\"port\": 5}}\r\n",
		"c.toml": "\xef\xbb\xbf[api]\r\nport = 5\r\n",
		"l.yaml": "\xff\xfea\x00p\x00i\x00:\x00\r\x00\n\x00 \x00p\x00o\x00r\x00t\x00:\x00 \x005\x00",
		"b.yaml": "\xfe\xff\x00a\x00p\x00i\x00:\x00\n\x00 \x00p\x00o\x00r\x00t\x00:\x00 \x005",
	} {
		cfg, err := Load(Options{Files: []string{name}, Dir: write(t, map[string]string{name: text})})
		if err != nil || cfg.API.Port != 5 {
			t.Errorf("%s: %+v, %v", name, cfg, err)
		}
	}
}

func TestLoad_MergedKeysOfYAML(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, `
x-base: &base { host: 127.0.0.2, port: 7 }
x-more: &more { host: 127.0.0.3, max_body_size: 2KiB }
api:
  <<: [*base, *more]
  port: 8
public: *base
`)
	if cfg.API.Host != "127.0.0.2" || cfg.API.Port != 8 || cfg.API.MaxBodySize != 2048 || cfg.Public.Port != 7 {
		t.Errorf("got %+v and %+v", cfg.API, cfg.Public)
	}
}

func TestLoad_TLS(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"crt": "x", "key": "y"})
	for text, want := range map[string]string{
		"":                         "",
		"cert: crt, key: ./key":    "",
		"cert: crt":                "tls.key: the key is missing; expected a text such as /etc/courier/tls.key",
		"key: key":                 "tls.cert: the key is missing",
		"cert: none, key: key":     "c.yaml:1:14: tls.cert: read file none: no such file",
		"cert: crt, key: ''":       "tls.key: the value is empty",
		"certificate: a, key: key": `did you mean "cert"?`,
	} {
		replace(t, filepath.Join(dir, "c.yaml"), "tls: { "+text+" }")
		cfg, err := Load(Options{Files: []string{"c.yaml"}, Dir: dir})
		switch {
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: want %q, got %v", text, want, err)
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want == "" && text != "" && cfg.TLS != (TLS{Cert: filepath.Join(dir, "crt"), Key: filepath.Join(dir, "key")}):
			t.Errorf("%s: got %+v", text, cfg.TLS)
		}
	}
}

func TestLoad_DispatchRate(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, "dispatch: { max_rate: 0.5, poll_interval: 250ms }\n")
	if cfg.Dispatch.MaxRate != 0.5 || cfg.Dispatch.PollInterval.String() != "250ms" {
		t.Errorf("got %v and %s", cfg.Dispatch.MaxRate, cfg.Dispatch.PollInterval)
	}
	for _, text := range []string{"max_rate: -1", "max_rate: .inf", "max_rate: .nan", "max_rate: fast", "poll_interval: 1ms", "poll_interval: 1h"} {
		if _, err := Load(Options{Files: []string{"c.yaml"}, Dir: write(t, map[string]string{"c.yaml": "dispatch: { " + text + " }\n"})}); err == nil {
			t.Errorf("%s is valid", text)
		}
	}
}
