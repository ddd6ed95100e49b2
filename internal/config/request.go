package config

import (
	"encoding/base64"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// requestReader reads one request_config that is in use. The types of its
// values were checked before; what has the wrong one is passed over.
type requestReader struct {
	*checker
	node *node
	path string
}

func (r *requestReader) below(key string) string { return joinPath(r.path, key) }

func (r *requestReader) url() Secret {
	n, path := r.node.get("url"), r.below("url")
	address, ok := r.resolve(n, path)
	if !ok {
		return Secret{}
	}
	if fault := urlFault(address.Reveal()); fault != "" {
		r.problem(n.at, path, "%s", fault)
	}
	return address
}

// urlFault says what is wrong with the address of a gateway. It quotes no more
// of it than the host, as the rest may hold credentials.
func urlFault(address string) string {
	const want = "expected an absolute http or https URL such as https://gateway.example/messages"
	parsed, err := url.Parse(address)
	switch {
	case err != nil:
		return want + "; this one is malformed: look for blanks, a stray % or a port that is no number"
	case parsed.Scheme == "" || parsed.Host == "" && parsed.Scheme != "http" && parsed.Scheme != "https":
		return want + "; this one has no scheme and host"
	case parsed.Scheme != "http" && parsed.Scheme != "https":
		return want + "; this one has another scheme"
	case parsed.Hostname() == "":
		return want + "; this one has no host"
	case !validPort(parsed.Port()):
		return want + "; the port is not between 1 and 65535"
	case parsed.Path == "":
		return "expected a URL with a path; add it, if only a slash after the host: " + parsed.Scheme + "://" + parsed.Host + "/"
	}
	return ""
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	value, err := strconv.Atoi(port)
	return err == nil && value > 0 && value <= 65535
}

func (r *requestReader) method() string {
	n, path := r.node.get("method"), r.below("method")
	method, ok := textOf(n)
	if !ok {
		return ""
	}
	if !httpguts.ValidHeaderFieldName(method) { // a method is a token, as a header name is: RFC 9110, 9.1
		r.problem(n.at, path, "expected an HTTP method such as POST, got %q", clip(method))
	}
	return method
}

func (r *requestReader) header() map[string]Secret {
	header := map[string]Secret{}
	r.readHeader(header, r.node.get("headers"), r.below("headers"))
	r.readHeader(header, r.node.get("header"), r.below("header"))
	return header
}

func (r *requestReader) readHeader(header map[string]Secret, n *node, path string) {
	if n.isNothing() {
		return
	}
	seen := map[string]string{}
	for _, e := range n.entries {
		at := joinPath(path, e.key)
		r.headerName(e.key, e.at, at)
		canonical := textproto.CanonicalMIMEHeaderKey(e.key)
		if first, again := seen[canonical]; again {
			r.problem(e.at, at, "the header is given twice, also as %q; keep one", first)
		}
		seen[canonical] = e.key
		if value, ok := r.resolve(e.value, at); ok {
			r.headerValue(value, e.value.at, at)
			header[e.key] = value
		}
	}
}

func (r *requestReader) headerName(name string, at Position, path string) {
	if !httpguts.ValidHeaderFieldName(name) {
		r.problem(at, path, "expected the name of a header: letters, digits and hyphens, no blanks")
		return
	}
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
		r.warn(at, path, "the header is set from the request itself; this value is ignored, as in Kratos")
	}
}

func (r *requestReader) headerValue(value Secret, at Position, path string) {
	if !httpguts.ValidHeaderFieldValue(value.Reveal()) {
		r.problem(at, path, "the value holds a line break or another control character, which no header can carry")
	}
}

func (r *requestReader) auth(s *spec) Auth {
	n, path := r.node.get("auth"), r.below("auth")
	if n.isNothing() || n.kind != mapNode {
		return Auth{}
	}
	r.requireKeys(s, n, path)
	kind, _ := textOf(n.get("type"))
	fields, known := s.variants[kind]
	config, below := n.get("config"), joinPath(path, "config")
	if !known || config.isNothing() || config.kind != mapNode {
		return Auth{}
	}
	r.requireKeys(&spec{children: fields}, config, below)
	if AuthType(kind) == AuthBasic {
		return r.basicAuth(config, below)
	}
	return r.apiKey(config, below)
}

func (r *requestReader) basicAuth(n *node, path string) Auth {
	user, _ := r.resolve(n.get("user"), joinPath(path, "user"))
	password, _ := r.resolve(n.get("password"), joinPath(path, "password"))
	if strings.Contains(user.Reveal(), ":") {
		r.warn(n.get("user").at, joinPath(path, "user"), "the user holds a colon, which ends the user in basic authentication")
	}
	return Auth{Type: AuthBasic, User: user, Password: password}
}

func (r *requestReader) apiKey(n *node, path string) Auth {
	auth := Auth{Type: AuthAPIKey}
	auth.Name, _ = textOf(n.get("name"))
	auth.In, _ = textOf(n.get("in"))
	valueAt := joinPath(path, "value")
	value, ok := r.resolve(n.get("value"), valueAt)
	auth.Value = value
	if name := n.get("name"); name != nil && name.kind == textNode {
		r.keyName(auth, name.at, joinPath(path, "name"))
	}
	if !ok {
		return auth
	}
	switch auth.In {
	case InHeader:
		r.headerValue(value, n.get("value").at, valueAt)
	case InCookie:
		r.cookieValue(value, n.get("value").at, valueAt)
	}
	return auth
}

func (r *requestReader) keyName(auth Auth, at Position, path string) {
	switch {
	case auth.In == InHeader:
		r.headerName(auth.Name, at, path)
	case auth.In == InCookie && !httpguts.ValidHeaderFieldName(auth.Name): // a cookie name is a token too: RFC 6265, 4.1.1
		r.problem(at, path, "expected the name of a cookie: letters, digits and hyphens, no blanks")
	}
}

// cookieValue refuses what net/http would silently leave out of a cookie.
func (r *requestReader) cookieValue(value Secret, at Position, path string) {
	unfit := func(c rune) bool { return c < ' ' || c > '~' || strings.ContainsRune(`";\`, c) }
	if strings.ContainsFunc(value.Reveal(), unfit) {
		r.problem(at, path, "the value holds a character that no cookie can carry: a quote, a semicolon, a backslash or one outside ASCII")
	}
}

func (r *requestReader) body(method string) BodySource {
	n, path := r.node.get("body"), r.below("body")
	uri, ok := textOf(n)
	if !ok {
		return BodySource{Kind: BodyNone}
	}
	scheme, rest, found := strings.Cut(uri, "://")
	source := BodySource{URI: NewSecret(uri), Kind: bodyKind(scheme)}
	switch {
	case !found || source.Kind == BodyNone:
		r.problem(n.at, path, "expected a template by file://, base64://, http:// or https://, such as file://./sms.jsonnet")
		return source
	case method == http.MethodTrace:
		return BodySource{Kind: BodyNone}
	case rest == "":
		r.problem(n.at, path, "expected a template after %s://", scheme)
		return source
	}
	switch source.Kind {
	case BodyFile:
		source.Path = r.bodyFile(n, path, rest)
	case BodyInline:
		source.Inline = r.bodyInline(n, path, rest)
	case BodyHTTP:
		if fault := urlFault(uri); fault != "" && !strings.Contains(fault, "with a path") {
			r.problem(n.at, path, "%s", fault)
		}
	case BodyNone:
	}
	return source
}

func bodyKind(scheme string) BodyKind {
	switch scheme {
	case "file":
		return BodyFile
	case "base64":
		return BodyInline
	case "http", "https":
		return BodyHTTP
	default:
		return BodyNone
	}
}

func (r *requestReader) bodyFile(n *node, path, name string) string {
	file := r.file(name)
	if _, err := r.read(file, maxFileSize); err != nil {
		r.problem(n.at, path, "read template file %s: %s", clip(name), explainFile(err))
	}
	return file
}

func (r *requestReader) bodyInline(n *node, path, encoded string) []byte {
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		r.problem(n.at, path, "the template is not base64 in the standard alphabet with padding; encode it with: base64 -w0 sms.jsonnet")
	case len(decoded) == 0:
		r.problem(n.at, path, "the template is empty")
	}
	return decoded
}
