package pgtest_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"courier/internal/store/postgres/pgtest"
)

// ownerVariable makes this binary the owner of a server that a test kills.
const ownerVariable = "COURIER_PGTEST_OWNER"

func TestMain(m *testing.M) {
	if os.Getenv(ownerVariable) != "" {
		own(context.Background())
	}
	goleak.VerifyTestMain(pgtest.WithShared(context.Background(), m, pgtest.Options{NoSync: true}))
}

// own starts a server, says where, and lives until it is killed.
func own(ctx context.Context) {
	s, err := pgtest.Start(ctx, pgtest.Options{NoSync: true})
	if err != nil {
		panic(err)
	}
	if _, err := fmt.Fprintln(os.Stdout, s.Addr()); err != nil {
		panic(err)
	}
	select {}
}

// newNumbers starts a server with a table in which rows can be counted.
func newNumbers(t *testing.T) *pgtest.Server {
	t.Helper()
	s := pgtest.NewServer(t, pgtest.Options{})
	if err := s.CreateDatabase(t.Context(), "numbers"); err != nil {
		t.Fatal(err)
	}
	query(t, &s.Databases, "CREATE TABLE number (n int PRIMARY KEY)")
	return s
}

func query(t *testing.T, d *pgtest.Databases, statements string) string {
	t.Helper()
	rows, err := d.Query(t.Context(), "numbers", statements)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func insert(t *testing.T, d *pgtest.Databases, first, last string) {
	t.Helper()
	query(t, d, "INSERT INTO number SELECT generate_series("+first+", "+last+")")
}

func wantCount(t *testing.T, d *pgtest.Databases, want string) {
	t.Helper()
	if count := query(t, d, "SELECT count(*) FROM number"); count != want {
		t.Errorf("the table holds %s rows, want %s", count, want)
	}
}

func TestServer_KillAndRestart(t *testing.T) {
	t.Parallel()
	s := newNumbers(t)
	addr := s.Addr()
	for _, want := range []string{"100", "200", "300"} {
		insert(t, &s.Databases, want, want+"+99")
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if rows, err := s.Query(t.Context(), "numbers", "SELECT 1"); err == nil {
			t.Fatalf("the killed server answered %q", rows)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantCount(t, &s.Databases, want)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantCount(t, &s.Databases, "300")
	if s.Addr() != addr {
		t.Errorf("the server moved from %s to %s", addr, s.Addr())
	}
}

func TestServer_Promote(t *testing.T) {
	t.Parallel()
	primary := newNumbers(t)
	insert(t, &primary.Databases, "1", "10")
	standby, err := primary.Standby(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pgtest.StopAfter(t, standby)
	insert(t, &primary.Databases, "11", "1000")
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := standby.Query(t.Context(), "numbers", "DELETE FROM number"); err == nil {
		t.Error("the standby was written before its promotion")
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantCount(t, &standby.Databases, "1000")
	insert(t, &standby.Databases, "1001", "1010")
	wantCount(t, &standby.Databases, "1010")
}
