package config

import (
	"strings"
	"testing"
)

func TestPlaceholder(t *testing.T) {
	t.Parallel()
	c := &checker{placeholders: placeholders()}
	for text, want := range map[string]string{
		"${SECRET}": "SECRET", "${SECRET:-x}": "SECRET", "${{ secrets.KEY }}": "secrets", "Bearer ${TOKEN}": "TOKEN", "$SECRET": "?", "$(SECRET)": "SECRET", "$env:KEY": "?",
		"{$ID}": "ID", "{{ .Values.key }}": "key", `{{ env "KEY" }}`: "KEY", "{{KEY}}": "KEY", "#{Key}#": "Key", "%SECRET%": "?", "%ABC%": "?", "Bearer %SMS_PASS%": "?",
		"<plan-id>": "?", "<your api key>": "?", "https://api.example/<plan-id>/batches": "?", "https://api.example/{accountId}/x": "?", "https://api.example/${ID}/x": "ID",
		"https://api.example/$ACCOUNT/x": "?", "https://u:$PASS@api.example/x": "?", "https://api.example/x?key=$KEY": "?", "https://$HOST/x": "?",
		"Bearer $TOKEN": "?", "Bearer <token>": "?", "App <api-key>": "?", "Bearer {TOKEN}": "?", "AccessKey [key]": "?", "Bearer env:KEY": "?",
		"__KEY__": "?", "@KEY@": "?", "env:KEY": "?", "Env://KEY": "?", "env:/KEY": "?", "env(KEY)": "?", "file://./${X}.jsonnet": "X",

		"": "", "env://SECRET": "", "plain": "", "pa$$word": "", "$5": "", "a$b": "", "100%": "", "%2B1%20x%3D": "", "https://a.example/%AB%CD?x=%2B%41": "",
		"a<b": "", "x <a@b.example>": "", `{"a":1}`: "", "{}": "", "https://[::1]:80/x": "", "base64://e30=": "", "environment": "", "+12065550110": "", "Ory Kratos": "", "a__b": "",
		// What may as well be a password or a name.
		"$abc12X": "", "$hunter2": "", "$5XY": "", "$(pwd)x": "", "%secret%": "", "x%gh12%y": "", "x%GH%y": "", "__abc__": "", "@abc@": "", "<3x>": "",
		"https://api.example/x?$filter=a&$top=1": "", "https://api.example/a$B/x": "", "Bearer $2y$10$abc": "", "Bearer {6F96": "",
		"{key}": "", "{6F9619FF-8B86}": "", "[key]": "", "env.internal": "",
	} {
		name, found := c.placeholder(text)
		if found && name == "" {
			name = "?"
		}
		if found != (want != "") || name != want {
			t.Errorf("%s: got %q, want %q", text, name, want)
		}
	}
}

func TestLoad_Placeholders(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, `
courier:
  sms: { from: $SENDER }
  channels:
  - id: sms
    request_config:
      url: https://api.example/<plan-id>/batches
      method: POST
      headers: { X-Shop: "${SHOP}", X-Plain: env://PLAIN, X-Late: "Bearer file:///run/secrets/key" }
      auth: { type: api_key, config: { name: X-Key, value: $HUNTER2, in: header } }
`, "PLAIN=${kept}", "STORE_DSN=sqlite://${DIR}/x.db")
	want := []string{
		"c.yaml:3:16: courier.sms.from: the value holds a placeholder, and nothing is expanded in values, so it is used as it is written; fill it in, or set the environment variable COURIER_SMS_FROM",
		"c.yaml:7:12: courier.channels[0].request_config.url: the value holds a placeholder, and nothing is expanded in values, so it is used as it is written; write env://NAME to take the whole value from that environment variable, or fill it in",
		"c.yaml:9:26: courier.channels[0].request_config.headers.X-Shop: the value holds a placeholder, and nothing is expanded in values, so it is used as it is written; write env://SHOP to take",
		"c.yaml:9:67: courier.channels[0].request_config.headers.X-Late: file:// is not at the start, so the value is used as it is written",
		"c.yaml:10:60: courier.channels[0].request_config.auth.config.value: the value holds a placeholder, and nothing is expanded in values, so it is used as it is written; write env://NAME to take",
		"environment variable STORE_DSN: store.dsn: the value holds a placeholder, and nothing is expanded in values, so it is used as it is written; write env://DIR to take",
	}
	if len(cfg.Warnings) != len(want) {
		t.Fatalf("got %v", cfg.Warnings)
	}
	for i, warning := range cfg.Warnings {
		if got := warning.String(); !strings.HasPrefix(got, want[i]) {
			t.Errorf("got  %s\nwant %s", got, want[i])
		}
	}
}

// TestLoad_PlaceholdersOfOtherTypes makes YAML take braces for a map, and a
// number of a text.
func TestLoad_PlaceholdersOfOtherTypes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"api: { port: '${PORT}' }":       `c.yaml:1:14: api.port: expected a whole number from 0 to 65535, got "${PORT}"; nothing is expanded in values: fill it in, or set the environment variable API_PORT`,
		"store:\n  dsn: {$DSN}\n":        `c.yaml:2:8: store.dsn: expected a text, got a map, which YAML makes of braces; put the value in quotes; nothing is expanded in values: write env://NAME to take`,
		"store:\n  dsn: {{ .Dsn }}\n":    `c.yaml:2:8: store.dsn: expected a plain text as the key; put a value that begins with a brace in quotes, and write env://NAME instead of {{ … }}`,
		"api:\n  host: {{HOST}}:{{X}}\n": "c.yaml:2:18: the YAML is malformed: did not find expected key",
	} {
		_, err := Load(Options{Files: []string{"c.yaml"}, Dir: write(t, map[string]string{"c.yaml": text})})
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}
