package config

import (
	"strings"
	"testing"
)

// TestLoad_Snippets lays the texts of a program over its files, and takes of its environment
// what a value asks for.
func TestLoad_Snippets(t *testing.T) {
	t.Parallel()
	options := Options{
		Files: []string{"courier.yml"}, Dir: write(t, map[string]string{"courier.yml": "log: { level: error }\ndispatch: { max_in_flight: 7 }\n"}),
		Snippets:       []Snippet{{Name: "text", YAML: []byte("log: { level: debug }\nstore:\n  dsn: env://MY_DSN\n")}, {Name: "values", Made: true, YAML: []byte(`{"public":{"port":1}}`)}},
		Environ:        []string{"MY_DSN=sqlite:///a.db", "LOG_LEVEL=panic", "COURIER_X=1"},
		ReferencesOnly: true,
	}
	c, err := Load(options)
	if err != nil {
		t.Fatal(err)
	}
	if c.Log.Level != "debug" || c.Dispatch.MaxInFlight != 7 || c.Store.DSN.Reveal() != "sqlite:///a.db" || c.Public.Port != 1 || len(c.Warnings) > 0 {
		t.Errorf("Load() = %+v", c)
	}
	options.Snippets = []Snippet{{Name: "text", YAML: []byte("log:\n  level: loud\n")}, {Name: "values", Made: true, YAML: []byte(`{"public":{"port":-1}}`)}}
	_, err = Load(options)
	for _, want := range []string{"text:2:10: log.level: ", "values: public.port: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load() = %v, want %q", err, want)
		}
	}
}
