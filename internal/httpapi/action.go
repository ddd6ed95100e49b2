package httpapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"courier"
	"courier/internal/store"
)

// filterRequest selects messages.
type filterRequest struct {
	Status       status `json:"status,omitempty"`
	To           string `json:"to,omitempty" maxLength:"128" doc:"Only messages to this recipient."`
	Gateway      string `json:"gateway,omitempty" doc:"Only messages that wait for this gateway or were last attempted through it."`
	TemplateType string `json:"template_type,omitempty" doc:"Only messages of this template type."`
	Country      string `json:"country,omitempty" example:"DE" doc:"Only messages to numbers of this country."`
	Class        class  `json:"class,omitempty"`
	Since        string `json:"since,omitempty" format:"date-time" doc:"Only messages taken at this time or later."`
	Until        string `json:"until,omitempty" format:"date-time" doc:"Only messages taken before this time."`
}

// class is courier.Class with its schema.
type class courier.Class

// Schema implements huma.SchemaProvider.
func (class) Schema(huma.Registry) *huma.Schema {
	return enumeration("Only messages whose last_error has this class.", courier.Classes())
}

// actionKind is store.ActionKind with its schema.
type actionKind store.ActionKind

// Schema implements huma.SchemaProvider.
func (actionKind) Schema(huma.Registry) *huma.Schema {
	return enumeration("What is done to the messages.", actionKinds())
}

func actionKinds() []store.ActionKind {
	return []store.ActionKind{store.ActionRetry, store.ActionCancel, store.ActionResolve}
}

// actionRequest asks for something that is done to all messages of a filter.
type actionRequest struct {
	Action actionKind    `json:"action"`
	Filter filterRequest `json:"filter" doc:"The messages. Its status is mandatory unless messages are resolved, and one that the action can change."`
	As     resolution    `json:"as,omitempty"`
	ReasonRequest
}

// actionView is an action in an answer.
type actionView struct {
	ID        courier.ID    `json:"id" format:"uuid"`
	Action    actionKind    `json:"action"`
	As        string        `json:"as" doc:"What became of messages that are resolved; empty otherwise."`
	Filter    filterRequest `json:"filter"`
	Reason    string        `json:"reason"`
	Who       string        `json:"who" doc:"The name of the API key, or loopback where none is asked for."`
	At        moment        `json:"at" doc:"When it was started. Messages that were taken later are left alone."`
	Status    string        `json:"status" enum:"running,done,stopped,failed"`
	Examined  int64         `json:"examined" doc:"Messages that it came to."`
	Changed   int64         `json:"changed" doc:"Messages that it changed."`
	Skipped   int64         `json:"skipped" doc:"Messages that it could not change: they had changed, or their content is gone."`
	Error     string        `json:"error" doc:"Why it failed, or empty."`
	UpdatedAt moment        `json:"updated_at"`
	EndedAt   *moment       `json:"ended_at" nullable:"true"`
}

type actionList struct {
	Actions []actionView `json:"actions" nullable:"false" doc:"The newest first."`
}

// counted is how many messages an action would come to.
type counted struct {
	Count int  `json:"count" doc:"Messages of the filter."`
	More  bool `json:"more" doc:"There are more, which were not counted."`
}

func newAction(a *store.Action) actionView {
	text := func(at time.Time) string {
		if at.IsZero() {
			return ""
		}
		return at.UTC().Format(time.RFC3339Nano)
	}
	f := &a.Filter
	return actionView{
		ID: a.ID, Action: actionKind(a.Kind), As: string(a.As), Reason: a.Reason, Who: a.Who, At: moment(a.At), Status: string(a.Status),
		Filter:   filterRequest{status(f.Status), f.To, f.Gateway, f.TemplateType, f.Country, class(f.Class), text(f.Since), text(f.Until)},
		Examined: a.Examined, Changed: a.Changed, Skipped: a.Skipped, Error: a.Fault, UpdatedAt: moment(a.UpdatedAt), EndedAt: momentOrNull(a.EndedAt),
	}
}

// changeable are the statuses of messages that an action can change.
func changeable(kind store.ActionKind) []courier.Status {
	switch kind {
	case store.ActionCancel:
		return []courier.Status{courier.StatusQueued, courier.StatusUnknown}
	case store.ActionResolve:
		return []courier.Status{courier.StatusUnknown}
	case store.ActionRetry:
		return slices.DeleteFunc(courier.StatusQueued.Before(), func(s courier.Status) bool { return s == courier.StatusProcessing })
	}
	return nil
}

// readAction reads what is asked for.
func (a *API) readAction(c *call) (started store.Action, err error) {
	var request actionRequest
	if err = decodeBody(c, a.options.MaxBodySize, &request); err == nil {
		err = request.check()
	}
	if err != nil {
		return started, err
	}
	started = store.Action{Kind: store.ActionKind(request.Action), As: store.Resolution(request.As), Reason: request.Reason}
	at := func(field string, err error) error {
		if err == nil {
			return nil
		}
		fault := FaultOf(err)
		fault.Field = field
		return fault
	}
	if err = at("action", oneOf("it does not say what to do", started.Kind, actionKinds())); err != nil {
		return started, err
	}
	if started.Kind == store.ActionResolve {
		request.Filter.Status = status(courier.StatusUnknown)
		err = at("as", oneOf("it does not say what became of the messages", started.As, resolutions()))
	} else if started.As != "" {
		err = invalid("as", "only messages that are resolved become something; leave it out")
	}
	f := &request.Filter
	for _, given := range []struct{ name, value string }{
		{"status", string(f.Status)},
		{"to", f.To},
		{"gateway", f.Gateway},
		{"template_type", f.TemplateType},
		{"country", f.Country},
		{"class", string(f.Class)},
		{"since", f.Since},
		{"until", f.Until},
	} {
		if err == nil && given.value != "" {
			err = at("filter."+given.name, a.restrict(&started.Filter, given.name, given.value))
		}
	}
	if err == nil {
		err = at("filter.status", oneOf("the action changes no messages of such a status", started.Filter.Status, changeable(started.Kind)))
	}
	return started, err
}

// The bounds of a count.
const (
	maxCounted = 10_000
	countFor   = 2 * time.Second
)

// startAction starts what is asked for.
func (a *API) startAction(c *call) (any, error) {
	started, err := a.readAction(c)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	started.ID, started.Who, started.At, started.Status = courier.ID(id), who(c.by), a.now(), store.ActionRunning
	started.UpdatedAt = started.At
	// What comes from now on is left alone: a message that fails again is not sent without end.
	if started.Filter.Until.IsZero() || started.Filter.Until.After(started.At) {
		started.Filter.Until = started.At
	}
	if err := a.options.Store.StartAction(c.r.Context(), started); err != nil {
		return nil, err
	}
	a.audit(c.r.Context(), c.by, store.Entry{
		Action: auditStart, Target: started.ID.String(), Reason: started.Reason, Detail: string(started.Kind) + " of " + string(started.Filter.Status) + " messages",
	})
	if a.options.WakeActionsFunc != nil {
		a.options.WakeActionsFunc()
	}
	return newAction(&started), nil
}

// countMessages counts the messages that an action would come to, within bounds.
func (a *API) countMessages(c *call) (any, error) {
	asked, err := a.readAction(c)
	if err != nil {
		return nil, err
	}
	var found counted
	began, query := time.Now(), asked.Filter
	query.Limit = maxPageSize
	for {
		page, err := a.options.Store.Messages(c.r.Context(), query)
		if err != nil {
			return found, err
		}
		found.Count += len(page.Messages)
		query.After, found.More = page.Next, page.Next != nil
		if !found.More || found.Count >= maxCounted || time.Since(began) > countFor {
			return found, nil
		}
	}
}

// maxActions is how many actions are listed.
const maxActions = 100

func (a *API) listActions(c *call) (any, error) {
	found, err := a.options.Store.Actions(c.r.Context(), maxActions)
	list := actionList{Actions: make([]actionView, len(found))}
	for i := range found {
		list.Actions[i] = newAction(&found[i])
	}
	return list, err
}

func (a *API) getAction(c *call, id courier.ID) (any, error) {
	found, err := a.options.Store.Action(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	return newAction(found), nil
}

func (a *API) stopAction(c *call, id courier.ID) (any, error) {
	request, err := a.readReason(c)
	if err != nil {
		return nil, err
	}
	stopped, err := a.options.Store.StopAction(c.r.Context(), id, a.now())
	if err != nil {
		return nil, err
	}
	if stopped.Status == store.ActionStopped {
		a.audit(c.r.Context(), c.by, store.Entry{Action: auditStop, Target: id.String(), Reason: request.Reason})
	}
	return newAction(stopped), nil
}

// actionEndpoints are those of actions, and of what tells who did what.
func (a *API) actionEndpoints() []endpoint {
	id, refused := idParam("The id of an action."), append(bodyCodes(), storeCodes()...)
	missing := []courier.ErrorCode{courier.CodeNotFound, courier.CodeStoreUnavailable}
	unavailable := []courier.ErrorCode{courier.CodeInvalidRequest, courier.CodeStoreUnavailable}
	return []endpoint{
		{
			method: http.MethodPost, path: pathMessages + "/actions", id: "start-action", tag: tagMessages, summary: "Do something to all messages of a filter",
			description: "Cancels, retries or resolves the messages of a filter, in the background, the newest first. It goes on after a restart, or on another node.",
			scope:       ScopeOperate, handle: a.startAction, takes: actionRequest{}, gives: actionView{}, status: http.StatusAccepted, codes: refused,
		},
		{
			method: http.MethodPost, path: pathMessages + "/actions/count", id: "count-messages", tag: tagMessages, summary: "Count the messages that an action would come to",
			description: "Changes nothing. It counts up to 10,000 messages or so, for two seconds at most.",
			scope:       ScopeOperate, handle: a.countMessages, takes: actionRequest{}, gives: counted{}, codes: refused,
		},
		{
			method: http.MethodGet, path: "/v1/actions", id: "list-actions", tag: tagMessages, summary: "List actions",
			scope: ScopeRead, handle: a.listActions, gives: actionList{}, codes: []courier.ErrorCode{courier.CodeStoreUnavailable},
		},
		{
			method: http.MethodGet, path: "/v1/actions/{id}", id: "get-action", tag: tagMessages, summary: "Show how far an action is",
			scope: ScopeRead, handle: byID(a.getAction), parameters: id, gives: actionView{}, codes: missing,
		},
		{
			method: http.MethodPost, path: "/v1/actions/{id}/stop", id: "stop-action", tag: tagMessages, summary: "Stop an action",
			description: "What it has changed stays as it is. Stopping one that has ended is no error.",
			scope:       ScopeOperate, handle: byID(a.stopAction), parameters: id, takes: ReasonRequest{}, bodyOptional: true, gives: actionView{},
			codes: append([]courier.ErrorCode{courier.CodeNotFound}, refused...),
		},
		{
			method: http.MethodGet, path: "/v1/audit", id: "list-audit", tag: tagOperator, summary: "List who did what",
			description: "The audit log: every change by API or page, and each configuration that was put in force, the newest first.",
			scope:       ScopeRead, handle: a.listAudit, parameters: auditParams(), gives: auditPage{}, codes: unavailable,
		},
		{
			method: http.MethodGet, path: "/v1/series", id: "get-series", tag: tagOperator, summary: "Show what happened over time",
			description: "Counts of messages by steps of time, and how long they took. The counts of other nodes may be a few seconds late.",
			scope:       ScopeRead, handle: a.getSeries, parameters: seriesParams(), gives: series{}, codes: unavailable,
		},
	}
}
