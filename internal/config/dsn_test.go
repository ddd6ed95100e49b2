package config

import (
	"strings"
	"testing"
)

func TestLoad_StoreDSN(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"sqlite://courier.db":                              "",
		"sqlite:///var/lib/courier/courier.db":             "",
		"postgres://courier:hunter2@db:5432/courier":       "",
		"postgresql://db/courier?sslmode=verify-full":      "",
		"postgres://u:hunter2@a:5432,b:5432/courier":       "",
		"postgres:///?host=/run/postgresql&dbname=courier": "",
		"sqlite://":                          "expected sqlite:///absolute.db",
		"postgres://u:hunter2@db:5432":       "name of the database",
		"postgres://u:hunter2%zz@db/courier": "percent-encode",
		"mysql://u:hunter2@db/courier":       "no other kind of database",
		"memory":                             "no other kind of database",
		"host=db user=courier password=hunter2 dbname=courier":     "no other kind of database",
		"cockroach://u:hunter2@db:26257/courier?sslmode=verify-ca": "no other kind of database",
	} {
		cfg, err := Load(Options{Environ: []string{"STORE_DSN=" + dsn}})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", dsn, err)
		case want == "":
			if got := cfg.Store.DSN.Reveal(); got != dsn {
				t.Errorf("%s: read as %s", dsn, got)
			}
		case err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: got %v, want %q and no password", dsn, err, want)
		}
	}
}

func TestLoad_DispatchRate(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, "dispatch: { max_rate: 0.5, poll_interval: 250ms }\n")
	if cfg.Dispatch.MaxRate != 0.5 || cfg.Dispatch.PollInterval.String() != "250ms" {
		t.Errorf("got %v and %s", cfg.Dispatch.MaxRate, cfg.Dispatch.PollInterval)
	}
	for _, text := range []string{"max_rate: -1", "max_rate: .inf", "max_rate: fast", "poll_interval: 1ms", "poll_interval: 1h"} {
		if _, err := Load(Options{Files: []string{"c.yaml"}, Dir: write(t, map[string]string{"c.yaml": "dispatch: { " + text + " }\n"})}); err == nil {
			t.Errorf("%s is valid", text)
		}
	}
}
