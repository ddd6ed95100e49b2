package pgtest_test

import (
	"bytes"
	"strings"
	"testing"

	"courier/internal/store/postgres/pgtest"
)

// newTable makes a database with a table in the shared server and returns a
// proxy to the server and the name of the database.
func newTable(t *testing.T) (*pgtest.Proxy, string) {
	t.Helper()
	server := pgtest.Shared(t)
	dsn := server.NewDatabase(t)
	database, _, _ := strings.Cut(dsn[strings.LastIndexByte(dsn, '/')+1:], "?")
	p := server.NewProxy(t)
	mustQuery(t, p, database, "CREATE TABLE number (n int PRIMARY KEY)")
	return p, database
}

func mustQuery(t *testing.T, p *pgtest.Proxy, database, statement string) string {
	t.Helper()
	rows, err := p.Query(t.Context(), database, statement)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestProxy_Watch(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		verdict pgtest.Verdict
		fails   bool
		want    string
	}{
		{"Pass", pgtest.Pass, false, "1"},
		{"Drop", pgtest.Drop, true, "0"},
		{"Lose", pgtest.Lose, true, "1"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, database := newTable(t)
			p.Watch(func(_ int, sent []byte) pgtest.Verdict {
				if bytes.Contains(sent, []byte("INSERT")) {
					return test.verdict
				}
				return pgtest.Pass
			})
			_, err := p.Query(t.Context(), database, "INSERT INTO number VALUES (1)")
			if fails := err != nil; fails != test.fails {
				t.Errorf("the insert came to %v", err)
			}
			p.Watch(nil)
			if count := mustQuery(t, p, database, "SELECT count(*) FROM number"); count != test.want {
				t.Errorf("the table holds %s rows, want %s", count, test.want)
			}
		})
	}
}

func TestProxy_Cut(t *testing.T) {
	t.Parallel()
	p, database := newTable(t)
	arrived := make(chan struct{}, 1)
	p.Watch(func(_ int, sent []byte) pgtest.Verdict {
		if bytes.Contains(sent, []byte("pg_sleep")) {
			arrived <- struct{}{}
		}
		return pgtest.Pass
	})
	ended := make(chan error, 1)
	go func() {
		_, err := p.Query(t.Context(), database, "SELECT pg_sleep(600)")
		ended <- err
	}()
	<-arrived
	p.Cut()
	if err := <-ended; err == nil {
		t.Error("the statement outlived its connection")
	}
	mustQuery(t, p, database, "SELECT 1")
}

func TestProxy_Refuse(t *testing.T) {
	t.Parallel()
	p, database := newTable(t)
	p.Refuse(true)
	if rows, err := p.Query(t.Context(), database, "SELECT 1"); err == nil {
		t.Errorf("the proxy that refuses connections answered %q", rows)
	}
	p.Refuse(false)
	mustQuery(t, p, database, "SELECT 1")
}
