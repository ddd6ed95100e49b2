package httpapi

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"courier"
	"courier/internal/store"
)

// The number of messages of a page.
const (
	defaultPageSize = 50
	maxPageSize     = 500
)

// messagePage is one page of messages.
type messagePage struct {
	Messages      []Message `json:"messages" nullable:"false" doc:"The newest first."`
	NextPageToken string    `json:"next_page_token,omitempty" doc:"Asks for the next page; absent after the last. A page may hold fewer messages than asked for, or none, and still have a next one."`
}

// listing is what a listing asks for: a page of the store, and what is left out of it.
type listing struct {
	store.Query
	class courier.Class
	// since is the least id; the ids of messages begin with the time of their making.
	since courier.ID
}

func (a *API) listMessages(c *call) (any, error) {
	asked, err := a.parseListing(c.r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	found, err := a.options.Store.Messages(c.r.Context(), asked.Query)
	if err != nil {
		return nil, err
	}
	page := messagePage{Messages: make([]Message, 0, len(found.Messages))}
	for _, m := range found.Messages {
		if !before(m.ID, asked.since) && (asked.class == "" || m.LastError != nil && m.LastError.Class == asked.class) {
			page.Messages = append(page.Messages, newMessage(m, c.by))
		}
	}
	if found.Next != nil && before(asked.since, *found.Next) {
		page.NextPageToken = found.Next.String()
	}
	return page, nil
}

func before(a, b courier.ID) bool { return bytes.Compare(a[:], b[:]) < 0 }

// listParameter is one parameter of a listing.
type listParameter struct {
	name, description string
	schema            *huma.Schema
	// setFunc takes a value that is not empty; the error names no field.
	setFunc func(a *API, l *listing, value string) error
}

func listParameters() []listParameter {
	least, most := 1.0, float64(maxPageSize)
	text, at := &huma.Schema{Type: huma.TypeString}, &huma.Schema{Type: huma.TypeString, Format: "date-time"}
	return []listParameter{
		{"status", "Only messages of this status.", status("").Schema(nil), setStatus},
		{"to", "Only messages to this recipient.", text, func(a *API, l *listing, value string) error {
			l.To = a.storedRecipient(value)
			return nil
		}},
		{"gateway", "Only messages that wait for this gateway or were last attempted through it.", text, func(_ *API, l *listing, value string) error {
			l.Gateway = value
			return nil
		}},
		{"class", "Only messages whose last_error has this class.", enumeration("", courier.Classes()), setClass},
		{"since", "Only messages taken at this time or later, to the millisecond.", at, func(_ *API, l *listing, value string) (err error) {
			l.since, err = firstID(value)
			return err
		}},
		{"until", "Only messages taken before this time, to the millisecond.", at, func(_ *API, l *listing, value string) error {
			return l.below(firstID(value))
		}},
		{"page_size", "The most messages of a page.", &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Maximum: &most, Default: defaultPageSize}, setPageSize},
		{"page_token", "The next_page_token of the page before.", text, func(_ *API, l *listing, value string) error {
			id, err := courier.ParseID(value)
			if err != nil {
				return invalid("", "it is not the next_page_token of an answer; leave it out for the first page")
			}
			return l.below(id, nil)
		}},
	}
}

// listParams describes the parameters of a listing.
func listParams() []*huma.Param {
	var params []*huma.Param
	for _, p := range listParameters() {
		params = append(params, &huma.Param{Name: p.name, In: "query", Description: p.description, Schema: p.schema})
	}
	return params
}

// parseListing reads the parameters of a listing, each of which may be there
// once. An empty one does not restrict.
func (a *API) parseListing(text string) (*listing, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, invalid("", "the query of the URL is ill-formed; percent-encode its values")
	}
	asked := &listing{Query: store.Query{Limit: defaultPageSize}}
	names := make([]string, 0, len(values))
	for _, p := range listParameters() {
		names = append(names, p.name)
		given := values[p.name]
		delete(values, p.name)
		if len(given) > 1 {
			return nil, invalid(inQuery+p.name, "the parameter is there twice; give it once")
		}
		if len(given) == 0 || given[0] == "" {
			continue
		}
		if err := p.setFunc(a, asked, given[0]); err != nil {
			fault := asFault(err)
			fault.Field = inQuery + p.name
			return nil, fault
		}
	}
	for name := range values {
		if nearest := courier.Nearest(name, names); nearest != "" {
			return nil, invalid(inQuery+nearest, "no parameter has the name that was given; "+nearest+" is the nearest")
		}
		return nil, invalid("", "the query has a parameter that is not known; there are "+strings.Join(names, ", "))
	}
	return asked, nil
}

// below restricts the listing to messages whose id is below the given one.
func (l *listing) below(id courier.ID, err error) error {
	if err == nil && (l.After == nil || before(id, *l.After)) {
		l.After = &id
	}
	return err
}

// firstID returns the least id of a message that was made at a time: a UUID
// version 7 begins with the milliseconds (RFC 9562, 5.7).
func firstID(value string) (courier.ID, error) {
	// A plus that was not percent-encoded arrives as a space.
	at, err := time.Parse(time.RFC3339, strings.ReplaceAll(value, " ", "+"))
	if err != nil || at.UnixMilli() < 0 {
		return courier.ID{}, invalid("", "it is not a time in RFC 3339; write it as 2026-01-02T15:04:05Z")
	}
	var id courier.ID
	binary.BigEndian.PutUint64(id[:8], uint64(at.UnixMilli())<<16)
	return id, nil
}

func setStatus(_ *API, l *listing, value string) error {
	l.Status = courier.Status(value)
	return oneOf("no message has such a status", l.Status, courier.Statuses())
}

func setClass(_ *API, l *listing, value string) error {
	l.class = courier.Class(value)
	return oneOf("no error has such a class", l.class, courier.Classes())
}

func oneOf[T ~string](fault string, value T, all []T) error {
	if slices.Contains(all, value) {
		return nil
	}
	names := make([]string, len(all))
	for i, known := range all {
		names[i] = string(known)
	}
	return invalid("", fault+"; there are "+strings.Join(names, ", "))
}

// storedRecipient returns a recipient as messages have it, or as it is written
// when it is none. A plus that was not percent-encoded arrives as a space.
func (a *API) storedRecipient(value string) string {
	if rest, found := strings.CutPrefix(value, " "); found {
		value = "+" + rest
	}
	if recipient, err := a.options.Intake.Recipient(value); err == nil {
		return recipient
	}
	return value
}

func setPageSize(_ *API, l *listing, value string) error {
	size, err := strconv.Atoi(value)
	if err != nil || size < 1 || size > maxPageSize {
		return invalid("", fmt.Sprintf("it must be a number from 1 to %d", maxPageSize))
	}
	l.Limit = size
	return nil
}
