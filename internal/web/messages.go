package web

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"courier"
	"courier/client"
	"courier/internal/httpapi"
)

// What is looked at for a page with a filter that few messages match: the API bounds the
// work of each of its own pages.
const (
	pageSize  = 50
	lookFor   = 100 * time.Millisecond
	formTime  = "2006-01-02T15:04"
	recipient = "to"
)

// filter is what a listing is restricted to, as the form has it.
type filter struct {
	Status, To, Gateway, TemplateType, Country, Class, Since, Until string
}

// fields are those of the form by name and, but for the recipient, those of the address.
func (f *filter) fields() map[string]*string {
	return map[string]*string{
		"status": &f.Status, recipient: &f.To, "gateway": &f.Gateway, "class": &f.Class,
		"template_type": &f.TemplateType, "country": &f.Country, "since": &f.Since, "until": &f.Until,
	}
}

// option is one of a list to choose from.
type option struct {
	Value, Label string
	Chosen       bool
}

// choices returns a list to choose from, all of them first. What is chosen is in it.
func choices(all, chosen string, values []string) []option {
	options := []option{{Label: all, Chosen: chosen == ""}}
	if chosen != "" && !slices.Contains(values, chosen) {
		values = append(slices.Clone(values), chosen)
	}
	for _, value := range values {
		options = append(options, option{value, value, value == chosen})
	}
	return options
}

// listing is what the page of messages shows.
type listing struct {
	Filter                      filter
	Statuses, Gateways, Classes []option
	Messages                    []client.Message
	// Filtered is true when something restricts the listing, Later when it does not begin
	// with the newest. First and Next are the addresses of other pages.
	Filtered, Later bool
	First, Next     string
	// Query is what follows the ? in the address, for the forms of Actions.
	Query   string
	MayAct  bool
	Actions []action
	// Why says what became of the last messages to the recipient that is filtered by.
	Why string
}

// filterMessages brings the fields of the form into the address, where the recipient is
// sealed.
func filterMessages(v *visit) error {
	query := url.Values{}
	for name := range new(filter).fields() {
		value := strings.TrimSpace(v.Form.Get(name))
		if value != "" && name == recipient {
			value = v.Seal(value)
		}
		if value != "" {
			query.Set(name, value)
		}
	}
	return v.redirect(address("/messages", query))
}

func address(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// readFilter reads what the address restricts a listing to.
func (v *visit) readFilter(query url.Values) (f filter, err error) {
	for name, field := range f.fields() {
		*field = query.Get(name)
	}
	if f.To != "" {
		var ok bool
		if f.To, ok = v.Unseal(f.To); !ok {
			return f, refuse(courier.CodeInvalidRequest, "this address holds a recipient that the courier cannot read any more; filter by the number again")
		}
	}
	return f, nil
}

// query is what the API is asked for.
func (f *filter) query() (q client.ListQuery, err error) {
	q = client.ListQuery{
		Status: courier.Status(f.Status), To: f.To, Gateway: f.Gateway, Class: courier.Class(f.Class),
		TemplateType: f.TemplateType, Country: strings.ToUpper(f.Country), PageSize: pageSize,
	}
	for _, bound := range []struct {
		text string
		at   *time.Time
	}{{f.Since, &q.Since}, {f.Until, &q.Until}} {
		if bound.text == "" {
			continue
		}
		if *bound.at, err = time.Parse(formTime, bound.text); err != nil {
			return q, refuse(courier.CodeInvalidRequest, "a time of the filter is not written as 2026-01-31T18:00")
		}
	}
	return q, nil
}

func showMessages(v *visit) error {
	query := v.R.URL.Query()
	f, err := v.readFilter(query)
	if err != nil {
		return err
	}
	asked, err := f.query()
	if err != nil {
		return err
	}
	asked.PageToken = query.Get("page_token")
	query.Del("page_token")
	page := listing{Filter: f, Filtered: len(query) > 0, Later: asked.PageToken != "", First: address("/messages", query), Query: query.Encode(), MayAct: v.May(httpapi.ScopeOperate)}
	if page.MayAct && f.Status != "" {
		page.Actions = bulkActions(courier.Status(f.Status))
	}
	token, err := v.gather(&page, asked)
	if err != nil {
		return fmt.Errorf("list messages: %w", err)
	}
	if token != "" {
		query.Set("page_token", token)
		page.Next = address("/messages", query)
	}
	if f.To != "" && !page.Later {
		why, err := v.api.Why(v.R.Context(), f.To)
		if err != nil {
			return fmt.Errorf("ask why: %w", err)
		}
		page.Why = why.Text
	}
	gateways, err := v.gateways()
	if err != nil {
		return fmt.Errorf("list gateways: %w", err)
	}
	page.Gateways = choices("Any gateway", f.Gateway, gateways)
	page.Statuses = choices("Any status", f.Status, texts(courier.Statuses()))
	page.Classes = choices("Any error", f.Class, texts(courier.Classes()))
	return v.show("messages", frame{Title: "Messages", Section: "Messages", Live: !page.Later, Data: page})
}

// gather fills a page with the messages that are found in a moment, and returns the token
// of what follows.
func (v *visit) gather(page *listing, asked client.ListQuery) (token string, err error) {
	for until := time.Now().Add(lookFor); ; {
		found, err := v.api.Messages(v.R.Context(), asked)
		if err != nil {
			return "", err
		}
		page.Messages = append(page.Messages, found.Messages...)
		asked.PageToken, asked.PageSize = found.NextPageToken, pageSize-len(page.Messages)
		if asked.PageToken == "" || asked.PageSize <= 0 || time.Now().After(until) {
			break
		}
	}
	for i := range page.Messages {
		page.Messages[i].To = v.number(page.Messages[i].To)
	}
	return asked.PageToken, nil
}

// gateways are the names of those that the nodes alive have.
func (v *visit) gateways() ([]string, error) {
	nodes, err := v.api.Nodes(v.R.Context())
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range nodes {
		if nodes[i].Alive {
			names = append(names, nodes[i].Gateways...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func texts[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = string(value)
	}
	return list
}
