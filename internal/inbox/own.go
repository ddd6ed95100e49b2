package inbox

import (
	"embed"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
)

// ownPath is below which the inbox has its own interface.
const ownPath = "/_inbox/"

// maxForm bounds what a form of the page sends.
const maxForm = 64 << 10

//go:embed inbox.css inbox.js
var assets embed.FS

// routes are the inbox's own interface.
func (i *Inbox) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_inbox/{$}", i.page)
	mux.Handle("GET /_inbox/assets/", http.StripPrefix("/_inbox/assets", http.FileServerFS(assets)))
	mux.HandleFunc("GET /_inbox/events", i.events)
	mux.HandleFunc("GET /_inbox/code", i.code)
	mux.HandleFunc("GET /_inbox/messages", i.list)
	mux.HandleFunc("GET /_inbox/messages/{id}", i.get)
	mux.HandleFunc("DELETE /_inbox/messages", func(w http.ResponseWriter, _ *http.Request) {
		i.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	for path, handle := range map[string]http.HandlerFunc{"gateway": i.setGateway, "receipts": i.sendReceipt, "empty": i.empty} {
		mux.HandleFunc("POST /_inbox/"+path, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			handle(w, r)
		})
	}
	mux.HandleFunc("/_inbox/messages", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", "GET, HEAD, DELETE")
		problem(w, http.StatusMethodNotAllowed, "use GET to list the messages and DELETE to empty the inbox")
	})
	mux.HandleFunc(ownPath, func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusNotFound, "the inbox has GET messages, messages/ID, code and events, DELETE messages, POST gateway, receipts and empty below /_inbox/")
	})
	return mux
}

// list writes {"messages": [...]}, the newest last. With ?to= only those to that recipient.
func (i *Inbox) list(w http.ResponseWriter, r *http.Request) {
	messages := i.Messages()
	if to := r.URL.Query().Get("to"); to != "" {
		messages = slices.DeleteFunc(messages, func(m Message) bool { return !m.IsTo(to) })
	}
	writeJSON(w, "application/json", http.StatusOK, map[string]any{"messages": messages})
}

// get writes one message.
func (i *Inbox) get(w http.ResponseWriter, r *http.Request) {
	request, found := i.find(r.PathValue("id"))
	if !found {
		problem(w, http.StatusNotFound, "the inbox has no message with this id")
		return
	}
	writeJSON(w, "application/json", http.StatusOK, i.message(request))
}

func writeJSON(w http.ResponseWriter, kind string, status int, value any) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // an error means that the client is gone
}

// IsTo compares numbers by their digits, so that a + that was read as a space in a query
// does no harm, and other recipients as they are.
func (m *Message) IsTo(to string) bool { return phoneOf(m.To) == phoneOf(to) }

// phoneOf is equal for recipients that are the same phone.
func phoneOf(to string) string {
	digits := strings.Map(func(char rune) rune {
		if '0' <= char && char <= '9' {
			return char
		}
		return -1
	}, to)
	if len(digits) < 3 {
		return strings.ToLower(strings.TrimSpace(to))
	}
	return digits
}

func problem(w http.ResponseWriter, status int, detail string) {
	writeJSON(w, "application/problem+json", status,
		map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
}

// isOwnHost reports whether the Host of a request is one that no stranger can point at
// this address: none, an IP address or localhost, as on the admin listener. Any other may
// be a page elsewhere whose name was bound to this address to read codes.
func (i *Inbox) isOwnHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(strings.ToLower(host), "[].")
	return host == "" || net.ParseIP(host) != nil || host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		i.containerNames && !strings.Contains(host, ".")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// isForeign reports whether a browser asks for another site: every browser says so, and
// no other program does. A link to the page, which shows it and no more, may be on any.
func isForeign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if site == "same-origin" || site == "none" {
		return false
	}
	isLink := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && (r.URL.Path == ownPath || r.URL.Path == "/")
	if site != "" {
		return !isLink
	}
	origin := r.Header.Get("Origin") // what old browsers send with forms
	return origin != "" && origin != "http://"+r.Host && origin != "https://"+r.Host
}
