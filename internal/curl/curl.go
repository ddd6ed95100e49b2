// Package curl writes HTTP requests as commands of curl.
package curl

import (
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// Request is a request as it goes to a server, ready to be printed.
type Request struct {
	Method string      `json:"method"`
	URL    string      `json:"url"`
	Header http.Header `json:"headers"`
	Body   string      `json:"body"`
}

// Of returns what a request would send, and reads its body.
func Of(request *http.Request) (*Request, error) {
	r := &Request{Method: request.Method, URL: request.URL.String(), Header: request.Header.Clone()}
	if _, given := r.Header["User-Agent"]; !given {
		r.Header.Set("User-Agent", "Go-http-client/1.1") // what net/http sends then
	}
	if request.Body == nil || request.Body == http.NoBody {
		return r, nil
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	r.Body = string(body)
	return r, request.Body.Close()
}

// Command returns the curl command that makes the same request, for a POSIX shell.
// The headers that curl would add of its own are taken away, but for
// Content-Length, Host and those of the connection.
func (r *Request) Command() string {
	method := "--request " + Quote(r.Method)
	if r.Method == http.MethodHead && r.Body == "" {
		method = "--head"
	}
	lines := []string{"curl --globoff " + method + " " + Quote(r.URL)}
	for _, name := range []string{"Accept", "Content-Type", "User-Agent"} {
		if _, given := r.Header[name]; !given && (name != "Content-Type" || r.Body != "") {
			lines = append(lines, "-H "+Quote(name+":"))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			lines = append(lines, "-H "+Quote(headerArgument(name, value)))
		}
	}
	prefix := ""
	switch {
	case r.Body == "":
	case utf8.ValidString(r.Body) && !strings.ContainsRune(r.Body, 0):
		lines = append(lines, "--data-raw "+Quote(r.Body))
	default:
		prefix = "printf %s " + base64.StdEncoding.EncodeToString([]byte(r.Body)) + " | base64 -d | "
		lines = append(lines, "--data-binary @-")
	}
	return prefix + strings.Join(lines, " \\\n  ")
}

// headerArgument ends the name of an empty header with a semicolon, as a colon
// would make curl leave it out; an empty User-Agent is what is left out.
func headerArgument(name, value string) string {
	switch {
	case value != "":
		return name + ": " + value
	case name == "User-Agent":
		return name + ":"
	default:
		return name + ";"
	}
}

// Quote quotes a text for a POSIX shell where it needs it.
func Quote(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,"
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
