package postgres_test

import (
	"context"
	"flag"
	"testing"

	"go.uber.org/goleak"

	"courier/internal/store/postgres"
	"courier/internal/store/postgres/pgtest"
)

// historyChecks is how many random histories the conformance suite runs, unless
// -rapid.checks says otherwise: each step is a round trip to a server.
const historyChecks = "25"

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", historyChecks); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(pgtest.WithShared(context.Background(), m, pgtest.Options{NoSync: true, Settings: map[string]string{
		"max_connections": "300",
	}}))
}

// open opens a store, and closes it when the test ends.
func open(tb testing.TB, dsn string) *postgres.Store {
	tb.Helper()
	s := openStore(tb, dsn)
	tb.Cleanup(func() { closeStore(tb, s) })
	return s
}

func openStore(tb testing.TB, dsn string) *postgres.Store {
	tb.Helper()
	s, err := postgres.Open(context.Background(), postgres.Options{DSN: dsn})
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	return s
}

func closeStore(tb testing.TB, s interface{ Close() error }) {
	tb.Helper()
	if err := s.Close(); err != nil {
		tb.Errorf("close: %v", err)
	}
}
