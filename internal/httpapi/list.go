package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"courier"
	"courier/internal/store"
)

// The number of messages of a page.
const (
	defaultPageSize = 50
	maxPageSize     = 500
)

// listAnswer is one page of messages.
type listAnswer struct {
	Messages      []Message `json:"messages" nullable:"false" doc:"The newest first."`
	NextPageToken string    `json:"next_page_token,omitempty" doc:"Asks for the next page; absent after the last. A page may hold fewer messages than asked for, or none, and still have a next one."`
}

func (a *API) listMessages(w http.ResponseWriter, r *http.Request, by caller) error {
	query, err := a.parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	page, err := a.options.Store.Messages(r.Context(), query)
	if err != nil {
		return err
	}
	answer := listAnswer{Messages: make([]Message, len(page.Messages))}
	for i, message := range page.Messages {
		answer.Messages[i] = newMessage(message, by)
	}
	if page.Next != nil {
		answer.NextPageToken = page.Next.String()
	}
	return a.writeJSON(w, http.StatusOK, answer)
}

func queryNames() []string { return []string{"status", "to", "gateway", "page_size", "page_token"} }

// parseQuery reads the parameters of a listing, each of which may be there once.
func (a *API) parseQuery(text string) (store.Query, error) {
	query := store.Query{Limit: defaultPageSize}
	values, err := url.ParseQuery(text)
	if err != nil {
		return query, invalid("", "the query of the URL is ill-formed; percent-encode its values")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(queryNames(), name) {
			return query, unknownParameter(name)
		}
		if len(values[name]) > 1 {
			return query, invalid(inQuery+name, "the parameter is there twice; give it once")
		}
		if fault := a.setParameter(&query, name, values[name][0]); fault != nil {
			fault.Field = inQuery + name
			return query, fault
		}
	}
	return query, nil
}

func unknownParameter(name string) error {
	known := strings.Join(queryNames(), ", ")
	if nearest := nearestName(name, queryNames()); nearest != "" {
		return invalid(inQuery+nearest, "no parameter has the name that was given; "+nearest+" is the nearest")
	}
	return invalid("", "the query has a parameter that is not known; there are "+known)
}

// setParameter sets what a parameter selects; an empty one does not restrict.
func (a *API) setParameter(query *store.Query, name, value string) *courier.Error {
	if value == "" {
		return nil
	}
	switch name {
	case "status":
		return setStatus(query, value)
	case "to":
		query.To = a.storedRecipient(value)
	case "gateway":
		query.Gateway = value
	case "page_size":
		return setPageSize(query, value)
	case "page_token":
		return setPageToken(query, value)
	}
	return nil
}

func setStatus(query *store.Query, value string) *courier.Error {
	query.Status = courier.Status(value)
	if query.Status.Valid() {
		return nil
	}
	names := make([]string, 0, len(courier.Statuses()))
	for _, known := range courier.Statuses() {
		names = append(names, string(known))
	}
	return invalid("", "no message has such a status; there are "+strings.Join(names, ", "))
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

func setPageSize(query *store.Query, value string) *courier.Error {
	size, err := strconv.Atoi(value)
	if err != nil || size < 1 || size > maxPageSize {
		return invalid("", fmt.Sprintf("it must be a number from 1 to %d", maxPageSize))
	}
	query.Limit = size
	return nil
}

func setPageToken(query *store.Query, value string) *courier.Error {
	id, err := courier.ParseID(value)
	if err != nil {
		return invalid("", "it is not the next_page_token of an answer; leave it out for the first page")
	}
	query.After = &id
	return nil
}
