package config

import (
	"errors"
	"strings"
	"testing"
)

// TestCheck_FindsEverythingAtOnce has a part judge a configuration in which a
// variable is missing: what the part says of that key is not repeated.
func TestCheck_FindsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"c.yaml": `
courier:
  channels:
  - id: sms
    request_config:
      url: env://NONE
      method: GET /
      headers: { X Bad: "1", X.Dot: "2" }
      auth: { type: api_key, config: { name: n, value: env://KEY, in: cookie } }
api: { port: x }
`})
	options := Options{Files: []string{"c.yaml"}, Dir: dir}
	_, err := Check(options, func(cfg *Config) error {
		g := cfg.Gateways[0]
		if g.Method != "GET /" || g.URL.Empty() || g.Auth.Value.Empty() || g.Auth.In != InCookie || cfg.API.Port != 4478 {
			t.Errorf("the part sees %+v", g)
		}
		return &InvalidError{Problems: []Problem{
			cfg.Problem(g.RequestPath()+".url", "is bad"), cfg.Problem(g.RequestPath()+".method", "is no method"), cfg.Problem(g.RequestPath()+".headers.X Bad", "is no name"),
			cfg.Problem(g.RequestPath()+".headers.X.Dot", "is odd"), cfg.Problem(g.RequestPath()+".auth.config", "is bad"), cfg.Problem("api.port", "is bad"),
		}}
	})
	const request = "courier.channels[0].request_config."
	want := strings.Join([]string{
		"c.yaml:6:12: " + request + "url: the environment variable NONE is not set",
		"c.yaml:7:15: " + request + "method: is no method",
		"c.yaml:8:25: " + request + "headers.X Bad: is no name",
		"c.yaml:8:37: " + request + "headers.X.Dot: is odd",
		"c.yaml:9:56: " + request + "auth.config.value: the environment variable KEY is not set",
		`c.yaml:10:14: api.port: expected a whole number from 0 to 65535, got "x"`,
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestCheck_OtherErrorsOfParts(t *testing.T) {
	t.Parallel()
	broken := errors.New("no memory left")
	judge := func(*Config) error { return broken }
	if _, err := Check(Options{}, judge); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := Check(Options{Environ: []string{"API_PORT=x"}}, judge); len(Problems(err)) != 1 {
		t.Errorf("got %v", err)
	}
	if cfg, err := Check(Options{}, func(*Config) error { return nil }); err != nil || cfg == nil {
		t.Errorf("got %v, %v", cfg, err)
	}
	if _, err := Check(Options{Files: []string{"none.yaml"}, Dir: t.TempDir()}, nil); err == nil {
		t.Error("a file that is not there is no problem")
	}
}
