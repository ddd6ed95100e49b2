package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"courier"
	"courier/internal/store"
	"courier/internal/store/sqlite"
	"courier/internal/store/storetest"
)

// placed is a store that puts messages into statuses which only receipts lead to.
type placed struct {
	*sqlite.Store
	path string
}

// Place implements storetest.Placer on a connection of its own.
func (p placed) Place(ctx context.Context, id courier.ID, status courier.Status) error {
	db, err := sql.Open("sqlite", "file:"+p.path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	result, err := db.ExecContext(ctx, "UPDATE message SET status = ? WHERE id = ? AND status = 'sent'", string(status), id[:])
	if err != nil {
		return err
	}
	if changed, err := result.RowsAffected(); err != nil || changed != 1 {
		return fmt.Errorf("%d messages were placed: %w", changed, err)
	}
	return nil
}

func TestStore_Conforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		t.Helper()
		path := filepath.Join(t.TempDir(), "courier.db")
		return placed{Store: open(t, path), path: path}
	})
}
