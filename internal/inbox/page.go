package inbox

import (
	"html/template"
	"net"
	"net/http"
	"slices"
	"strings"
)

// pageText lists the messages, the newest first. The browser asks again by itself.
const pageText = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="3">
<link rel="icon" href="data:,">
<title>courier inbox</title>
<style>
body { font-family: system-ui, sans-serif; margin: 2rem; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1.5rem .3rem 0; border-bottom: 1px solid #ccc; }
td.text { white-space: pre-wrap; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>Inbox</h1>
{{if .}}<table>
<tr><th>Received</th><th>To</th><th>Text</th><th>Request</th><th>Answer</th></tr>
{{range .}}<tr><td>{{.ReceivedAt.Format "2006-01-02 15:04:05.000Z07:00"}}</td><td>{{.To}}</td><td class="text">{{.Text}}</td><td>{{.Method}}</td><td>{{if .Status}}{{.Status}}{{else}}none{{end}}</td></tr>
{{end}}</table>
{{else}}<p>No message has come yet. Send requests to any other path of this address.</p>
{{end}}<p><a href="/_inbox/messages">All as JSON</a></p>
</body>
</html>
`

// isPage reports whether a request asks for the page. A gateway's request to the root
// has a body or a query.
func isPage(r *http.Request) bool {
	return r.URL.Path == "/" && r.URL.RawQuery == "" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

func (i *Inbox) servePage(w http.ResponseWriter) {
	messages := i.Messages()
	slices.Reverse(messages)
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'")
	// An error means that the browser is gone.
	_ = template.Must(template.New("inbox").Parse(pageText)).Execute(w, messages)
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
