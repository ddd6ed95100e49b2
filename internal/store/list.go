package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"courier"
)

// maxExamined bounds the rows that are looked at for one page.
const maxExamined = 10_000

// Range is the part of the messages that a statement of a listing looks at.
type Range struct {
	// Below is above the ids that are wanted, Least the smallest of them.
	Below, Least courier.ID
	Limit        int
	Query
}

// Lister runs the statements of a listing, which have the same names in every engine.
type Lister interface {
	Counts() (Counts, error)
	// List returns messages in descending order of their ids.
	List(statement string, r Range) ([]*courier.Message, error)
	// Floor returns the id that a number of rows are below, nil when there are fewer.
	// Key is what the statement selects by, if it does.
	Floor(statement string, below courier.ID, rows int, key string) (*courier.ID, error)
}

// plan is the way in which a page is found.
type plan struct {
	list string
	// floor finds where maxExamined rows end, by key; empty when list bounds itself.
	floor, key string
}

// planOf chooses the index that serves a query best.
func planOf(query Query, from Lister) (plan, error) {
	// What no index serves is looked for among a bounded number of rows.
	sought := query.Gateway != "" || query.TemplateType != "" || query.Country != "" || query.Class != ""
	switch {
	case query.To != "":
		if query.Status == "" && !sought {
			return plan{list: "ListByRecipient"}, nil
		}
		return plan{list: "ListByRecipient", floor: "FloorByRecipient", key: query.To}, nil
	case query.Status == courier.StatusQueued || query.Status == courier.StatusProcessing:
		counts, err := from.Counts()
		if err != nil {
			return plan{}, err
		}
		// Those two sort all that they find, so they serve only while that is little.
		if query.Status == courier.StatusQueued && counts.Queued <= maxExamined {
			return plan{list: "ListQueued"}, nil
		}
		if query.Status == courier.StatusProcessing && counts.Processing <= maxExamined {
			return plan{list: "ListProcessing"}, nil
		}
	case isRare(query.Status) && !sought:
		return plan{list: "ListRare"}, nil
	case isRare(query.Status):
		return plan{list: "ListRare", floor: "FloorRare", key: string(query.Status)}, nil
	case query.Status == "" && !sought:
		return plan{list: "ListAll"}, nil
	}
	return plan{list: "ListAll", floor: "FloorAll"}, nil
}

// isRare reports whether the index message_rare holds the status.
func isRare(status courier.Status) bool {
	return status == courier.StatusUnknown ||
		status.Final() && status != courier.StatusDelivered
}

// Matches reports whether the query selects a message.
func (q *Query) Matches(m *courier.Message) bool {
	return (q.Status == "" || m.Status == q.Status) && (q.To == "" || m.To == q.To) &&
		(q.Gateway == "" || m.Gateway == q.Gateway) && (q.TemplateType == "" || m.TemplateType == q.TemplateType) &&
		(q.Country == "" || m.Country == q.Country) &&
		(q.Class == "" || m.LastError != nil && m.LastError.Class == q.Class) &&
		(q.Since.IsZero() || !before(m.ID, FirstID(q.Since))) && (q.Until.IsZero() || before(m.ID, FirstID(q.Until)))
}

// FirstID returns the least id of a message that was made at a time: a UUID version 7
// begins with the milliseconds (RFC 9562, 5.7).
func FirstID(at time.Time) (id courier.ID) {
	binary.BigEndian.PutUint64(id[:8], uint64(max(at.UnixMilli(), 0))<<16)
	return id
}

func before(a, b courier.ID) bool { return bytes.Compare(a[:], b[:]) < 0 }

// Fragments returns what the document of a message contains that a query selects by what is
// in it; an empty one is in every document. Encoders put a space after the colon, or none.
// What contains it by chance is sorted out by Matches.
func (q *Query) Fragments() (templateType, country, class [2]string) {
	fragment := func(name, value string) [2]string {
		if value == "" {
			return [2]string{}
		}
		text, _ := jsonv2.Marshal(value, jsontext.AllowInvalidUTF8(true)) // a text can be encoded
		return [2]string{`"` + name + `":` + string(text), `"` + name + `": ` + string(text)}
	}
	return fragment("template_type", q.TemplateType), fragment("country", q.Country), fragment("class", string(q.Class))
}

// List returns a page. The work for it is bounded whatever the query.
func List(query Query, from Lister) (Page, error) {
	way, err := planOf(query, from)
	if err != nil {
		return Page{}, err
	}
	limit := max(query.Limit, 1)
	r := Range{Below: courier.ID(bytes.Repeat([]byte{0xff}, len(courier.ID{}))), Limit: limit + 1, Query: query}
	if !query.Until.IsZero() {
		r.Below = FirstID(query.Until)
	}
	if query.After != nil && before(*query.After, r.Below) {
		r.Below = *query.After
	}
	if !query.Since.IsZero() {
		r.Least = FirstID(query.Since)
	}
	var floor *courier.ID
	if way.floor != "" {
		if floor, err = from.Floor(way.floor, r.Below, maxExamined-1, way.key); err != nil {
			return Page{}, err
		}
	}
	if floor != nil && before(r.Least, *floor) {
		r.Least = *floor
	} else {
		floor = nil // what is sought ends before it
	}
	found, err := from.List(way.list, r)
	if err != nil {
		return Page{}, err
	}
	// One message more than fits tells that another page follows, and so does a floor.
	page := Page{Next: floor}
	if len(found) > limit {
		page.Next = &found[limit-1].ID
	}
	for _, m := range found[:min(limit, len(found))] {
		if query.Matches(m) {
			page.Messages = append(page.Messages, m)
		}
	}
	return page, nil
}

// Counts are the numbers of messages in the statuses that are watched, or
// differences of them.
type Counts struct{ Queued, Processing, Unknown int64 }

// Add counts n messages in a status.
func (c *Counts) Add(status courier.Status, n int64) {
	switch status { //nolint:exhaustive // the others are not counted
	case courier.StatusQueued:
		c.Queued += n
	case courier.StatusProcessing:
		c.Processing += n
	case courier.StatusUnknown:
		c.Unknown += n
	}
}

// Move counts n messages from one status to another.
func (c *Counts) Move(from, to courier.Status, n int64) {
	c.Add(from, -n)
	c.Add(to, n)
}

// Merge adds other counts.
func (c *Counts) Merge(other Counts) {
	c.Queued += other.Queued
	c.Processing += other.Processing
	c.Unknown += other.Unknown
}

// Stats returns the state of the queue at a time.
func (c Counts) Stats(waiting []Waiting, now time.Time) Stats {
	slices.SortFunc(waiting, func(a, b Waiting) int { return cmp.Or(cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Lane, b.Lane)) })
	stats := Stats{Queued: c.Queued, Processing: c.Processing, Unknown: c.Unknown, Queues: waiting}
	for _, w := range waiting {
		due := !w.Due.IsZero() && !w.Due.After(now)
		if due && (stats.OldestDueAt.IsZero() || w.Due.Before(stats.OldestDueAt)) {
			stats.OldestDueAt = w.Due
		}
	}
	return stats
}
