package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGateway_KratosDocumentation(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"sms.jsonnet": "function(ctx) {}"})
	for name, c := range map[string]struct {
		text string
		want Gateway
	}{
		"Sms": {
			text: `
courier:
  sms:
    enabled: true
    from: "+12065550110"
    request_config:
      url: https://api.twilio.example/2010-04-01/Accounts/AC0/Messages.json
      method: POST
      body: file://./sms.jsonnet
      header:
        Content-Type: application/x-www-form-urlencoded
      auth: { type: basic_auth, config: { user: AC0, password: token } }
`,
			want: Gateway{From: "+12065550110", Path: "courier.sms", Request: Request{
				Method: "POST",
				URL:    NewSecret("https://api.twilio.example/2010-04-01/Accounts/AC0/Messages.json"),
				Header: map[string]Secret{"Content-Type": NewSecret("application/x-www-form-urlencoded")},
				Body:   TemplateSource{Kind: TemplateFile, URI: NewSecret("file://./sms.jsonnet"), Path: filepath.Join(dir, "sms.jsonnet")},
				Auth:   Auth{Type: AuthBasic, User: NewSecret("AC0"), Password: NewSecret("token")},
			}},
		},
		"Channel": {
			text: `
courier:
  channels:
    - id: sms
      type: http
      request_config:
        url: https://gateway.example/?a=b
        method: get
        body: base64://ZnVuY3Rpb24oY3R4KSB7fQ==
        headers: { X-Empty: "" }
        auth: { type: api_key, config: { name: sid, value: "", in: cookie } }
`,
			want: Gateway{From: "Ory Kratos", Path: "courier.channels[0]", Request: Request{
				Method: "get",
				URL:    NewSecret("https://gateway.example/?a=b"),
				Header: map[string]Secret{"X-Empty": {}},
				Body:   TemplateSource{Kind: TemplateInline, URI: NewSecret("base64://ZnVuY3Rpb24oY3R4KSB7fQ==")},
				Auth:   Auth{Type: AuthAPIKey, Name: "sid", In: InCookie},
			}},
		},
		"Trace": {
			text: `
courier:
  channels:
    - id: sms
      request_config: { url: "http://u%20:p%3A@h:8080/x", method: TRACE, body: "file:///nowhere/at/all" }
`,
			want: Gateway{From: "Ory Kratos", Path: "courier.channels[0]", Request: Request{
				Method: "TRACE",
				URL:    NewSecret("http://u%20:p%3A@h:8080/x"), Header: map[string]Secret{},
			}},
		},
		"HTTPTemplate": {
			text: `
courier:
  channels:
    - id: sms
      request_config: { url: "http://h/x", method: M-SEARCH, body: "https://templates.example" }
`,
			want: Gateway{From: "Ory Kratos", Path: "courier.channels[0]", Request: Request{
				Method: "M-SEARCH",
				URL:    NewSecret("http://h/x"), Body: TemplateSource{Kind: TemplateHTTP, URI: NewSecret("https://templates.example")}, Header: map[string]Secret{},
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replace(t, filepath.Join(dir, name+".yaml"), c.text)
			cfg, err := Load(Options{Files: []string{name + ".yaml"}, Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			c.want.Name, c.want.Channel = "sms", "sms"
			if diff := cmp.Diff([]Gateway{c.want}, cfg.Gateways, compareSecrets()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGateway_Choice(t *testing.T) {
	t.Parallel()
	const request = "request_config: { url: 'http://%/', method: POST }"
	at := func(host string) string { return strings.ReplaceAll(request, "%", host) }
	for name, c := range map[string]struct{ text, url, from, warning string }{
		"Nothing":       {"courier: {}", "", "", ""},
		"Enabled":       {"courier: { sms: { enabled: true, " + at("a") + " } }", "http://a/", "Ory Kratos", ""},
		"Disabled":      {"courier: { sms: { enabled: false, " + at("a") + " } }", "", "", "set it to true to send"},
		"NotSaid":       {"courier: { sms: { " + at("a") + " } }", "", "", "set it to true to send"},
		"FromAlone":     {"courier: { sms: { from: Shop } }", "", "", ""},
		"NoChannels":    {"courier: { channels: [], sms: { enabled: true, " + at("a") + " } }", "http://a/", "Ory Kratos", ""},
		"OtherChannel":  {"courier: { channels: [{ id: email, type: smtp }], sms: { enabled: true, " + at("a") + " } }", "http://a/", "Ory Kratos", `the channel "email" is ignored`},
		"BothForms":     {"courier: { channels: [{ id: sms, " + at("b") + " }], sms: { enabled: true, from: Shop, " + at("a") + " } }", "http://b/", "Shop", "only from of courier.sms"},
		"BothDisabled":  {"courier: { channels: [{ id: sms, " + at("b") + " }], sms: { enabled: false } }", "http://b/", "Ory Kratos", "only from of courier.sms"},
		"ChannelSender": {"courier: { channels: [{ id: sms, " + at("b") + " }], sms: { from: Shop } }", "http://b/", "Shop", ""},
		"TwoChannels":   {"courier: { channels: [{ id: sms, " + at("b") + " }, { id: sms, " + at("c") + " }] }", "http://b/", "Ory Kratos", "further gateways in courier.gateways"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := mustLoad(t, c.text)
			if cfg.SMSEnabled() != (c.url != "") {
				t.Fatalf("SMSEnabled = %v", cfg.SMSEnabled())
			}
			if cfg.SMSEnabled() && (cfg.Gateways[0].URL.Reveal() != c.url || cfg.Gateways[0].From != c.from) {
				t.Errorf("got %s from %s", cfg.Gateways[0].URL.Reveal(), cfg.Gateways[0].From)
			}
			var warnings []string
			for _, warning := range cfg.Warnings {
				warnings = append(warnings, warning.String())
			}
			if got := strings.Join(warnings, "\n"); (got != "") != (c.warning != "") || !strings.Contains(got, c.warning) {
				t.Errorf("warnings: %q, want one with %q", got, c.warning)
			}
		})
	}
}
