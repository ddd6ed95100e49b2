package httpapi

import (
	"bytes"
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

func (a *API) listMessages(c *call) (any, error) {
	query := store.Query{Limit: defaultPageSize}
	err := readQuery(c.r.URL.RawQuery, listParams(), func(name, value string) error { return a.restrict(&query, name, value) })
	if err != nil {
		return nil, err
	}
	found, err := a.options.Store.Messages(c.r.Context(), query)
	if err != nil {
		return nil, err
	}
	page := messagePage{Messages: make([]Message, 0, len(found.Messages))}
	for _, m := range found.Messages {
		page.Messages = append(page.Messages, newMessage(m, c.by))
	}
	if found.Next != nil {
		page.NextPageToken = found.Next.String()
	}
	return page, nil
}

func before(a, b courier.ID) bool { return bytes.Compare(a[:], b[:]) < 0 }

func param(name string, schema *huma.Schema, description string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: description, Schema: schema}
}

// listParams describes the parameters of a listing.
func listParams() []*huma.Param {
	text, at := &huma.Schema{Type: huma.TypeString}, &huma.Schema{Type: huma.TypeString, Format: "date-time"}
	return append([]*huma.Param{
		param("status", status("").Schema(nil), "Only messages of this status."),
		param("to", text, "Only messages to this recipient."),
		param("gateway", text, "Only messages that wait for this gateway or were last attempted through it."),
		param("template_type", text, "Only messages of this template type."),
		param("country", &huma.Schema{Type: huma.TypeString, Examples: []any{"DE"}}, "Only messages to numbers of this country."),
		param("class", enumeration("", courier.Classes()), "Only messages whose last_error has this class."),
		param("since", at, "Only messages taken at this time or later, to the millisecond."),
		param("until", at, "Only messages taken before this time, to the millisecond."),
	}, pageParams()...)
}

// pageParams ask for a page of a listing.
func pageParams() []*huma.Param {
	least, most := 1.0, float64(maxPageSize)
	return []*huma.Param{
		param("page_size", &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Maximum: &most, Default: defaultPageSize}, "How much a page holds at most."),
		param("page_token", &huma.Schema{Type: huma.TypeString}, "The next_page_token of the page before."),
	}
}

// idParam is an id in the path that the courier gave.
func idParam(description string) []*huma.Param {
	return []*huma.Param{{Name: "id", In: "path", Required: true, Description: description, Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"}}}
}

// namedParam is an id in the path that is a name.
func namedParam(description string) []*huma.Param {
	return []*huma.Param{{Name: "id", In: "path", Required: true, Description: description, Schema: &huma.Schema{Type: huma.TypeString}}}
}

const unknownPage = "it is not the next_page_token of an answer; leave it out for the first page"

// readQuery reads the parameters of a query, each of which may be there once, and has take
// judge their values; its errors name no field. An empty one does not restrict.
func readQuery(text string, params []*huma.Param, take func(name, value string) error) error {
	values, err := url.ParseQuery(text)
	if err != nil {
		return invalid("", "the query of the URL is ill-formed; percent-encode its values")
	}
	names := make([]string, 0, len(values))
	for _, p := range params {
		names = append(names, p.Name)
		given := values[p.Name]
		delete(values, p.Name)
		if len(given) > 1 {
			return invalid(inQuery+p.Name, "the parameter is there twice; give it once")
		}
		if len(given) == 0 || given[0] == "" {
			continue
		}
		if err := take(p.Name, given[0]); err != nil {
			fault := FaultOf(err)
			fault.Field = inQuery + p.Name
			return fault
		}
	}
	for name := range values {
		if nearest := courier.Nearest(name, names); nearest != "" {
			return invalid(inQuery+nearest, "no parameter has the name that was given; "+nearest+" is the nearest")
		}
		return invalid("", "the query has a parameter that is not known; there are "+strings.Join(names, ", "))
	}
	return nil
}

// restrict takes the value of a parameter, which is not empty. The error names no field.
func (a *API) restrict(q *store.Query, name, value string) (err error) {
	switch name {
	case "status":
		q.Status = courier.Status(value)
		return oneOf("no message has such a status", q.Status, courier.Statuses())
	case "to":
		// A plus that was not percent-encoded arrives as a space.
		if rest, found := strings.CutPrefix(value, " "); found {
			value = "+" + rest
		}
		// What is no recipient is looked for as it is written.
		q.To = value
		if recipient, err := a.options.Intake.Recipient(value); err == nil {
			q.To = recipient
		}
	case "gateway":
		q.Gateway = value
	case "template_type":
		q.TemplateType = value
	case "country":
		q.Country = strings.ToUpper(value)
	case "class":
		q.Class = courier.Class(value)
		return oneOf("no error has such a class", q.Class, courier.Classes())
	case "since":
		q.Since, err = readTime(value)
	case "until":
		q.Until, err = readTime(value)
	case "page_size":
		q.Limit, err = readPageSize(value)
	case "page_token":
		id, err := courier.ParseID(value)
		if err != nil {
			return invalid("", unknownPage)
		}
		q.After = &id
	}
	return err
}

func readPageSize(value string) (int, error) {
	size, err := strconv.Atoi(value)
	if err != nil || size < 1 || size > maxPageSize {
		return 0, invalid("", fmt.Sprintf("it must be a number from 1 to %d", maxPageSize))
	}
	return size, nil
}

func readTime(value string) (time.Time, error) {
	// A plus that was not percent-encoded arrives as a space.
	at, err := time.Parse(time.RFC3339, strings.ReplaceAll(value, " ", "+"))
	if err != nil || at.UnixMilli() < 0 {
		return time.Time{}, invalid("", "it is not a time in RFC 3339; write it as 2026-01-02T15:04:05Z")
	}
	return at, nil
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
