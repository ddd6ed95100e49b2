package postgres

import (
	"bytes"
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"courier"
	"courier/internal/store"
)

// maxExamined bounds the rows that are looked at for one page.
const maxExamined = 10_000

// listing is the way in which a page is found.
type listing struct {
	list query
	// floor finds where maxExamined rows end; empty when list bounds itself.
	floor query
	// key is the value by which floor selects, empty for all rows.
	key string
	// filtered is true when list passes over rows.
	filtered bool
}

// Messages implements store.Store.
func (s *Store) Messages(ctx context.Context, query store.Query) (store.Page, error) {
	var page store.Page
	err := s.reading(ctx, func(ctx context.Context, on *session) (err error) {
		page, err = readPage(ctx, on, query)
		return err
	})
	return page, s.fault("list messages", err)
}

func readPage(ctx context.Context, on *session, query store.Query) (store.Page, error) {
	limit := max(query.Limit, 1)
	way, err := plan(ctx, on, query)
	if err != nil {
		return store.Page{}, err
	}
	below := above()
	if query.After != nil {
		below = *query.After
	}
	floor, err := readFloor(ctx, on, way, below)
	if err != nil {
		return store.Page{}, err
	}
	var least courier.ID // sorts before every id
	if floor != nil {
		least = *floor
	}
	found, err := readMessages(ctx, on, way.list, way.arguments(query, uuids([]courier.ID{below, least}), limit+1)...)
	if err != nil {
		return store.Page{}, err
	}
	return cut(found, limit, floor), nil
}

// above returns a cursor that sorts after every id.
func above() courier.ID { return courier.ID(bytes.Repeat([]byte{0xff}, len(courier.ID{}))) }

// arguments returns those of the statement that lists.
func (l listing) arguments(query store.Query, bounds []pgtype.UUID, limit int) []any {
	if l.list == queryListQueued || l.list == queryListProcessing {
		return []any{bounds[0], int64(limit), query.Gateway}
	}
	if l.list == queryListByRecipient {
		return []any{bounds[0], bounds[1], int64(limit), string(query.Status), query.Gateway, query.To}
	}
	return []any{bounds[0], bounds[1], int64(limit), string(query.Status), query.Gateway}
}

// plan chooses the index that serves a query best.
func plan(ctx context.Context, on *session, query store.Query) (listing, error) {
	if query.To != "" {
		return listing{
			list: queryListByRecipient, floor: queryFloorByRecipient, key: query.To,
			filtered: query.Status != "" || query.Gateway != "",
		}, nil
	}
	if isRare(query.Status) {
		return listing{list: queryListRare, floor: queryFloorRare, key: string(query.Status), filtered: query.Gateway != ""}, nil
	}
	if query.Status == courier.StatusQueued || query.Status == courier.StatusProcessing {
		counts, err := readTally(ctx, on)
		switch {
		case err != nil:
			return listing{}, err
		case query.Status == courier.StatusQueued && counts.queued <= maxExamined:
			return listing{list: queryListQueued}, nil
		case query.Status == courier.StatusProcessing && counts.processing <= maxExamined:
			return listing{list: queryListProcessing}, nil
		}
	}
	return listing{list: queryListAll, floor: queryFloorAll, filtered: query.Status != "" || query.Gateway != ""}, nil
}

// isRare reports whether the index message_rare holds the status.
func isRare(status courier.Status) bool {
	switch status {
	case courier.StatusUndelivered, courier.StatusRejected, courier.StatusExpired, courier.StatusAbandoned,
		courier.StatusCanceled, courier.StatusUnknown:
		return true
	case courier.StatusQueued, courier.StatusProcessing, courier.StatusSent, courier.StatusDelivered:
	}
	return false
}

// readFloor returns the id at which the work for a page ends, nil when there is
// no need for one.
func readFloor(ctx context.Context, on *session, way listing, below courier.ID) (*courier.ID, error) {
	if way.floor == "" || !way.filtered {
		return nil, nil
	}
	arguments := []any{uuids([]courier.ID{below})[0], int64(maxExamined - 1)}
	if way.key != "" {
		arguments = append(arguments, way.key)
	}
	var floor *courier.ID
	err := on.read(ctx, way.floor, func(rows pgx.Rows) error {
		var id pgtype.UUID
		err := rows.Scan(&id)
		found := courier.ID(id.Bytes)
		floor = &found
		return err
	}, arguments...)
	return floor, err
}

// cut makes the page of what was found: one message more than fits tells that
// another page follows, and so does a floor.
func cut(found []*courier.Message, limit int, floor *courier.ID) store.Page {
	page := store.Page{Messages: found[:min(limit, len(found))]}
	if len(found) > limit {
		next := found[limit-1].ID
		page.Next = &next
	} else {
		page.Next = floor
	}
	return page
}
