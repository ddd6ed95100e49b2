package web

import (
	"fmt"
	"net/url"

	"courier"
	"courier/client"
	"courier/internal/httpapi"
)

// bulk is the page on which something is confirmed that is done to all messages of a filter.
type bulk struct {
	Action  action
	Filter  []fact
	Count   *client.Count
	Reason  string
	Query   string
	Back    string
	Request client.ActionRequest
}

// bulkActions are what may be done to all messages of a status.
func bulkActions(status courier.Status) []action {
	list := actions(&client.Message{Status: status})
	for i := range list {
		list[i].Confirm = "Count them first"
	}
	return list
}

// readBulk reads what is to be done, and to which messages.
func readBulk(v *visit) (request client.ActionRequest, query url.Values, err error) {
	form := v.Form
	query, err = url.ParseQuery(form.Get("query"))
	if err != nil {
		return request, nil, refuse(courier.CodeInvalidRequest, "the filter cannot be read; begin on the page of messages")
	}
	query.Del("page_token")
	f, err := v.readFilter(query)
	if err != nil {
		return request, nil, err
	}
	q, err := f.query()
	request = client.ActionRequest{
		Action: client.ActionKind(form.Get("action")), As: client.Resolution(form.Get("as")), Reason: form.Get("reason"),
		Filter: client.ActionFilter{
			Status: q.Status, To: q.To, Gateway: q.Gateway, TemplateType: q.TemplateType, Country: q.Country, Class: q.Class, Since: q.Since, Until: q.Until,
		},
	}
	return request, query, err
}

// confirmBulk counts the messages and asks whether it is meant.
func confirmBulk(v *visit) error {
	request, query, err := readBulk(v)
	if err != nil {
		return err
	}
	page := bulk{Request: request, Reason: request.Reason, Query: query.Encode(), Back: address("/messages", query)}
	for _, possible := range actions(&client.Message{Status: request.Filter.Status}) {
		if possible.Name == string(request.Action) && possible.As == string(request.As) {
			page.Action = possible
		}
	}
	if page.Action.Name == "" {
		return refuse(courier.CodeInvalidRequest, "that cannot be done to messages of this status; filter by a status first")
	}
	if page.Count, err = v.api.CountMessages(v.R.Context(), request); err != nil {
		return fmt.Errorf("count messages: %w", err)
	}
	request.Filter.To = v.number(request.Filter.To)
	page.Filter = filterFacts(&request.Filter)
	return v.show("bulk", frame{Title: page.Action.Label, Section: "Messages", Data: page})
}

// filterFacts tell which messages a filter selects.
func filterFacts(f *client.ActionFilter) (list []fact) {
	for _, part := range []struct{ name, value string }{
		{"Status", string(f.Status)},
		{"Recipient", f.To},
		{"Gateway", f.Gateway},
		{"Template", f.TemplateType},
		{"Country", f.Country},
		{"Error", string(f.Class)},
	} {
		if part.value != "" {
			list = append(list, fact{part.name, outside(part.value)})
		}
	}
	if !f.Since.IsZero() {
		list = append(list, fact{"From", timeElement(f.Since)})
	}
	if !f.Until.IsZero() {
		list = append(list, fact{"Until", timeElement(f.Until)})
	}
	return list
}

func startBulk(v *visit) error {
	request, _, err := readBulk(v)
	if err != nil {
		return err
	}
	started, err := v.api.StartAction(v.R.Context(), request)
	if err != nil {
		return fmt.Errorf("start action: %w", err)
	}
	return v.redirect("/actions/" + started.ID.String())
}

func showActions(v *visit) error {
	list, err := v.api.Actions(v.R.Context())
	if err != nil {
		return fmt.Errorf("list actions: %w", err)
	}
	return v.show("actions", frame{Title: "Actions", Section: "Messages", Live: true, Data: list})
}

// progress is how far an action is.
type progress struct {
	*client.Action
	Facts   []fact
	CanStop bool
}

func actionID(v *visit) (courier.ID, error) {
	id, err := courier.ParseID(v.R.PathValue("id"))
	if err != nil {
		return id, refuse(courier.CodeNotFound, "there is no such action")
	}
	return id, nil
}

func showAction(v *visit) error {
	id, err := actionID(v)
	if err != nil {
		return err
	}
	found, err := v.api.Action(v.R.Context(), id)
	if err != nil {
		return fmt.Errorf("show action: %w", err)
	}
	if found.Filter.To != "" {
		found.Filter.To = v.number(found.Filter.To)
	}
	page := progress{Action: found, Facts: filterFacts(&found.Filter), CanStop: found.Status == "running" && v.May(httpapi.ScopeOperate)}
	return v.show("action", frame{Title: "Action " + found.Status, Section: "Messages", Live: true, Data: page})
}

func stopAction(v *visit) error {
	id, err := actionID(v)
	if err != nil {
		return err
	}
	if _, err := v.api.StopAction(v.R.Context(), id, v.Form.Get("reason")); err != nil {
		return fmt.Errorf("stop action: %w", err)
	}
	return v.redirect("/actions/" + id.String())
}
