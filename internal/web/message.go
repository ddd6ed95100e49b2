package web

import (
	"context"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"courier"
	"courier/client"
)

// fact is one thing that is known of a message.
type fact struct {
	Name  string
	Value template.HTML
}

// event is something that happened to a message, or will.
type event struct {
	At time.Time
	// Kind is good, bad, warn, next or empty: how the point on the line looks.
	Kind, Title, Detail string
	// Advice is what the class of a fault means, Said what the gateway said.
	Advice, Said string
	// Request is that of an attempt, nil for none.
	Request *builtRequest
}

// builtRequest is the request of an attempt, built anew.
type builtRequest struct {
	client.BuiltRequest
	// Masked says that number and text are hidden.
	Masked bool
}

// Text writes the request as HTTP does, without the headers of the connection.
func (r *builtRequest) Text() string {
	return r.Request.Method + " " + r.Request.URL + "\n" + strings.Join(headerLines(r.Request.Headers), "\n") + "\n\n" + r.Request.Body
}

// action is something that the visitor may do with a message.
type action struct {
	Name, As                string
	Label, Explain, Confirm string
	Danger                  bool
}

// history is what the page of a message shows.
type history struct {
	Message  *client.Message
	ShowFull bool
	// Advice is what to do about the state the message is in, Note what was just done.
	Advice, Note string
	Facts        []fact
	Events       []event
	Actions      []action
}

// messageID returns the id in the path. What is none is the id of no message.
func messageID(v *visit) (courier.ID, error) {
	id, err := courier.ParseID(v.R.PathValue("id"))
	if err != nil {
		return id, refuse(courier.CodeNotFound, "there is no such message")
	}
	return id, nil
}

func showMessage(v *visit) error {
	id, err := messageID(v)
	if err != nil {
		return err
	}
	m, err := v.api.Message(v.R.Context(), id)
	if err != nil {
		return fmt.Errorf("show message: %w", err)
	}
	m.To = v.number(m.To)
	hands, err := v.api.Audit(v.R.Context(), client.AuditQuery{Target: id.String()})
	if err != nil {
		return fmt.Errorf("show message: %w", err)
	}
	built := &client.BuiltRequests{}
	if len(m.Attempts) > 0 {
		if built, err = v.api.Requests(v.R.Context(), id); err != nil {
			return fmt.Errorf("show message: %w", err)
		}
	}
	page := history{Message: m, ShowFull: v.showFull(), Facts: facts(m), Events: events(m, built, hands.Entries), Note: doneNote(v.R.URL.Query().Get("done"))}
	if m.LastError != nil && m.Status != courier.StatusDelivered && m.Status != courier.StatusSent {
		page.Advice = m.LastError.Advice
	}
	if v.mayAct() {
		page.Actions = actions(m)
	}
	return v.show("message", frame{Title: "Message " + string(m.Status), Section: "Messages", Live: true, Data: page})
}

// facts are what is known of a message besides its text and what happened to it.
func facts(m *client.Message) []fact {
	var list []fact
	add := func(name string, value template.HTML) {
		if value != "" && value != "<bdi></bdi>" {
			list = append(list, fact{name, value})
		}
	}
	add("Id", outside(m.ID.String()))
	add("Sender", outside(m.From))
	add("Channel", outside(m.Channel))
	add("Template", outside(m.TemplateType))
	add("Lane", outside(string(m.Lane)))
	add("Gateway", outside(m.Gateway))
	add("Gateway's id", outside(m.GatewayMessageID))
	add("Country", outside(m.Country))
	if m.Segments > 0 {
		add("Segments", outside(fmt.Sprintf("%d (%s)", m.Segments, m.Encoding)))
	}
	add("Attempts", outside(strconv.Itoa(m.SendCount)))
	if m.SupersededBy != (courier.ID{}) {
		//nolint:gosec // an id has no markup
		add("Replaced by", template.HTML(`<a href="/messages/`+m.SupersededBy.String()+`">a newer one</a>`))
	}
	add("Loses its use", timeElement(m.ExpiresAt))
	add("Reported to", outside(m.CallbackURL))
	if len(m.Metadata) > 0 && string(m.Metadata) != "null" {
		add("Metadata", long(string(m.Metadata)))
	}
	return list
}

// events are what happened to a message in order, and at the end what is to come.
func events(m *client.Message, built *client.BuiltRequests, hands []client.AuditEntry) []event {
	list := []event{{At: m.CreatedAt, Title: "Taken"}}
	for i := range m.Attempts {
		e := attemptEvent(&m.Attempts[i])
		if at := slices.IndexFunc(built.Requests, func(r client.BuiltRequest) bool { return r.Attempt == m.Attempts[i].Number }); at >= 0 {
			e.Request = &builtRequest{built.Requests[at], built.Masked}
		}
		list = append(list, e)
	}
	for i := range m.Receipts {
		list = append(list, receiptEvent(&m.Receipts[i]))
	}
	for i := range m.Webhooks {
		list = append(list, webhookEvent(&m.Webhooks[i]))
	}
	for i := range hands {
		e := &hands[i]
		list = append(list, event{At: e.At, Title: handWords(e.Action), Detail: "by " + e.Who, Said: joinLines(e.Reason, e.Detail)})
	}
	slices.SortStableFunc(list, func(a, b event) int { return a.At.Compare(b.At) })
	switch m.Status { //nolint:exhaustive // the others were ended by an event above
	case courier.StatusCanceled:
		list = append(list, event{At: m.UpdatedAt, Title: "Canceled"})
	case courier.StatusExpired:
		if m.SentAt.IsZero() { // or a receipt said so
			list = append(list, event{At: m.UpdatedAt, Kind: "warn", Title: "Lost its use", Detail: "and is not attempted any more"})
		}
	case courier.StatusAbandoned:
		list = append(list, event{At: m.UpdatedAt, Kind: "bad", Title: "Given up", Detail: "its retries are used up"})
	case courier.StatusQueued:
		list = append(list, event{At: m.NextAttemptAt, Kind: "next", Title: "Due", Detail: join([]string{"at " + m.Gateway})})
	case courier.StatusProcessing:
		list = append(list, event{At: m.UpdatedAt, Kind: "next", Title: "A node is attempting it"})
	}
	return list
}

func attemptEvent(a *client.Attempt) event {
	e := event{At: a.StartedAt, Title: fmt.Sprintf("Attempt %d: %s", a.Number, strings.ReplaceAll(string(a.Outcome), "_", " ")), Kind: "bad", Advice: a.Advice}
	details := []string{"by " + a.Gateway}
	if a.Duration != "" {
		details = append(details, "in "+a.Duration)
	}
	if a.HTTPStatus != 0 {
		details = append(details, "HTTP "+strconv.Itoa(a.HTTPStatus))
	}
	details = append(details, string(a.Class), a.Code, a.GatewayMessageID)
	e.Detail = join(details)
	switch a.Outcome { //nolint:exhaustive // the others are bad
	case courier.OutcomeAccepted:
		e.Kind = "good"
	case courier.OutcomeRetry, courier.OutcomeUnknown:
		e.Kind = "warn"
	case courier.OutcomeCanceled:
		e.Kind = ""
	}
	e.Said = joinLines(a.Message, a.Warning, a.Excerpt)
	return e
}

func receiptEvent(r *client.Receipt) event {
	e := event{At: r.ReceivedAt, Title: "Receipt: " + string(r.Status), Kind: "bad", Advice: r.Advice, Said: r.Message}
	details := []string{"by " + r.Gateway, string(r.Class), r.Code, r.GatewayMessageID}
	if !r.At.IsZero() {
		details = append(details, "the gateway's own time is "+r.At.UTC().Format("15:04:05 on 2 January"))
	}
	e.Detail = join(details)
	switch r.Status { //nolint:exhaustive // the others are bad
	case courier.StatusDelivered:
		e.Kind = "good"
	case courier.StatusSent:
		e.Kind = ""
	case courier.StatusUnknown, courier.StatusCanceled:
		e.Kind = "warn"
	}
	return e
}

// webhookEvent is at the last try, as that is what is known of.
func webhookEvent(w *client.Webhook) event {
	e := event{At: w.TriedAt, Title: "Webhook waits", Said: w.Fault}
	if e.At.IsZero() {
		e.At = w.At
	}
	switch {
	case w.State == client.WebhookDelivered:
		e.Kind, e.Title = "good", "Webhook delivered"
	case w.State == client.WebhookGivenUp:
		e.Kind, e.Title = "bad", "Webhook given up"
	case w.Tries > 0:
		e.Kind = "warn"
	}
	tries := "1 try"
	if w.Tries != 1 {
		tries = strconv.Itoa(w.Tries) + " tries"
	}
	e.Detail = join([]string{w.Event + " to " + w.Webhook, w.Host, tries})
	return e
}

// handWords tells what somebody did with a message.
func handWords(action string) string {
	switch action {
	case "message.cancel":
		return "Canceled by hand"
	case "message.retry":
		return "Queued again by hand"
	case "message.resolve":
		return "Resolved by hand"
	}
	return action
}

// join puts together what there is.
func join(parts []string) string {
	parts = slices.DeleteFunc(parts, func(part string) bool {
		return strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(part, "by "), "at ")) == ""
	})
	return strings.Join(parts, ", ")
}

func joinLines(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "\n")
}

// actions are what may be done with a message as it stands.
func actions(m *client.Message) []action {
	var list []action
	if m.Status == courier.StatusUnknown {
		list = append(list,
			action{Name: "resolve", As: string(client.ResolveSent), Label: "It was sent", Explain: "The gateway took it. The message becomes sent.", Confirm: "It was sent"},
			action{Name: "resolve", As: string(client.ResolveFailed), Label: "It did not arrive", Explain: "It did not arrive and is not to be sent again. The message becomes undelivered.", Confirm: "It did not arrive", Danger: true},
			action{Name: "resolve", As: string(client.ResolveResend), Label: "Send again", Explain: "The recipient may get it twice.", Confirm: "Send again"})
	} else if m.Status != courier.StatusProcessing && m.Status != courier.StatusQueued && m.Status.CanBecome(courier.StatusQueued) && m.ScrubbedAt.IsZero() {
		list = append(list, action{Name: "retry", Label: "Retry", Explain: "The message is queued again, due now, with a new count of retries.", Confirm: "Retry this message"})
	}
	if m.Status.CanBecome(courier.StatusCanceled) && m.Status != courier.StatusProcessing && m.Status != courier.StatusSent {
		list = append(list, action{Name: "cancel", Label: "Cancel", Explain: "The message is not sent any more. This cannot be undone.", Confirm: "Cancel this message", Danger: true})
	}
	return list
}

// doneNote tells what was just done.
func doneNote(done string) string {
	switch done {
	case "cancel":
		return "The message is canceled."
	case "retry":
		return "The message is queued again."
	case "resolve":
		return "The message is resolved."
	}
	return ""
}

func changeMessage(v *visit) error {
	id, err := messageID(v)
	if err != nil {
		return err
	}
	name := v.Form.Get("action")
	if err := v.change(v.R.Context(), id, name); err != nil {
		return fmt.Errorf("change message: %w", err)
	}
	return v.redirect(address("/messages/"+id.String(), url.Values{"done": {name}}))
}

func (v *visit) change(ctx context.Context, id courier.ID, name string) (err error) {
	reason := v.Form.Get("reason")
	switch name {
	case "cancel":
		_, err = v.api.CancelFor(ctx, id, reason)
	case "retry":
		_, err = v.api.RetryFor(ctx, id, reason)
	case "resolve":
		_, err = v.api.ResolveFor(ctx, id, client.Resolution(v.Form.Get("as")), reason)
	default:
		return refuse(courier.CodeInvalidRequest, "there is no such action")
	}
	return err
}
