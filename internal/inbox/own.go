package inbox

import (
	"encoding/json"
	"net/http"
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

// list writes {"messages": [...]}, the newest last, one message at a time. With
// ?to= only those to that recipient.
func (i *Inbox) list(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	to := r.URL.Query().Get("to")
	requests := i.gateway.Requests()
	separator := `{"messages":[`
	for n := range requests {
		message := newMessage(&requests[n])
		if to != "" && !sameRecipient(message.To, to) {
			continue
		}
		encoded, err := json.Marshal(message)
		if err != nil || !write(w, separator) || !write(w, string(encoded)) {
			return
		}
		separator = ",\n"
	}
	if separator[0] == '{' {
		write(w, separator)
	}
	write(w, "]}\n")
}

// write reports whether the client is still there.
func write(w http.ResponseWriter, text string) bool {
	_, err := w.Write([]byte(text))
	return err == nil
}

// sameRecipient compares numbers by their digits, so that a + that was read as
// a space in a query does no harm, and other recipients as they are.
func sameRecipient(got, want string) bool {
	digits := onlyDigits(want)
	if len(digits) < 3 {
		return strings.EqualFold(strings.TrimSpace(got), strings.TrimSpace(want))
	}
	return onlyDigits(got) == digits
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
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	encoded, err := json.Marshal(map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
	if err == nil {
		write(w, string(encoded)+"\n")
	}
}
