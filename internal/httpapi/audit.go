package httpapi

import (
	"cmp"
	"context"
	"log/slog"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"courier/internal/store"
)

// The actions of the audit log.
const (
	auditCancel   = "message.cancel"
	auditRetry    = "message.retry"
	auditResolve  = "message.resolve"
	auditPause    = "gateway.pause"
	auditResume   = "gateway.resume"
	auditTest     = "gateway.test"
	auditStart    = "action.start"
	auditStop     = "action.stop"
	auditSignIn   = "sign_in"
	auditSignOut  = "sign_out"
	anonymous     = "loopback"
	maxReason     = 500
	reasonInvalid = "it is longer than 500 bytes; shorten it"
)

// AuditActions returns all that the audit log may have entries of.
func AuditActions() []string {
	return []string{
		auditCancel, auditRetry, auditResolve, auditPause, auditResume, auditTest, auditStart, auditStop, store.AuditEnd,
		auditSignIn, auditSignOut, store.AuditConfiguration,
	}
}

// who names a key in the audit log. Without keys everybody on this machine may act.
func who(by Key) string { return cmp.Or(by.Name, anonymous) }

// audit enters what a caller did in the audit log. It was done: that it cannot be
// entered is logged, and changes nothing.
func (a *API) audit(ctx context.Context, by Key, entry store.Entry) {
	entry.At, entry.Who = a.now(), who(by)
	if err := a.options.Store.Audit(context.WithoutCancel(ctx), entry); err != nil {
		a.options.Logger.ErrorContext(ctx, "could not enter an action in the audit log", slog.String("action", entry.Action),
			slog.String("api_key", entry.Who), slog.String("target", entry.Target), slog.Any("error", err))
	}
}

// auditEntry is one entry of the audit log.
type auditEntry struct {
	At     moment `json:"at"`
	Who    string `json:"who" example:"shop" doc:"The name of the API key, loopback where none is asked for, or the node that read its configuration anew."`
	Action string `json:"action" example:"message.cancel" doc:"What was done: message.cancel, message.retry, message.resolve, gateway.pause, gateway.resume, gateway.test, action.start, action.stop, action.end, sign_in, sign_out, configuration."`
	Target string `json:"target" doc:"To what: the id of a message, a gateway or an action, or empty."`
	Reason string `json:"reason" doc:"What the caller gave as the reason, or empty."`
	Detail string `json:"detail" doc:"What else there is to say, or empty."`
}

type auditPage struct {
	Entries       []auditEntry `json:"entries" nullable:"false" doc:"The newest first."`
	NextPageToken string       `json:"next_page_token,omitempty" doc:"Asks for the next page; absent after the last."`
}

func auditParams() []*huma.Param {
	text := &huma.Schema{Type: huma.TypeString}
	return append([]*huma.Param{
		param("action", text, "Only entries of this action."),
		param("target", text, "Only entries about this message, gateway or action."),
	}, pageParams()...)
}

func (a *API) listAudit(c *call) (any, error) {
	query := store.AuditQuery{Limit: defaultPageSize}
	err := readQuery(c.r.URL.RawQuery, auditParams(), func(name, value string) (err error) {
		switch name {
		case "action":
			query.Action = value
		case "target":
			query.Target = value
		case "page_size":
			query.Limit, err = readPageSize(value)
		case "page_token":
			if query.Before, err = strconv.ParseInt(value, 10, 64); err != nil || query.Before < 1 {
				return invalid("", unknownPage)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	size := query.Limit
	query.Limit++
	found, err := a.options.Store.Audits(c.r.Context(), query)
	if err != nil {
		return nil, err
	}
	page := auditPage{Entries: []auditEntry{}}
	for _, e := range found[:min(size, len(found))] {
		page.Entries = append(page.Entries, auditEntry{moment(e.At), e.Who, e.Action, e.Target, e.Reason, e.Detail})
	}
	if len(found) > size {
		page.NextPageToken = strconv.FormatInt(found[size-1].Seq, 10)
	}
	return page, nil
}

// ReasonRequest says why something is done.
type ReasonRequest struct {
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why, for the audit log."`
}

func (r *ReasonRequest) check() error {
	if len(r.Reason) > maxReason {
		return invalid("reason", reasonInvalid)
	}
	return nil
}
