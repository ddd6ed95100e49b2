package gateway

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNew_Refuses checks that what can never work is refused, with the option and the next step.
func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Options)
		says   string
	}{
		"NoName":         {func(o *Options) { o.Name = "" }, "name: is missing"},
		"NoURL":          {func(o *Options) { o.URL = "" }, "url: is missing"},
		"Relative":       {func(o *Options) { o.URL = "/send" }, "url: is not absolute"},
		"NoScheme":       {func(o *Options) { o.URL = "example.com/send" }, "url: is not absolute"},
		"OtherScheme":    {func(o *Options) { o.URL = "ftp://example.com/send" }, "url: is not absolute"},
		"NoHost":         {func(o *Options) { o.URL = "https:///send" }, "url: names no host"},
		"Opaque":         {func(o *Options) { o.URL = "https:example.com/send" }, "url: names no host"},
		"NoPath":         {func(o *Options) { o.URL = "https://example.com" }, "url: has no path: add one"},
		"QueryNoPath":    {func(o *Options) { o.URL = "https://example.com?x=1" }, "url: has no path"},
		"LeadingBlank":   {func(o *Options) { o.URL = " https://example.com/" }, "url: begins or ends with a blank"},
		"TrailingBlank":  {func(o *Options) { o.URL = "https://example.com/\n" }, "url: begins or ends with a blank"},
		"BlankInHost":    {func(o *Options) { o.URL = "https://exa mple.com/" }, "url: is not well-formed"},
		"Port":           {func(o *Options) { o.URL = "https://example.com:65536/" }, `url: has the port "65536"`},
		"PortZero":       {func(o *Options) { o.URL = "https://example.com:0/" }, `url: has the port "0"`},
		"Escape":         {func(o *Options) { o.URL = "https://example.com/%zz" }, "url: is not well-formed: invalid URL escape"},
		"Control":        {func(o *Options) { o.URL = "https://example.com/\x00" }, "url: is not well-formed"},
		"ControlInQuery": {func(o *Options) { o.URL = "https://example.com/?a=b\tc" }, "url: is not well-formed"},
		"LineInQuery":    {func(o *Options) { o.URL = "https://example.com/?a=b\nc" }, "url: is not well-formed"},
		"NoMethod":       {func(o *Options) { o.Method = "" }, "method: is missing"},
		"BadMethod":      {func(o *Options) { o.Method = "PO ST" }, "method: "},
		"MethodLine":     {func(o *Options) { o.Method = "POST\r\nX: y" }, "method: "},
		"HeaderName":     {func(o *Options) { o.Header = map[string]string{"X Y": "1"} }, `headers: "X Y" is no header name`},
		"HeaderEmpty":    {func(o *Options) { o.Header = map[string]string{"": "1"} }, "headers: "},
		"HeaderLine":     {func(o *Options) { o.Header = map[string]string{"X-A": "1\nX-B: 2"} }, "headers.X-A: the value holds a line break"},
		"HeaderNUL":      {func(o *Options) { o.Header = map[string]string{"X-A": "\x00"} }, "headers.X-A"},
		"BasicEmpty":     {func(o *Options) { o.Auth = BasicAuth{} }, "auth.config: give user and password"},
		"KeyNoName":      {func(o *Options) { o.Auth = APIKey{Value: "v", In: KeyInHeader} }, "auth.config.name"},
		"KeyNoPlace":     {func(o *Options) { o.Auth = APIKey{Name: "n", Value: "v"} }, "auth.config.in"},
		"KeyPlace":       {func(o *Options) { o.Auth = APIKey{Name: "n", Value: "v", In: "query"} }, "auth.config.in"},
		"KeyHeaderName":  {func(o *Options) { o.Auth = APIKey{Name: "a b", Value: "v", In: KeyInHeader} }, "auth.config: "},
		"KeyHeaderValue": {func(o *Options) { o.Auth = APIKey{Name: "a", Value: "v\r", In: KeyInHeader} }, "auth.config.a"},
		"CookieName":     {func(o *Options) { o.Auth = APIKey{Name: "a=b", Value: "v", In: KeyInCookie} }, "auth.config.name"},
		"CookieValue":    {func(o *Options) { o.Auth = APIKey{Name: "a", Value: "v;w", In: KeyInCookie} }, "auth.config.value"},
		"Params":         {func(o *Options) { o.Params = map[string]any{"f": func() {}} }, "params: "},
		"Exception": {func(o *Options) {
			o.PrivateIPs = PrivateIPPolicy{Disallow: true, ExceptionURLs: []string{"http://ok/", "http://[x"}}
		}, "clients.http.private_ip_exception_urls[1]"},
	} {
		options := Options{Name: "sms", URL: "https://example.com/send", Method: "POST"}
		c.change(&options)
		_, err := New(options)
		if _, ok := errors.AsType[*OptionError](err); !ok || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error is %v, want %q", name, err, c.says)
		}
	}
}

// TestNew_TellsAll checks that all faults are told at once.
func TestNew_TellsAll(t *testing.T) {
	t.Parallel()
	_, err := New(Options{Header: map[string]string{"a b": "", "c": "\n"}, Auth: APIKey{}})
	for _, part := range []string{"name:", "url:", "method:", `"a b"`, "headers.c", "auth.config.name"} {
		wantText(t, err, part)
	}
}

// TestStaticHeader checks which of several settings of a header is sent.
func TestStaticHeader(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		url    string
		header map[string]string
		auth   Auth
		want   map[string][]string
	}{
		"Default":            {"http://h/", nil, nil, nil},
		"EmptyContentType":   {"http://h/", map[string]string{"content-type": ""}, nil, nil},
		"Canonical":          {"http://h/", map[string]string{"x-my-HEADER": "a", "X_under": "b"}, nil, map[string][]string{"X-My-Header": {"a"}, "X_under": {"b"}}},
		"SameNameTwice":      {"http://h/", map[string]string{"x-a": "lower", "X-A": "upper"}, nil, map[string][]string{"X-A": {"upper", "lower"}}},
		"Ignored":            {"http://h/", map[string]string{"host": "x", "CONTENT-LENGTH": "9", "Transfer-Encoding": "chunked", "trailer": "x"}, nil, nil},
		"BasicBeatsHeader":   {"http://h/", map[string]string{"authorization": "Bearer x"}, BasicAuth{"u", "p"}, map[string][]string{"Authorization": {"Basic dTpw"}}},
		"BasicBeatsUserinfo": {"http://a:b@h/", nil, BasicAuth{"u", "p"}, map[string][]string{"Authorization": {"Basic dTpw"}}},
		"HeaderBeatsUserinfo": {
			"http://a:b@h/",
			map[string]string{"Authorization": "Bearer x"},
			nil,
			map[string][]string{"Authorization": {"Bearer x"}},
		},
		"KeyBeatsUserinfo": {"http://a:b@h/", nil, APIKey{"authorization", "k", KeyInHeader}, map[string][]string{"Authorization": {"k"}}},
		"CookieAppended":   {"http://h/", map[string]string{"cookie": "a=b"}, APIKey{"sid", "k1", KeyInCookie}, map[string][]string{"Cookie": {"a=b; sid=k1"}}},
		"CookieQuoted":     {"http://h/", nil, APIKey{"sid", "a b,c", KeyInCookie}, map[string][]string{"Cookie": {`sid="a b,c"`}}},
		"UserOnly":         {"http://a@h/", nil, nil, map[string][]string{"Authorization": {"Basic YTo="}}},
		"KeyIsContentType": {
			"http://h/",
			map[string]string{"Content-Type": "text/plain"},
			APIKey{"content-type", mediaForm, KeyInHeader},
			map[string][]string{"Content-Type": {mediaForm}},
		},
		"NoUserAgent": {"http://h/", map[string]string{"user-agent": ""}, nil, map[string][]string{"User-Agent": {""}}},
	} {
		g := newGateway(t, Options{URL: c.url, Header: c.header, Auth: c.auth})
		want := map[string][]string{"Content-Type": {mediaJSON}}
		maps.Copy(want, c.want)
		if diff := cmp.Diff(want, map[string][]string(g.header)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestGateway_Wire checks on the wire what the header table cannot show.
func TestGateway_Wire(t *testing.T) {
	t.Parallel()
	const (
		agent = "User-Agent: Go-http-client/1.1\r\n"
		json  = "Content-Type: application/json\r\n"
		gzip  = "Accept-Encoding: gzip\r\n"
	)
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"NoUserAgent": {
			Options{URL: "http://gateway.test/", Header: map[string]string{"User-Agent": ""}},
			"POST / HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 0\r\n" + json + gzip + "\r\n",
		},
		"Query": {
			Options{URL: "http://gateway.test/a%2Fb/../c?to=a%20b&k=%2B1&empty&q='\"#part"},
			"POST /a%2Fb/../c?to=a%20b&k=%2B1&empty&q='\" HTTP/1.1\r\nHost: gateway.test\r\n" + agent + "Content-Length: 0\r\n" + json + gzip + "\r\n",
		},
		"Blanks": {
			Options{URL: "http://gateway.test/a b/é?text=Your code&name=Zoë", Method: "GET"},
			"GET /a%20b/%C3%A9?text=Your%20code&name=Zo%C3%AB HTTP/1.1\r\nHost: gateway.test\r\n" + agent + json + gzip + "\r\n",
		},
		"EscapesAndBlanks": {
			Options{URL: "http://gateway.test/a b/%2F/ü%3f;x='[1]'!?q=ü z%2f", Method: "GET"},
			"GET /a%20b/%2F/%C3%BC%3f;x='[1]'!?q=%C3%BC%20z%2f HTTP/1.1\r\nHost: gateway.test\r\n" + agent + json + gzip + "\r\n",
		},
		"EmptyQuery": {
			Options{URL: "http://gateway.test/?", Method: "GET"},
			"GET /? HTTP/1.1\r\nHost: gateway.test\r\n" + agent + json + gzip + "\r\n",
		},
		"MethodAsWritten": {
			Options{URL: "http://gateway.test/", Method: "post", Template: constant(`[1]`)},
			"post / HTTP/1.1\r\nHost: gateway.test\r\n" + agent + "Content-Length: 3\r\n" + json + gzip + "\r\n[1]",
		},
		"Identity": {
			Options{URL: "http://gateway.test/", Header: map[string]string{"Accept-Encoding": "identity"}},
			"POST / HTTP/1.1\r\nHost: gateway.test\r\n" + agent + "Content-Length: 0\r\nAccept-Encoding: identity\r\n" + json + "\r\n",
		},
		"TrimmedValue": {
			Options{URL: "http://gateway.test/", Header: map[string]string{"X-A": "  a\t"}},
			"POST / HTTP/1.1\r\nHost: gateway.test\r\n" + agent + "Content-Length: 0\r\n" + json + "X-A: a\r\n" + gzip + "\r\n",
		},
		"PlainText": {
			Options{URL: "http://gateway.test/", Template: constant(`"a\nb"`), Header: map[string]string{"Content-Type": "text/plain"}},
			"POST / HTTP/1.1\r\nHost: gateway.test\r\n" + agent + "Content-Length: 3\r\nContent-Type: text/plain\r\n" + gzip + "\r\na\nb",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startWire(t, okAnswer)
			c.options.URL = server.target(c.options.URL)
			if attempt := send(t, newGateway(t, c.options), loginMessage()); attempt.HTTPStatus != 201 {
				t.Fatalf("Send() = %+v", attempt)
			}
			if diff := cmp.Diff(c.want, server.next(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
