package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const smsChannelYAML = `
courier:
  channels:
  - id: sms
    request_config:
      url: http://a.example/
      method: POST
      headers: { X-API-Token: old }
      auth: { type: basic_auth, config: { user: u, password: p } }
`

func TestLoad_Environment(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, smsChannelYAML,
		"COURIER_MESSAGE_RETRIES=0",
		"COURIER_SMS_FROM=+12065550110",
		"COURIER_CHANNELS_0_REQUEST_CONFIG_AUTH_CONFIG_PASSWORD=secret=1",
		"COURIER_CHANNELS_0_REQUEST_CONFIG_HEADERS_X_API_TOKEN=new",
		"COURIER_CHANNELS_0_REQUEST_CONFIG_HEADERS_CONTENT_TYPE=text/plain",
		"STORE_DSN=sqlite:///var/courier.db",
		"API_PORT=0",
		"clients_http_disallow_private_ip_ranges=true",
		"CLIENTS_HTTP_PRIVATE_IP_EXCEPTION_URLS=http://a/, http://b/",
		"TRACING_PROVIDERS_OTLP_SAMPLING_SAMPLING_RATIO=0.5",
		"RECIPIENTS_VALIDATION=off",
		"LOG_LEVEL=WARNING",
		"DISPATCH_MAX_IN_FLIGHT=",
	)
	gateway := cfg.Gateways[0]
	got := []any{
		cfg.Courier.MessageRetries, gateway.From, gateway.Auth.Password.Reveal(), gateway.Auth.User.Reveal(),
		gateway.Header["X-API-Token"].Reveal(), gateway.Header["Content-Type"].Reveal(), len(gateway.Header),
		cfg.Store.DSN.Reveal(), cfg.API.Port, cfg.Clients.HTTP.DisallowPrivateIPRanges, cfg.Clients.HTTP.PrivateIPExceptionURLs,
		cfg.Tracing.OTLP.SamplingRatio, cfg.Recipients.Validate, cfg.Log.Level, cfg.Dispatch.MaxInFlight,
	}
	want := []any{
		0, "+12065550110", "secret=1", "u", "new", "text/plain", 2,
		"sqlite:///var/courier.db", 0, true,
		[]string{"http://a/", "http://b/"},
		0.5, false, "warning", 64,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(cfg.Warnings) != 0 {
		t.Errorf("warnings: %v", cfg.Warnings)
	}
	if at := cfg.Position("courier.channels[0].request_config.auth.config.password"); !strings.HasSuffix(at, "_PASSWORD") {
		t.Errorf("the password comes from %q", at)
	}
	if at := cfg.Position("courier.channels[0].request_config"); at != "c.yaml:5:5" {
		t.Errorf("the request comes from %q", at)
	}
}

func TestLoad_EnvironmentAlone(t *testing.T) {
	t.Parallel()
	for name, environ := range map[string][]string{
		"Keys": {
			"COURIER_CHANNELS_0_ID=sms", "COURIER_CHANNELS_0_REQUEST_CONFIG_URL=http://a.example/", "COURIER_CHANNELS_0_REQUEST_CONFIG_METHOD=POST",
			"COURIER_CHANNELS_0_REQUEST_CONFIG_AUTH_TYPE=api_key", "COURIER_CHANNELS_0_REQUEST_CONFIG_AUTH_CONFIG_NAME=k",
			"COURIER_CHANNELS_0_REQUEST_CONFIG_AUTH_CONFIG_VALUE=v", "COURIER_CHANNELS_0_REQUEST_CONFIG_AUTH_CONFIG_IN=header",
		},
		"JSON": {
			`COURIER_CHANNELS=[{"id":"sms","request_config":{"url":"http://a.example/","method":"PUT","auth":{"type":"api_key","config":{"name":"k","value":"v","in":"header"}}}}]`,
			"COURIER_CHANNELS_0_REQUEST_CONFIG_METHOD=POST",
		},
		"SMS": {
			"COURIER_SMS_ENABLED=1", "COURIER_SMS_REQUEST_CONFIG_URL=http://a.example/", "COURIER_SMS_REQUEST_CONFIG_METHOD=POST",
			`COURIER_SMS_REQUEST_CONFIG_AUTH={"type":"api_key","config":{"name":"k","value":"v","in":"header"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := Load(Options{Environ: environ})
			if err != nil {
				t.Fatal(err)
			}
			g := cfg.Gateways[0]
			if g.URL.Reveal() != "http://a.example/" || g.Method != "POST" || g.Auth.Name != "k" || g.Auth.Value.Reveal() != "v" {
				t.Errorf("got %+v", g)
			}
		})
	}
}

func TestLoad_EnvironmentOfOthers(t *testing.T) {
	t.Parallel()
	cfg, err := Load(Options{
		IgnoreEnviron: []string{"COURIER_API_KEY"},
		Environ: []string{
			"LOG=x", "API=x", "STORE=x", "PUBLIC=1", "MESSAGES=x", "LOG_FILE=x", "API_KEY=x", "API_PORTS=x", "LOG_=x", "=x", "API_PORT_=x", "PATH=/bin",
			"COURIER_API_KEY=x", "COURIER_SMTP_CONNECTION_URI=smtp://x", "COURIER_TEMPLATE_OVERRIDE_PATH=x", "COURIER=x",
			"COURIER_PORT=tcp://10.0.0.1:4478", "COURIER_PORT_4478_TCP=tcp://10.0.0.1:4478", "COURIER_PORT_4478_TCP_ADDR=10.0.0.1",
			"COURIER_SERVICE_HOST=10.0.0.1", "COURIER_SERVICE_PORT_HTTP=4478", "COURIER_ADMIN_SERVICE_PORT=4478",
			"SERVE_PUBLIC_PORT=x", "DSN=memory", "LOG_LEVEL=",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Warnings) != 0 {
		t.Errorf("warnings: %v", cfg.Warnings)
	}
}

// TestLoad_EnvironmentChangesAuthType lays another type over the settings of the file's.
func TestLoad_EnvironmentChangesAuthType(t *testing.T) {
	t.Parallel()
	const file = "courier: { sms: { enabled: true, request_config: { url: 'http://h/', method: POST,\n" +
		"  auth: { type: api_key, config: { name: X-Key, value: v, in: header } } } } }\n"
	_, err := Load(Options{
		Files: []string{"c.yaml"}, Dir: write(t, map[string]string{"c.yaml": file}),
		Environ: []string{`COURIER_SMS_REQUEST_CONFIG_AUTH={"type":"basic_auth","config":{"user":"u","password":"p"}}`},
	})
	problems := Problems(err)
	for _, problem := range problems {
		if !strings.Contains(problem.Message, "it belongs to the type api_key, while type is basic_auth") || strings.Contains(problem.Message, "there is a key") {
			t.Errorf("got %s", problem)
		}
	}
	if len(problems) != 3 {
		t.Errorf("got %v, want one for name, value and in", err)
	}
}

func TestLoad_EnvironmentProblems(t *testing.T) {
	t.Parallel()
	environ := []string{
		"API_PORT=many", "LOG_LEVEL=verbose", "CLIENTS_HTTP_DISALLOW_PRIVATE_IP_RANGES=maybe", "DISPATCH_TIMEOUT=10",
		"COURIER_CHANNELS_3_ID=sms", "API_KEYS=hunter2", "COURIER_SMS_REQUEST_CONFIG_AUTH=hunter2",
		"PUBLIC_PORT=tcp://10.0.0.1:80", "COURIER_CHANNELS_00_ID=sms", "COURIER_CHANNELS_2_REQEST_CONFIG_URL=http://hunter2/",
	}
	_, err := Load(Options{Environ: environ})
	var got []string
	for _, problem := range append(Problems(err), err.(*InvalidError).Warnings...) { //nolint:errorlint,errcheck // Load's own error
		got = append(got, problem.String())
	}
	want := []string{
		`environment variable API_KEYS:1:1: api.keys: expected a list as JSON; the JSON is malformed: invalid character looking for beginning of value`,
		`environment variable API_PORT: api.port: expected a whole number from 0 to 65535, got "many"`,
		`environment variable CLIENTS_HTTP_DISALLOW_PRIVATE_IP_RANGES: clients.http.disallow_private_ip_ranges: expected true or false, got "maybe"`,
		`environment variable COURIER_CHANNELS_3_ID: courier.channels[3]: the list has 0 entries, so the next index is 0`,
		`environment variable COURIER_SMS_REQUEST_CONFIG_AUTH:1:1: courier.sms.request_config.auth: expected a map as JSON; the JSON is malformed: invalid character looking for beginning of value`,
		`environment variable DISPATCH_TIMEOUT: dispatch.timeout: expected a duration from 1ms to 1h such as "10s", got "10"`,
		`environment variable LOG_LEVEL: log.level: expected "trace", "debug", "info", "warning", "warn", "error", "fatal" or "panic", got "verbose"`,
		`environment variable COURIER_CHANNELS_00_ID: the variable names no key, so it is ignored; did you mean "COURIER_CHANNELS_0_ID"?`,
		`environment variable COURIER_CHANNELS_2_REQEST_CONFIG_URL: the variable names no key, so it is ignored; did you mean "COURIER_CHANNELS_0_REQUEST_CONFIG_URL"?`,
		`environment variable PUBLIC_PORT: public.port: the value looks like a service address that Kubernetes sets, so it is ignored`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestLoad_EveryKeyFromTheEnvironment sets each key of the table by its
// variable and looks for where the value came from.
func TestLoad_EveryKeyFromTheEnvironment(t *testing.T) {
	t.Parallel()
	c := &checker{root: rootSpec()}
	for _, name := range envNames(rootSpec()) {
		steps, target := match(c.root, nil, name, nil)
		if target == nil {
			t.Errorf("%s names no key", name)
			continue
		}
		if target.kind == anySpec || target.kind == headerSpec {
			continue
		}
		back := strings.NewReplacer("[", "_", "]", "", ".", "_").Replace(pathOf(steps))
		if strings.ToUpper(back) != name {
			t.Errorf("%s names %s", name, pathOf(steps))
		}
	}
}
