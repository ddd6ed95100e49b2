package store

import (
	"encoding/json"
	"time"

	"courier"
)

// Pause is why a gateway is to take no messages.
type Pause struct {
	Gateway, Reason string
	// Who is the name of the key that asked for it.
	Who string
	At  time.Time
}

// Entry is an entry of the audit log.
type Entry struct {
	// Seq grows with each; 0 for one that is to be entered.
	Seq int64
	At  time.Time
	// Who did it: the name of a key, or of a node.
	Who string
	// Action is what was done, such as "message.cancel", and Target to what.
	Action, Target string
	// Reason is what the one who did it says.
	Reason string
	// Detail is what else there is to say.
	Detail string
}

// What a node enters in the audit log by itself.
const (
	AuditEnd           = "action.end"
	AuditConfiguration = "configuration"
)

// AuditFor is how long an entry of the audit log is kept at least.
const AuditFor = 400 * 24 * time.Hour

// AuditQuery asks for a page of the audit log. Empty fields do not restrict.
type AuditQuery struct {
	Action, Target string
	// Before is the Seq of the last entry of the page before, 0 for the first page.
	Before int64
	Limit  int
}

// Statement names the statement of a query: there is an index for each.
func (q *AuditQuery) Statement() string {
	switch {
	case q.Target != "":
		return "EntriesOfTarget"
	case q.Action != "":
		return "EntriesOfAction"
	}
	return "Entries"
}

// ActionKind is what is done to all messages of a filter.
type ActionKind string

// The kinds of actions.
const (
	ActionCancel  ActionKind = "cancel"
	ActionRetry   ActionKind = "retry"
	ActionResolve ActionKind = "resolve"
)

// ActionStatus is how far an action is.
type ActionStatus string

// The statuses of actions.
const (
	ActionRunning ActionStatus = "running"
	ActionDone    ActionStatus = "done"
	ActionStopped ActionStatus = "stopped"
	ActionFailed  ActionStatus = "failed"
)

// Action is something that is done to all messages of a filter, the newest first.
type Action struct {
	ID   courier.ID
	Kind ActionKind
	// As is what became of the messages that are resolved.
	As Resolution
	// Filter selects the messages; its After is how far the action is.
	Filter      Query
	Reason, Who string
	At          time.Time
	Status      ActionStatus
	// Examined counts the messages of the filter that it came to, Changed those that it
	// changed, Skipped those that it could not change.
	Examined, Changed, Skipped int64
	// Fault is why it failed.
	Fault              string
	UpdatedAt, EndedAt time.Time
}

// EncodeFilter returns the document of what a query selects.
func EncodeFilter(q *Query) string {
	document, _ := json.Marshal(q) // texts and times can be encoded
	return string(document)
}

// DecodeFilter returns the query of a document.
func DecodeFilter(document string) (q Query, err error) {
	return q, json.Unmarshal([]byte(document), &q)
}

// FirstAction returns the one action that was found, or nil.
func FirstAction(found []Action) *Action {
	if len(found) == 0 {
		return nil
	}
	return &found[0]
}
