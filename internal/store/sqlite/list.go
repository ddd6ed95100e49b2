package sqlite

import (
	"context"
	"database/sql"

	"courier"
	"courier/internal/store"
)

// Messages implements store.Store.
func (s *Store) Messages(ctx context.Context, query store.Query) (store.Page, error) {
	page, err := store.List(query, lister{s, ctx})
	return page, s.fault("list messages", err)
}

// lister implements store.Lister for one call.
type lister struct {
	store *Store
	ctx   context.Context //nolint:containedctx // of the one call
}

func (l lister) Counts() (store.Counts, error) { return l.store.counts.read(), nil }

func (l lister) List(statement string, r store.Range) ([]*courier.Message, error) {
	rows, err := l.store.readers.messages(l.ctx, statement, r.Below[:], r.Least[:], int64(r.Limit),
		optional(string(r.Status)), optional(r.Gateway), r.To)
	found := make([]*courier.Message, len(rows))
	for i, row := range rows {
		found[i] = row.message
	}
	return found, err
}

func (l lister) Floor(statement string, below courier.ID, rows int, key string) (*courier.ID, error) {
	var floor []byte
	err := l.store.readers.read(l.ctx, statement, func(found *sql.Rows) error { return found.Scan(&floor) }, below[:], int64(rows), key)
	if floor == nil {
		return nil, err
	}
	id := courier.ID(floor)
	return &id, err
}
