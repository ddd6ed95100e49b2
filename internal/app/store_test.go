package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier/internal/config"
	"courier/internal/gateway"
)

func TestOpenStore_RefusesUnknownSchemes(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"mysql://user:hunter2@host/db", "hunter2", "", "://hunter2"} {
		opened, err := openStore(t.Context(), dsn, nil, nil)
		if err == nil {
			_ = opened.Close()
			t.Fatalf("%q was opened", dsn)
		}
		if !strings.Contains(err.Error(), "sqlite://") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error %q does not say what to give, or quotes the DSN", err)
		}
	}
}

// loadFaulty reads a configuration with several faults. Its passwords open nothing.
func loadFaulty(t *testing.T) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "courier.yml")
	if err := os.WriteFile(path, []byte(`courier:
  channels:
    - id: sms
      type: http
      request_config:
        url: https://gateway.example.com/send
        method: POST
        headers:
          X-Shop: shop
        auth: { type: api_key, config: { name: sid, value: hunter2hunter2, in: cookie } }
store:
  dsn: postgres://courier:hunter2@db.internal/courier?sslmode=sometimes
`), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Options{Files: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestCheck_LetsStoreJudge gives a parameter that only the driver knows. The start says the same.
func TestCheck_LetsStoreJudge(t *testing.T) {
	t.Parallel()
	cfg := loadFaulty(t)
	for name, err := range map[string]error{"check": Check(t.Context(), cfg), "start": checkStore(cfg)} {
		problems := config.Problems(err)
		if len(problems) != 1 || problems[0].Path != "store.dsn" || problems[0].Position.Line != 12 || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want a problem of store.dsn in line 12, without the password", name, err)
		}
	}
}

// TestCheck_ReadsCertificate names files that hold no certificate.
func TestCheck_ReadsCertificate(t *testing.T) {
	t.Parallel()
	cfg := loadFaulty(t)
	pair := filepath.Join(t.TempDir(), "pair.pem")
	if err := os.WriteFile(pair, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.TLS = config.TLS{Cert: pair, Key: pair}
	var paths []string
	for _, problem := range config.Problems(Check(t.Context(), cfg)) {
		paths = append(paths, problem.Path)
	}
	if !slices.Contains(paths, "tls.cert") || !slices.Contains(paths, "store.dsn") {
		t.Errorf("problems of %v, want those of tls.cert and store.dsn", paths)
	}
}

// TestFieldProblems_KeepFields gives each fault that a gateway finds its own key and place.
func TestFieldProblems_KeepFields(t *testing.T) {
	t.Parallel()
	cfg := loadFaulty(t)
	_, err := gateway.New(gateway.Options{
		Name: "sms", URL: "https://gateway.example.com/send", Method: "PO ST", Header: map[string]string{"X-Shop": "a\nb"},
		Auth:       gateway.APIKey{Name: "sid;", Value: "hunter2", In: gateway.KeyInCookie},
		PrivateIPs: gateway.PrivateIPPolicy{Disallow: true},
	})
	got := map[string]int{}
	for _, problem := range fieldProblems(cfg, func(field string) string { return keyOf(&cfg.Gateways[0], field) }, err) {
		got[problem.Path] = problem.Position.Line
	}
	const request = "courier.channels[0].request_config."
	want := map[string]int{request + "method": 7, request + "headers.X-Shop": 9, request + "auth.config.name": 10}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines of keys (-want +got):\n%s", diff)
	}
	whole := fieldProblems(cfg, func(string) string { return "store.dsn" }, fmt.Errorf("open: %w", errors.New("it is gone")))
	if len(whole) != 1 || whole[0].Path != "store.dsn" || whole[0].Message != "open: it is gone" {
		t.Errorf("a fault without a field: %v", whole)
	}
}

func TestSharedCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		fault := errors.New("disk is full")
		shared := &sharedCheck{nowFunc: time.Now, checkFunc: func(ctx context.Context) error {
			<-time.After(100 * time.Millisecond)
			if calls.Add(1) == 1 {
				return errors.Join(fault, ctx.Err())
			}
			return ctx.Err()
		}}
		ctx, cancel := context.WithCancel(t.Context())
		var probes sync.WaitGroup
		probes.Go(func() {
			if err := shared.check(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("a caller that went away got %v", err)
			}
		})
		for range 20 {
			probes.Go(func() {
				if err := shared.check(t.Context()); !errors.Is(err, fault) || errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want the fault alone", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		probes.Wait()
		if err := shared.check(t.Context()); !errors.Is(err, fault) || calls.Load() != 1 {
			t.Errorf("got %v after %d checks, want the fault of the one", err, calls.Load())
		}
		<-time.After(checkMaxAge)
		if err := shared.check(t.Context()); err != nil || calls.Load() != 2 {
			t.Errorf("after a second: %v after %d checks, want a new one", err, calls.Load())
		}
	})
}
