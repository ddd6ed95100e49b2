package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// NewServer starts a server for one test or benchmark and stops it at its end.
func NewServer(tb testing.TB, options Options) *Server {
	tb.Helper()
	s, err := Start(tb.Context(), options)
	if err != nil {
		tb.Fatal(err)
	}
	StopAfter(tb, s)
	return s
}

// StopAfter stops a server at the end of the test.
func StopAfter(tb testing.TB, s *Server) {
	tb.Helper()
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Errorf("stop PostgreSQL: %v", err)
		}
	})
}

// NewDatabase makes an empty database for one test and drops it at its end. It
// returns its connection string.
func (d *Databases) NewDatabase(tb testing.TB) string {
	tb.Helper()
	return d.NewClone(tb, "template0")
}

// NewClone makes a copy of a database for one test and drops it at its end. It
// returns its connection string.
func (d *Databases) NewClone(tb testing.TB, from string) string {
	tb.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	if err := d.CloneDatabase(tb.Context(), name, from); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.DropDatabase(context.WithoutCancel(tb.Context()), name); err != nil {
			tb.Errorf("drop the database of the test: %v", err)
		}
	})
	return d.DSN(name)
}

// M is what testing.M is to TestMain, and what goleak takes.
type M interface{ Run() int }

// sharedVariable hands the server of a test process to its tests.
const sharedVariable = "COURIER_PGTEST_SHARED"

// shared is what sharedVariable holds.
type shared struct {
	Bin      string `json:"bin"`
	Password string `json:"password"`
	Port     int    `json:"port"`
}

// WithShared lets all tests of a process share a server, to which Shared leads
// them: TestMain runs, or gives to goleak, what it returns instead of its m.
// The server starts before the first test and stops after the last.
func WithShared(ctx context.Context, m M, options Options) M {
	return mainFunc(func() int {
		code, err := runShared(ctx, m, options)
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			return max(code, 1)
		}
		return code
	})
}

type mainFunc func() int

// Run runs the tests and returns the exit code.
func (f mainFunc) Run() int { return f() }

func runShared(ctx context.Context, m M, options Options) (int, error) {
	s, err := Start(ctx, options)
	if err != nil {
		return 1, err
	}
	of := shared{Bin: s.bin, Password: s.password, Port: s.port}
	value, err := json.Marshal(of) //nolint:gosec // for this process, of a server that ends with it
	if err == nil {
		err = os.Setenv(sharedVariable, string(value))
	}
	if err != nil {
		return 1, errors.Join(fmt.Errorf("share the server: %w", err), s.Stop())
	}
	code := m.Run()
	return code, s.Stop()
}

// Shared returns the server that the tests of this process share, for which
// TestMain has to run WithShared.
func Shared(tb testing.TB) *Databases {
	tb.Helper()
	var of shared
	if err := json.Unmarshal([]byte(os.Getenv(sharedVariable)), &of); err != nil {
		tb.Fatalf("find the server that the tests share: %v; does TestMain run pgtest.WithShared?", err)
	}
	return &Databases{bin: of.Bin, password: of.Password, port: of.Port}
}

// NewProxy starts a proxy for one test and closes it at its end.
func (d *Databases) NewProxy(tb testing.TB) *Proxy {
	tb.Helper()
	p, err := d.Proxy(context.WithoutCancel(tb.Context()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Error(err)
		}
	})
	return p
}
