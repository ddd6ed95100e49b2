package inbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// serveOwn answers the inbox's own interface.
func (i *Inbox) serveOwn(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != messagesPath:
		problem(w, http.StatusNotFound, "the inbox has only "+messagesPath+" below /_inbox/")
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		i.list(w, r)
	case r.Method == http.MethodDelete:
		i.Clear()
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "GET, HEAD, DELETE")
		problem(w, http.StatusMethodNotAllowed, "use GET to list the messages and DELETE to empty the inbox")
	}
}

// list writes {"messages": [...]}, the newest last. With ?to= only those to that recipient.
func (i *Inbox) list(w http.ResponseWriter, r *http.Request) {
	messages := i.Messages()
	if to := r.URL.Query().Get("to"); to != "" {
		messages = slices.DeleteFunc(messages, func(m Message) bool { return !m.IsTo(to) })
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, "application/json", http.StatusOK, map[string]any{"messages": messages})
}

func writeJSON(w http.ResponseWriter, kind string, status int, value any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // an error means that the client is gone
}

// IsTo compares numbers by their digits, so that a + that was read as a space in a query
// does no harm, and other recipients as they are.
func (m *Message) IsTo(to string) bool {
	digits := onlyDigits(to)
	if len(digits) < 3 {
		return strings.EqualFold(strings.TrimSpace(m.To), strings.TrimSpace(to))
	}
	return onlyDigits(m.To) == digits
}

func onlyDigits(text string) string {
	return strings.Map(func(char rune) rune {
		if '0' <= char && char <= '9' {
			return char
		}
		return -1
	}, text)
}

func problem(w http.ResponseWriter, status int, detail string) {
	writeJSON(w, "application/problem+json", status,
		map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
}
