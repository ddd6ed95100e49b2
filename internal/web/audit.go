package web

import (
	"fmt"
	"net/url"
	"strings"

	"courier"
	"courier/client"
	"courier/internal/httpapi"
)

// auditPage is the page of the audit log.
type auditPage struct {
	Entries     []client.AuditEntry
	Actions     []option
	Target      string
	Filtered    bool
	Later       bool
	First, Next string
}

func showAudit(v *visit) error {
	query := v.R.URL.Query()
	asked := client.AuditQuery{Action: query.Get("action"), Target: query.Get("target"), PageSize: pageSize, PageToken: query.Get("page_token")}
	found, err := v.api.Audit(v.R.Context(), asked)
	if err != nil {
		return fmt.Errorf("read audit log: %w", err)
	}
	query.Del("page_token")
	page := auditPage{
		Entries: found.Entries, Actions: choices("Any action", asked.Action, httpapi.AuditActions()), Target: asked.Target,
		Filtered: asked.Action != "" || asked.Target != "", Later: asked.PageToken != "", First: address("/audit", query),
	}
	if found.NextPageToken != "" {
		query.Set("page_token", found.NextPageToken)
		page.Next = address("/audit", query)
	}
	return v.show("audit", frame{Title: "Audit log", Section: "Audit", Live: !page.Later, Data: page})
}

// targetPath is the page of what an entry of the audit log is about, empty for none.
func targetPath(action, target string) string {
	kind, _, _ := strings.Cut(action, ".")
	switch kind {
	case "message":
		if _, err := courier.ParseID(target); err == nil {
			return "/messages/" + target
		}
	case "action":
		if _, err := courier.ParseID(target); err == nil {
			return "/actions/" + target
		}
	case "gateway":
		return "/gateways/" + url.PathEscape(target)
	}
	return ""
}
