package preset

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"courier/internal/gateway"
	"courier/internal/jsonnet"
)

// TestPreset_Trial wants the templates of every preset to pass the trial that they are put to
// at a start, without a warning that an operator could do nothing about.
func TestPreset_Trial(t *testing.T) {
	t.Parallel()
	set, err := loadOurs()
	if err != nil {
		t.Fatal(err)
	}
	pool := jsonnet.NewPool(jsonnet.Options{Workers: 1, Timeout: time.Minute, StartTimeout: time.Minute})
	t.Cleanup(func() { _ = pool.Close(t.Context()) })
	for _, name := range set.Names() {
		p, _ := set.Get(name)
		files, err := filepath.Glob(filepath.Join("testdata", name, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %d configurations, %v", name, len(files), err)
		}
		for _, file := range files {
			g, r := build(t, p, readConfig(t, name, strings.TrimSuffix(filepath.Base(file), ".yaml")))
			try := func(argument, source string, run func(template gateway.Evaluator) ([]string, error)) {
				if source == "" {
					return
				}
				template, err := pool.CompileFunc(t.Context(), argument, name, []byte(source))
				if err != nil {
					t.Fatal(err)
				}
				if warnings, err := run(template); err != nil || len(warnings) > 0 {
					t.Errorf("%s: %q, %v", file, warnings, err)
				}
			}
			try("ctx", p.Templates.Request, func(e gateway.Evaluator) ([]string, error) { return g.Try(t.Context(), e) })
			try("ctx", p.Templates.Query, func(e gateway.Evaluator) ([]string, error) { return g.TryQuery(t.Context(), e) })
			try("res", p.Templates.Response, func(e gateway.Evaluator) ([]string, error) { return g.TryResponse(t.Context(), e) })
			try("req", p.Templates.Receipt, func(e gateway.Evaluator) ([]string, error) { return r.Try(t.Context(), e) })
		}
	}
}
