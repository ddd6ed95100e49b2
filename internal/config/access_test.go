package config

import (
	"strings"
	"testing"
)

func TestAPI_Access(t *testing.T) {
	t.Parallel()
	keys := "keys: [{ name: a, hash: 'sha256:" + strings.Repeat("0a", 32) + "' }]"
	for text, want := range map[string]struct {
		open             bool
		problem, warning string
	}{
		"":                               {open: true},
		"host: localhost":                {open: true},
		"host: 127.8.9.1":                {open: true},
		"host: '::1'":                    {open: true},
		"host: '[::1]'":                  {open: true},
		"host: '::ffff:127.0.0.1'":       {open: true},
		"host: ''":                       {problem: "is not a loopback address"},
		"host: 0.0.0.0":                  {problem: "write api.auth: none"},
		"host: courier.internal":         {problem: "is not a loopback address"},
		"host: 0.0.0.0, keys: []":        {problem: "is not a loopback address"},
		"host: 0.0.0.0, auth: ''":        {problem: "is not a loopback address"},
		"host: 0.0.0.0, auth: none":      {open: true},
		"host: 0.0.0.0, " + keys:         {open: false},
		keys:                             {open: false},
		"auth: none, " + keys:            {open: true, warning: "api.keys are not asked for"},
		"host: 'a:1', " + keys:           {problem: "without scheme and port"},
		"host: 'http://a', auth: none":   {problem: "without scheme and port"},
		"host: 127.0.0.1, port: 4477":    {problem: "is that of the admin listener"},
		"auth: off":                      {problem: `expected "none", got "off"`},
		"keys: [{ name: a, hash: '' }]":  {problem: `expected "sha256:" and 64 hexadecimal digits`},
		"keys: [{ name: a, hsah: 'x' }]": {problem: `did you mean "hash"?`},
	} {
		dir := write(t, map[string]string{"c.yaml": "api: { " + text + " }"})
		cfg, err := Load(Options{Files: []string{"c.yaml"}, Dir: dir})
		if want.problem != "" {
			if err == nil || !strings.Contains(err.Error(), want.problem) {
				t.Errorf("%s: want %q, got %v", text, want.problem, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if cfg.API.OpenAccess != want.open || len(cfg.Warnings) > 0 != (want.warning != "") {
			t.Errorf("%s: open %v, warnings %v", text, cfg.API.OpenAccess, cfg.Warnings)
		}
	}
}
