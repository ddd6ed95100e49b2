package main

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"courier/internal/jsonnet"
	"courier/internal/store/postgres/pgtest"
)

// TestMain runs the courier instead of the tests in the processes that
// startCourier makes.
func TestMain(m *testing.M) {
	jsonnet.ServeIfChild()
	if os.Getenv(asCourier) != "" {
		main()
		return
	}
	os.Exit(pgtest.WithShared(context.Background(), m, pgtest.Options{NoSync: true}).Run())
}

// processingRows counts, in the file of a stopped courier, the messages that are leased.
func processingRows(t *testing.T, config string) int {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(filepath.Dir(config), "courier.db")+"?mode=ro")
	if err != nil {
		t.Fatalf("open the database: %v", err)
	}
	defer func() { _ = db.Close() }()
	var count int
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM message WHERE status = 'processing'").Scan(&count); err != nil {
		t.Fatalf("count the leased messages: %v", err)
	}
	return count
}
