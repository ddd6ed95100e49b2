package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"courier"
	"courier/internal/store"
	"courier/internal/store/postgres"
	"courier/internal/store/postgres/pgtest"
	"courier/internal/store/storetest"
)

// placed is a store that puts messages into statuses which only receipts lead to.
type placed struct {
	*postgres.Store
	dsn string
}

// Place implements storetest.Placer on a connection of its own.
func (p placed) Place(ctx context.Context, id courier.ID, status courier.Status) error {
	conn, err := pgx.Connect(ctx, p.dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	tag, err := conn.Exec(ctx, "UPDATE courier.message SET status = $1 WHERE id = $2 AND status = 'sent'", string(status), id.String())
	if err != nil {
		return err
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("%d messages were placed", tag.RowsAffected())
	}
	return nil
}

func TestStore_Conforms(t *testing.T) {
	t.Parallel()
	databases := newTemplate(t)
	storetest.Run(t, func(t *testing.T) store.Store {
		t.Helper()
		dsn := databases.NewClone(t, template)
		return placed{Store: open(t, dsn), dsn: dsn}
	})
}

const template = "courier_template"

// newTemplate makes a database that has the schema, to be cloned.
func newTemplate(t *testing.T) *pgtest.Databases {
	t.Helper()
	databases := pgtest.Shared(t)
	if err := databases.CreateDatabase(t.Context(), template); err != nil {
		t.Fatal(err)
	}
	closeStore(t, open0(t, databases.DSN(template)))
	return databases
}

func open0(t *testing.T, dsn string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
