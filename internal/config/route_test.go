package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestGateway_List fixes what becomes of courier.gateways: the one of Kratos comes
// first, and secrets are resolved.
func TestGateway_List(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, `
courier:
  sms: { enabled: true, from: Shop, request_config: { url: "https://a.example/x", method: POST } }
  gateways:
    - id: twilio
      preset: twilio
      from: "+12065550110"
      params: { account_sid: AC0, auth_token: env://TOKEN, retries: 7, fast: true }
      receipt_secret: env://TOKEN
      timeout: 3s
      rate_limit: { count: 30, per: 1m }
      on_unknown: hold
      retry: { initial: 1m }
      breaker: { share: 0.3, failures: 9, window: 1m }
    - id: own_2
      request_config: { url: "https://b.example/x", method: GET, query: base64://YQ== }
      response: base64://Yg==
      receipt: https://templates.example/c
`, "TOKEN=hunter2", "COURIER_GATEWAYS_0_PARAMS_API_KEY_SID=SK0", "COURIER_GATEWAYS_0_PARAMS_ACCOUNT_SID=AC1", `COURIER_GATEWAYS_1_PARAMS={"a": "b"}`)
	inline := func(text string) TemplateSource {
		return TemplateSource{Kind: TemplateInline, URI: NewSecret("base64://" + text)}
	}
	text := func(text string) Param { return Param{NewSecret(text), text == "hunter2", ParamText} }
	sms := Gateway{Name: "sms", Channel: "sms", From: "Shop", Path: "courier.sms"}
	sms.Request = Request{URL: NewSecret("https://a.example/x"), Method: "POST", Header: map[string]Secret{}}
	twilio := Gateway{
		Name: "twilio", Channel: "sms", From: "+12065550110", Preset: "twilio", ReceiptSecret: NewSecret("hunter2"),
		Params: map[string]Param{
			"account_sid": text("AC1"), "auth_token": text("hunter2"), "api_key_sid": text("SK0"),
			"retries": {NewSecret("7"), false, ParamNumber}, "fast": {NewSecret("true"), false, ParamBool},
		},
		Timeout: 3 * time.Second, RateLimit: RateLimit{30, time.Minute}, OnUnknown: "hold",
		Retry: Retry{Initial: time.Minute}, Breaker: Breaker{0.3, 9, time.Minute}, Path: "courier.gateways[0]",
	}
	own := Gateway{Name: "own_2", Channel: "sms", Path: "courier.gateways[1]", Params: map[string]Param{"a": text("b")}}
	own.Request = Request{URL: NewSecret("https://b.example/x"), Method: "GET", Header: map[string]Secret{}, Query: inline("YQ==")}
	own.Response, own.Receipt = inline("Yg=="), TemplateSource{Kind: TemplateHTTP, URI: NewSecret("https://templates.example/c")}
	if diff := cmp.Diff([]Gateway{sms, twilio, own}, cfg.Gateways, compareSecrets()); diff != "" {
		t.Error(diff)
	}
	if got := cfg.Gateways[1].RequestPath(); got != "courier.gateways[0].request_config" {
		t.Errorf("RequestPath() = %s", got)
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, `
courier:
  gateways: [{ id: a, preset: twilio }, { id: b, preset: plivo }]
  routes:
    - { name: first, to: ["+1", DE], channel: sms, template_type: login_code_valid, gateways: [b, { id: a }], demote: true }
    - { to: [FR], lane: bulk, gateways: [{ id: a, weight: 80 }, { id: b, weight: 0 }] }
public: { url: "https://sms.example.com/courier/" }
presets_dir: /etc/presets
`, "COURIER_ROUTES_2_GATEWAYS=b,a", `WEBHOOKS=[{"id": "shop", "url": "https://shop.example/", "secret": "s", "events": ["message.sent"]}]`, "PUBLIC_HOST=localhost")
	want := []Route{
		{Name: "first", To: []string{"+1", "DE"}, Channel: "sms", TemplateType: "login_code_valid", Gateways: []RouteGateway{{ID: "b"}, {ID: "a"}}, Demote: true, Path: "courier.routes[0]"},
		{Name: "FR a b", To: []string{"FR"}, Lane: "bulk", Gateways: []RouteGateway{{"a", 80}, {"b", 0}}, Path: "courier.routes[1]"},
		{Name: "b a", Gateways: []RouteGateway{{ID: "b"}, {ID: "a"}}, Path: "courier.routes[2]"},
	}
	if diff := cmp.Diff(want, cfg.Routes); diff != "" {
		t.Error(diff)
	}
	hooks := []Webhook{{ID: "shop", URL: NewSecret("https://shop.example/"), Secret: NewSecret("s"), Events: []string{"message.sent"}, Path: "webhooks[0]"}}
	if diff := cmp.Diff(hooks, cfg.Webhooks, compareSecrets()); diff != "" {
		t.Error(diff)
	}
	if cfg.Public.URL != "https://sms.example.com/courier" || cfg.PresetsDir != "/etc/presets" {
		t.Errorf("public.url %q, presets_dir %q", cfg.Public.URL, cfg.PresetsDir)
	}
}

// TestRoutes_Overlap refuses two routes that are one, and warns of one that nothing is left for.
func TestRoutes_Overlap(t *testing.T) {
	t.Parallel()
	const gateways = "courier:\n  gateways: [{ id: a, preset: twilio }, { id: b, preset: plivo }]\n  routes:\n"
	for routes, want := range map[string]string{
		"    - { gateways: [a] }\n    - { gateways: [a] }":                                                          "courier.routes[1]: the route is the same as courier.routes[0]",
		"    - { name: x, gateways: [a] }\n    - { name: x, to: [DE], gateways: [b] }":                              "courier.routes[1].name: the name \"x\" is that of courier.routes[0]",
		"    - { gateways: [a] }\n    - { to: [\"+1\"], gateways: [b] }":                                            "courier.routes[1]: the route is never used",
		"    - { to: [\"+1\", DE], gateways: [a] }\n    - { to: [\"+1206\"], template_type: x, gateways: [b] }":     "courier.routes[1]: the route is never used",
		"    - { to: [\"+1\"], gateways: [a] }\n    - { to: [\"+1\", DE], gateways: [b] }\n    - { gateways: [b] }": "",
		"    - { template_type: x, gateways: [a] }\n    - { template_type: y, gateways: [a] }":                      "",
	} {
		cfg, err := Load(Options{Files: []string{"c.yaml"}, Dir: write(t, map[string]string{"c.yaml": gateways + routes})})
		var found []Problem
		if err != nil {
			found = Problems(err)
		} else {
			found = cfg.Warnings
		}
		if (len(found) > 0) != (want != "") || len(found) > 0 && !strings.Contains(found[0].String(), want) {
			t.Errorf("%s\ngot %v, want %q", routes, found, want)
		}
	}
}

// TestUnknownSection names the key of a section that is at the wrong place.
func TestUnknownSection(t *testing.T) {
	t.Parallel()
	_, err := Load(Options{Files: []string{"c.yaml"}, Dir: write(t, map[string]string{"c.yaml": "gateways: []\n"})})
	if err == nil || !strings.Contains(err.Error(), `there is a key "courier.gateways"`) {
		t.Errorf("got %v", err)
	}
}
