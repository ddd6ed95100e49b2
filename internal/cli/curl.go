package cli

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// wireText is a request as it goes to a gateway, ready to be printed.
type wireText struct {
	Method string      `json:"method"`
	URL    string      `json:"url"`
	Header http.Header `json:"headers"`
	Body   string      `json:"body"`
}

// curl returns the curl command that makes the same request, for a POSIX shell.
// The headers that curl would add of its own are taken away, but for
// Content-Length, Host and those of the connection.
func (w wireText) curl() string {
	lines := []string{"curl --globoff " + w.methodFlag() + " " + quoteShell(w.URL)}
	for _, name := range []string{"Accept", "Content-Type", "User-Agent"} {
		if _, given := w.Header[name]; !given && (name != "Content-Type" || w.Body != "") {
			lines = append(lines, "-H "+quoteShell(name+":"))
		}
	}
	for _, name := range sortedNames(w.Header) {
		for _, value := range w.Header[name] {
			lines = append(lines, "-H "+quoteShell(headerArgument(name, value)))
		}
	}
	prefix := ""
	switch {
	case w.Body == "":
	case utf8.ValidString(w.Body) && !strings.ContainsRune(w.Body, 0):
		lines = append(lines, "--data-raw "+quoteShell(w.Body))
	default:
		prefix = "printf %s " + base64.StdEncoding.EncodeToString([]byte(w.Body)) + " | base64 -d | "
		lines = append(lines, "--data-binary @-")
	}
	return prefix + strings.Join(lines, " \\\n  ")
}

func (w wireText) methodFlag() string {
	if w.Method == http.MethodHead && w.Body == "" {
		return "--head"
	}
	return "--request " + quoteShell(w.Method)
}

func sortedNames(header http.Header) []string {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
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

// quoteShell quotes a text for a POSIX shell where it needs it.
func quoteShell(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,"
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
