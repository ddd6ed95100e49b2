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

// listParams describes the parameters of a listing.
func listParams() []*huma.Param {
	least, most := 1.0, float64(maxPageSize)
	text, at := &huma.Schema{Type: huma.TypeString}, &huma.Schema{Type: huma.TypeString, Format: "date-time"}
	param := func(name string, schema *huma.Schema, description string) *huma.Param {
		return &huma.Param{Name: name, In: "query", Description: description, Schema: schema}
	}
	return []*huma.Param{
		param("status", status("").Schema(nil), "Only messages of this status."),
		param("to", text, "Only messages to this recipient."),
		param("gateway", text, "Only messages that wait for this gateway or were last attempted through it."),
		param("class", enumeration("", courier.Classes()), "Only messages whose last_error has this class."),
		param("since", at, "Only messages taken at this time or later, to the millisecond."),
		param("until", at, "Only messages taken before this time, to the millisecond."),
		param("page_size", &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Maximum: &most, Default: defaultPageSize}, "The most messages of a page."),
		param("page_token", text, "The next_page_token of the page before."),
	}
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
	for _, p := range listParams() {
		names = append(names, p.Name)
		given := values[p.Name]
		delete(values, p.Name)
		if len(given) > 1 {
			return nil, invalid(inQuery+p.Name, "the parameter is there twice; give it once")
		}
		if len(given) == 0 || given[0] == "" {
			continue
		}
		if err := a.restrict(asked, p.Name, given[0]); err != nil {
			fault := FaultOf(err)
			fault.Field = inQuery + p.Name
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

// restrict takes the value of a parameter, which is not empty. The error names no field.
func (a *API) restrict(l *listing, name, value string) (err error) {
	switch name {
	case "status":
		l.Status = courier.Status(value)
		return oneOf("no message has such a status", l.Status, courier.Statuses())
	case "to":
		// A plus that was not percent-encoded arrives as a space.
		if rest, found := strings.CutPrefix(value, " "); found {
			value = "+" + rest
		}
		// What is no recipient is looked for as it is written.
		l.To = value
		if recipient, err := a.options.Intake.Recipient(value); err == nil {
			l.To = recipient
		}
	case "gateway":
		l.Gateway = value
	case "class":
		l.class = courier.Class(value)
		return oneOf("no error has such a class", l.class, courier.Classes())
	case "since":
		l.since, err = firstID(value)
	case "until":
		return l.below(firstID(value))
	case "page_size":
		if l.Limit, err = strconv.Atoi(value); err != nil || l.Limit < 1 || l.Limit > maxPageSize {
			return invalid("", fmt.Sprintf("it must be a number from 1 to %d", maxPageSize))
		}
	case "page_token":
		id, err := courier.ParseID(value)
		if err != nil {
			return invalid("", "it is not the next_page_token of an answer; leave it out for the first page")
		}
		return l.below(id, nil)
	}
	return err
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
