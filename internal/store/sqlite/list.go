package sqlite

import (
	"bytes"
	"context"
	"database/sql"

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
	// key is the value by which floor selects, nil for all rows.
	key any
	// filtered is true when list passes over rows.
	filtered bool
}

// Messages implements store.Store.
func (s *Store) Messages(ctx context.Context, query store.Query) (store.Page, error) {
	page, err := s.page(ctx, query)
	return page, s.fault("list messages", err)
}

func (s *Store) page(ctx context.Context, query store.Query) (store.Page, error) {
	limit := max(query.Limit, 1)
	way, below := s.plan(query), above()
	if query.After != nil {
		below = query.After[:]
	}
	floor, err := s.floor(ctx, way, below)
	if err != nil {
		return store.Page{}, err
	}
	least := floor
	if least == nil {
		least = []byte{0} // sorts before every id
	}
	found, err := readMessages(ctx, s.readers, way.list,
		below, least, int64(limit+1), optional(string(query.Status)), optional(query.Gateway), query.To)
	if err != nil {
		return store.Page{}, err
	}
	return cut(found, limit, floor), nil
}

// above returns a cursor that sorts after every id.
func above() []byte { return bytes.Repeat([]byte{0xff}, len(courier.ID{})+1) }

// plan chooses the index that serves a query best.
func (s *Store) plan(query store.Query) listing {
	counts := s.census.read()
	switch {
	case query.To != "":
		return listing{
			list: queryListByRecipient, floor: queryFloorByRecipient, key: query.To,
			filtered: query.Status != "" || query.Gateway != "",
		}
	case query.Status == courier.StatusQueued && counts.queued <= maxExamined:
		return listing{list: queryListQueued}
	case query.Status == courier.StatusProcessing && counts.processing <= maxExamined:
		return listing{list: queryListProcessing}
	case isRare(query.Status):
		return listing{list: queryListRare, floor: queryFloorRare, key: string(query.Status), filtered: query.Gateway != ""}
	}
	return listing{list: queryListAll, floor: queryFloorAll, filtered: query.Status != "" || query.Gateway != ""}
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

// floor returns the id at which the work for a page ends, nil when there is no
// need for one.
func (s *Store) floor(ctx context.Context, way listing, below []byte) ([]byte, error) {
	if way.floor == "" || !way.filtered {
		return nil, nil
	}
	arguments := []any{below, int64(maxExamined - 1)}
	if way.key != nil {
		arguments = append(arguments, way.key)
	}
	var floor []byte
	err := queryAll(ctx, s.readers[way.floor], way.floor, func(rows *sql.Rows) error {
		return rows.Scan(&floor)
	}, arguments...)
	return floor, err
}

// cut makes the page of what was found: one message more than fits tells that
// another page follows, and so does a floor.
func cut(found []messageRow, limit int, floor []byte) store.Page {
	var page store.Page
	for _, row := range found[:min(limit, len(found))] {
		page.Messages = append(page.Messages, row.message)
	}
	if len(found) > limit {
		next := found[limit-1].message.ID
		page.Next = &next
	} else if floor != nil {
		next := courier.ID(floor)
		page.Next = &next
	}
	return page
}
