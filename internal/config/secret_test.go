package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecret_IsNeverPrinted(t *testing.T) {
	t.Parallel()
	type holder struct {
		Secret  Secret
		Pointer *Secret
		private Secret
		Map     map[string]Secret
	}
	s := NewSecret("hunter2")
	h := holder{s, &s, s, map[string]Secret{"a": s}}
	var log strings.Builder
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("x", slog.Any("secret", s), slog.Any("pointer", &s), slog.Any("holder", h))
	}
	encoded, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{log.String(), string(encoded), s.String(), fmt.Sprint(s, h)}
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%X", "%d", "%t", "%10s", "%U"} {
		texts = append(texts, fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s), fmt.Sprintf(verb, h), fmt.Sprintf(verb, []Secret{s}))
	}
	for _, text := range texts {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") || strings.Contains(text, "68756E74657232") {
			t.Errorf("printed: %s", text)
		}
	}
	if s.Reveal() != "hunter2" || s.Empty() || !(Secret{}).Empty() || (Secret{}).String() != "" || s != NewSecret("hunter2") || s == NewSecret("other") {
		t.Error("the secret itself is lost")
	}
}

func TestSecret_References(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"given": "from-file\r\n\n", "empty": "\n", "big": strings.Repeat("x", maxSecretSize+1)})
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]struct{ value, problem string }{
		"plain":                                 {value: "plain"},
		"env://PW":                              {value: "from-env"},
		"file://given":                          {value: "from-file"},
		"file://./given":                        {value: "from-file"},
		"file://" + filepath.Join(dir, "given"): {value: "from-file"},
		"Env://PW":                              {value: "Env://PW"},
		"env://NONE":                            {problem: "the environment variable NONE is not set"},
		"env://EMPTY":                           {problem: "the environment variable EMPTY is empty"},
		"env://":                                {problem: "expected the name of an environment variable after env://"},
		"file://":                               {problem: "expected the path of a file after file://"},
		"file://none":                           {problem: "read secret file none: no such file"},
		"file://folder":                         {problem: "read secret file folder: not a regular file"},
		"file://empty":                          {problem: "the secret file empty is empty"},
		"file://big":                            {problem: "read secret file big: larger than 64 KiB"},
	} {
		t.Run(strings.ReplaceAll(given, "/", "_"), func(t *testing.T) {
			t.Parallel()
			name := filepath.Base(t.Name()) + ".yaml"
			replace(t, filepath.Join(dir, name), strings.Replace(smsChannelYAML, "password: p", "password: '"+given+"'", 1))
			cfg, err := Load(Options{Files: []string{name}, Dir: dir, Environ: []string{"PW=from-env", "EMPTY="}})
			if want.problem != "" {
				if err == nil || !strings.Contains(err.Error(), ":9:62: courier.channels[0].request_config.auth.config.password: "+want.problem) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || cfg.Gateways[0].Auth.Password.Reveal() != want.value {
				t.Errorf("got %v, %v", cfg, err)
			}
		})
	}
}

func TestSecret_ReferencesInEveryPlace(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("0f", 32)
	cfg := mustLoad(t, `
courier:
  channels:
  - id: sms
    request_config:
      url: env://URL
      method: POST
      headers: { Authorization: env://HEADER }
      auth: { type: basic_auth, config: { user: env://USER, password: env://PW } }
api: { keys: [{ name: a, hash: env://HASH }] }
store: { dsn: env://DSN }
tracing: { providers: { otlp: { authorization_header: env://OTLP } } }
`, "URL=http://h/", "HEADER=h", "USER=u", "PW=p", "HASH="+digest, "DSN=sqlite://x.db", "OTLP=o")
	g := cfg.Gateways[0]
	got := strings.Join([]string{
		g.URL.Reveal(), g.Header["Authorization"].Reveal(), g.Auth.User.Reveal(), g.Auth.Password.Reveal(),
		cfg.Store.DSN.Reveal(), cfg.Tracing.OTLP.AuthorizationHeader.Reveal(), fmt.Sprintf("%x", cfg.API.Keys[0].Hash),
	}, " ")
	if want := "http://h/ h u p sqlite://x.db o " + strings.Repeat("0f", 32); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if scopes := strings.Join(cfg.API.Keys[0].Scopes, ","); scopes != "send,read" {
		t.Errorf("a key without scopes has %s", scopes)
	}
}

// TestLoad_NoProblemQuotesASecret breaks every secret in turn, in each way that
// it can be broken.
func TestLoad_NoProblemQuotesASecret(t *testing.T) {
	t.Parallel()
	const whole = `
courier:
  channels:
  - id: sms
    request_config:
      url: URL
      method: POST
      body: BODY
      headers: { X-Key: HEADER }
      auth: { type: AUTH, config: { user: USER, password: PASSWORD, name: n, value: VALUE, in: IN } }
api: { host: 0.0.0.0, keys: [{ name: a, hash: HASH }] }
store: { dsn: DSN }
`
	for _, broken := range []string{
		`hunter2`, `"hunter2\n"`, `["hunter2"]`, `{ hunter2: hunter2 }`, `"http://hunter2 x:hunter2@h:hunter2/"`, `"http://a:hunter2@h"`,
		`"base64://hunter2!"`, `"https://hunter2@?hunter2"`, `"postgres://u:hunter2@h"`, `"sha256:hunter2"`, `"Bearer env://hunter2"`,
	} {
		for _, auth := range []string{"basic_auth", "api_key", "hunter3"} {
			text := strings.NewReplacer("URL", broken, "BODY", broken, "HEADER", broken, "AUTH", auth, "USER", broken,
				"PASSWORD", broken, "VALUE", broken, "IN", "cookie", "HASH", broken, "DSN", broken).Replace(whole)
			_, err := Load(Options{Files: []string{"c.yaml"}, Dir: write(t, map[string]string{"c.yaml": text})})
			if err == nil {
				t.Fatalf("valid:\n%s", text)
			}
			for _, problem := range append(Problems(err), err.(*InvalidError).Warnings...) { //nolint:errorlint,errcheck // Load's own error
				if strings.Contains(problem.Message, "hunter2") {
					t.Errorf("quoted: %s", problem)
				}
			}
		}
	}
}
