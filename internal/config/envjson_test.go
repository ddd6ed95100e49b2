package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fullChannel is a channel with everything, fullSMS the older form of it.
const (
	fullRequest = `
url: http://127.0.0.1:9911/x
method: POST
body: base64://e30=
headers: { Content-Type: application/x-www-form-urlencoded, X-Shop: one }
auth: { type: api_key, config: { name: X-Key, value: k1, in: header } }
`
)

func indented(text, by string) string {
	return strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+by)
}

// gatewayText is a gateway in one line.
func gatewayText(g Gateway) string {
	parts := []string{g.Method, g.URL.Reveal(), string(g.Body.Kind), g.Auth.Name + "=" + g.Auth.Value.Reveal() + " in " + g.Auth.In}
	for _, name := range keysOf(g.Header) {
		parts = append(parts, name+": "+g.Header[name].Reveal())
	}
	return strings.Join(parts, ", ")
}

// TestLoad_EnvironmentJSON sets lists and maps: what their JSON does not name stays.
func TestLoad_EnvironmentJSON(t *testing.T) {
	t.Parallel()
	channels := "courier:\n  channels:\n  - id: sms\n    type: http\n    request_config:" + indented(fullRequest, "      ") + "\n"
	sms := "courier:\n  sms:\n    enabled: true\n    request_config:" + indented(fullRequest, "      ") + "\n"
	const unchanged = "POST, http://127.0.0.1:9911/x, base64, X-Key=k1 in header, Content-Type: application/x-www-form-urlencoded, X-Shop: one"
	for _, c := range []struct {
		form, name, value string
		change            []string
	}{
		{channels, "", `[{"id":"sms","type":"http","request_config":{"url":"http://127.0.0.1:9911/x","method":"PUT"}}]`, []string{"POST", "PUT"}},
		{channels, "_0", `{"request_config":{"method":"PUT"}}`, []string{"POST", "PUT"}},
		{channels, "_0_REQUEST_CONFIG", `{"method":"PUT","headers":{"X-Shop":"two"}}`, []string{"POST", "PUT", "X-Shop: one", "X-Shop: two"}},
		{channels, "_0_REQUEST_CONFIG_HEADERS", `{"X-More":"a.b"}`, []string{"X-Shop: one", "X-More: a.b, X-Shop: one"}},
		{channels, "_0_REQUEST_CONFIG_HEADERS", `{}`, nil},
		{channels, "_0_REQUEST_CONFIG_HEADERS_X_SHOP", `two`, []string{"X-Shop: one", "X-Shop: two"}},
		{channels, "_0_REQUEST_CONFIG_AUTH", `{"config":{"in":"cookie"}}`, []string{"in header", "in cookie"}},
		{channels, "_0_REQUEST_CONFIG_AUTH_CONFIG", `{"value":"k"}`, []string{"k1", "k"}},
		{channels, "_0_REQUEST_CONFIG_AUTH_CONFIG", " {\n\"value\" : \"k\"} ", []string{"k1", "k"}},
		{channels, "", `[]`, nil},
		{sms, "", `{"from":"x"}`, nil},
		{sms, "", `{"request_config":{"method":"PUT"}}`, []string{"POST", "PUT"}},
		{sms, "_REQUEST_CONFIG", `{"url":"http://b.example/"}`, []string{"http://127.0.0.1:9911/x", "http://b.example/"}},
		{sms, "_REQUEST_CONFIG_HEADERS", `{"X-Shop":"two"}`, []string{"X-Shop: one", "X-Shop: two"}},
		{sms, "_REQUEST_CONFIG_AUTH", `{"type":"api_key","config":{"value":"k"}}`, []string{"k1", "k"}},
		{sms, "_REQUEST_CONFIG_AUTH_CONFIG", `{"value":"k"}`, []string{"k1", "k"}},
	} {
		name := "COURIER_CHANNELS" + c.name
		if c.form == sms {
			name = "COURIER_SMS" + c.name
		}
		want := strings.NewReplacer(append(c.change, "\x00", "")...).Replace(unchanged)
		dir := write(t, map[string]string{"a.yaml": c.form, "b.yaml": "api: { port: 5 }\n", "json": "{}"})
		for _, files := range [][]string{{"a.yaml"}, {"a.yaml", "b.yaml"}} {
			cfg, err := Load(Options{Files: files, Dir: dir, Environ: []string{name + "=" + c.value}})
			if err != nil {
				t.Errorf("%s=%s: %v", name, c.value, err)
				continue
			}
			if got := gatewayText(cfg.Gateways[0]); got != want {
				t.Errorf("%s=%s:\ngot  %s\nwant %s", name, c.value, got, want)
			}
		}
	}
}

// TestLoad_EnvironmentJSONAndDeeper sets one key by several variables: the
// deepest wins, whatever their names sort as.
func TestLoad_EnvironmentJSONAndDeeper(t *testing.T) {
	t.Parallel()
	cfg, err := Load(Options{Environ: []string{
		"COURIER_CHANNELS_0_REQUEST_CONFIG_METHOD=PATCH",
		`COURIER_CHANNELS_0_REQUEST_CONFIG={"method":"PUT","headers":{"x_shop":"a","X-Other":"a"}}`,
		`COURIER_CHANNELS_0_REQUEST_CONFIG_HEADERS_X_SHOP=b`,
		`COURIER_CHANNELS=[{"id":"sms","request_config":{"url":"http://a.example/","method":"POST"}}]`,
		`COURIER={"message_retries":7,"channels":[{"id":"email"}],"sms":{"from":"Shop"}}`,
		`COURIER_MESSAGE_RETRIES=8`,
	}})
	if err != nil {
		t.Fatal(err)
	}
	g := cfg.Gateways[0]
	got := []string{g.Method, g.From, g.Header["x_shop"].Reveal(), g.Header["X-Other"].Reveal(), strings.Repeat("i", cfg.Courier.MessageRetries)}
	if diff := cmp.Diff([]string{"PATCH", "Shop", "b", "a", "iiiiiiii"}, got); diff != "" || len(g.Header) != 2 {
		t.Error(diff, g.Header)
	}
}

func TestLoad_EnvironmentJSONProblems(t *testing.T) {
	t.Parallel()
	for variable, want := range map[string]string{
		`COURIER_CHANNELS=[{"id":"sms","request_config":{"url":"http://a.example/","metod":"hunter2"}}]`: `environment variable COURIER_CHANNELS:1:58: courier.channels[0].request_config.metod: unknown key; did you mean "method"?`,
		"COURIER_CHANNELS=[\n{\"id\":5}]":                                      `environment variable COURIER_CHANNELS:2:7: courier.channels[0].id: expected a text, got the number 5; put it in quotes`,
		`COURIER_CHANNELS=null`:                                                `environment variable COURIER_CHANNELS:1:1: courier.channels: expected a list, got nothing`,
		`COURIER_CHANNELS={"id":"sms"}`:                                        `environment variable COURIER_CHANNELS:1:1: courier.channels: expected a list, got a map`,
		`COURIER_CHANNELS=hunter2`:                                             `environment variable COURIER_CHANNELS:1:1: courier.channels: expected a list as JSON; the JSON is malformed`,
		`COURIER_CHANNELS=[{"id":"sms"`:                                        `environment variable COURIER_CHANNELS:1:13: courier.channels: expected a list as JSON; the JSON ends too early; close every brace, bracket and quote`,
		`COURIER_CHANNELS_0_REQUEST_CONFIG_AUTH=hunter2`:                       `environment variable COURIER_CHANNELS_0_REQUEST_CONFIG_AUTH:1:1: courier.channels[0].request_config.auth: expected a map as JSON; the JSON is malformed`,
		`COURIER_CHANNELS_0_REQUEST_CONFIG={"method":null,"method":"hunter2"}`: `courier.channels[0].request_config.method: the key is given twice, first in line 1; keep one`,
		`COURIER={"channels":[{"id":"sms","request_config":{"url":"hunter2"`:   `environment variable COURIER:1:59: courier: expected a map as JSON; the JSON ends too early`,
	} {
		_, err := Load(Options{Environ: []string{variable}})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s:\ngot  %v\nwant %s", variable, err, want)
		}
	}
}
