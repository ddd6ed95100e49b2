package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

// Messages implements store.Store.
func (s *Store) Messages(ctx context.Context, query store.Query) (store.Page, error) {
	var page store.Page
	err := s.reading(ctx, func(ctx context.Context, on *session) (err error) {
		page, err = store.List(query, lister{on, ctx})
		return err
	})
	return page, s.fault("list messages", err)
}

// lister implements store.Lister for one call.
type lister struct {
	on  *session
	ctx context.Context //nolint:containedctx // of the one call
}

func (l lister) Counts() (store.Counts, error) { return l.on.counts(l.ctx) }

func (l lister) List(statement string, r store.Range) ([]*courier.Message, error) {
	return l.on.messages(l.ctx, statement, uuid(r.Below), uuid(r.Least), int64(r.Limit), string(r.Status), r.Gateway, r.To)
}

func (l lister) Floor(statement string, below courier.ID, rows int, key string) (*courier.ID, error) {
	var floor *courier.ID
	err := l.on.read(l.ctx, statement, func(rows pgx.Rows) error {
		var id pgtype.UUID
		err := rows.Scan(&id)
		found := courier.ID(id.Bytes)
		floor = &found
		return err
	}, uuid(below), int64(rows), key)
	return floor, err
}
