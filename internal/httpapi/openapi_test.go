package httpapi_test

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// updateFlag rewrites the committed document: go test ./internal/httpapi -update.
func updateFlag() bool {
	found := flag.Lookup("update")
	return found != nil && found.Value.String() == "true"
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite docs/api/openapi.json")
	m.Run()
}

func TestAPI_OpenAPIIsCommitted(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "api", "openapi.json")
	got := newFixture(t, nil).document(t)
	if updateFlag() {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != string(got) {
		t.Errorf("%s is not current; run go test ./internal/httpapi -run OpenAPI -update", path)
	}
}

func TestAPI_OpenAPIIsServed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	w := f.call(t, http.MethodGet, "/openapi.json", "")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/openapi+json" || w.Body.Len() == 0 {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
	w = f.call(t, http.MethodGet, "/openapi.yaml", "")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/openapi+yaml" || w.Body.Len() == 0 {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}
