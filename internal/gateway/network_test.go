package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"courier"
	"courier/internal/gateway/gatewaytest"
)

// TestGateway_TLS sends over every protocol, with headers that HTTP/2 forbids.
func TestGateway_TLS(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol gatewaytest.Protocol) {
		t.Helper()
		fake, url, client := gatewaytest.StartOver(t, protocol, gatewaytest.Options{})
		for i, method := range []string{"POST", "TRACE", "GET"} {
			g := newGateway(t, Options{
				URL: url + "/send", Method: method, TLSConfig: client, Template: constant(`{"a":1}`),
				Header: map[string]string{"Transfer-Encoding": "chunked", "Host": "x", "Content-Length": "5"},
			})
			if attempt := send(t, g, loginMessage()); attempt.Outcome != courier.OutcomeAccepted {
				t.Errorf("Send() = %+v", attempt)
			}
			body := `{"a":1}`
			if method == "TRACE" {
				body = ""
			}
			if got := fake.Requests()[i]; got.Method != method || string(got.Body) != body {
				t.Errorf("the gateway saw %s %q", got.Method, got.Body)
			}
		}
	})
}

// wantUnsent checks the verdict on a gateway that could not be connected to: it
// costs no message a try, and says why and what to do.
func wantUnsent(t *testing.T, attempt courier.Attempt, says ...string) {
	t.Helper()
	if attempt.Outcome != courier.OutcomeGatewayDown || attempt.Class != courier.ClassNetworkError ||
		attempt.Scope != courier.ScopeGateway || !attempt.Unsent || attempt.HTTPStatus != 0 {
		t.Errorf("Send() = %+v", attempt)
	}
	for _, part := range says {
		if !strings.Contains(attempt.Message, part) {
			t.Errorf("%q does not say %q", attempt.Message, part)
		}
	}
}

// TestGateway_NothingSent meets faults before there is a connection.
func TestGateway_NothingSent(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol gatewaytest.Protocol) {
		t.Helper()
		fake, url, client := gatewaytest.StartOver(t, protocol, gatewaytest.Options{})
		g := newGateway(t, Options{URL: url + "/", TLSConfig: client, PrivateIPs: PrivateIPPolicy{Disallow: true}})
		wantUnsent(t, send(t, g, loginMessage()), "private address", "private_ip_exception_urls")
		if fake.Count() != 0 {
			t.Error("a private address was sent a message")
		}
		scheme, _, _ := strings.Cut(url, "://")
		g = newGateway(t, Options{URL: scheme + "://127.0.0.1:1/", TLSConfig: client})
		wantUnsent(t, send(t, g, loginMessage()), "refused the connection", "host and port in url")
		g = newGateway(t, Options{URL: scheme + "://gateway.invalid/", TLSConfig: client})
		wantUnsent(t, send(t, g, loginMessage()), "has a host name that")
	})
}

// listenTLS listens with any configuration of TLS, and wants no request.
func listenTLS(t *testing.T, certificate *gatewaytest.Certificate, change func(*tls.Config)) string {
	t.Helper()
	return serveTLS(t, certificate, change, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a request came")
	}))
}

// serveTLS serves HTTP over TLS with any configuration.
func serveTLS(t *testing.T, certificate *gatewaytest.Certificate, change func(*tls.Config), handler http.Handler) string {
	t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{certificate.TLS}, MinVersion: tls.VersionTLS12}
	change(config)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ErrorLog: discardLog(), ReadHeaderTimeout: patience, Handler: handler}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	return "https://" + listener.Addr().String()
}

func newCertificate(t *testing.T, until time.Time) *gatewaytest.Certificate {
	t.Helper()
	certificate, err := gatewaytest.NewCertificate(until)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// TestGateway_TLSFaults names why TLS cannot be spoken, and what to do.
func TestGateway_TLSFaults(t *testing.T) {
	t.Parallel()
	certificate, expired := newCertificate(t, time.Now().Add(time.Hour)), newCertificate(t, time.Now().Add(-time.Minute))
	_, plain := gatewaytest.Start(t, gatewaytest.Options{})
	nothing := func(*tls.Config) {}
	for name, c := range map[string]struct {
		certificate *gatewaytest.Certificate
		server      func(*tls.Config)
		client      func(*tls.Config)
		url         func(string) string
		says        []string
	}{
		"Untrusted": {certificate, nothing, func(c *tls.Config) { c.RootCAs = nil }, nil, []string{"certificate that is not trusted: no authority", "SSL_CERT_FILE"}},
		"WrongName": {certificate, nothing, func(c *tls.Config) { c.ServerName = "other.test" }, nil, []string{"certificate that is not trusted: it is for another host", "host in url"}},
		"Expired":   {expired, nothing, nothing, nil, []string{"has expired", "renewed"}},
		"OldTLS": {
			certificate, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, nothing, nil,
			[]string{"speaks no version of TLS", "TLS 1.2 or newer"},
		},
		"ClientCertificate12": {
			certificate, func(c *tls.Config) { c.MaxVersion, c.ClientAuth = tls.VersionTLS12, tls.RequireAnyClientCert }, nothing, nil,
			[]string{"wants a client certificate", "tls.cert"},
		},
		"ClientCertificate13": {
			certificate, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }, nothing, nil,
			[]string{"wants a client certificate", "tls.cert"},
		},
		"ClientCertificateHTTP2": {
			certificate, func(c *tls.Config) { c.ClientAuth, c.NextProtos = tls.RequireAnyClientCert, []string{"h2"} }, nothing, nil,
			[]string{"wants a client certificate", "tls.cert"},
		},
		"OtherClientCertificate": {
			certificate, func(c *tls.Config) { c.ClientAuth = tls.RequireAndVerifyClientCert },
			func(c *tls.Config) { c.Certificates = []tls.Certificate{expired.TLS} }, nil,
			[]string{"wants a client certificate", "that it knows"},
		},
		"NoTLS":   {certificate, nothing, nothing, func(string) string { return strings.Replace(plain, "http://", "https://", 1) }, []string{"does not speak TLS", "http:// in url"}},
		"OnlyTLS": {certificate, nothing, nothing, func(url string) string { return strings.Replace(url, "https://", "http://", 1) }, []string{"speaks TLS", "https:// in url"}},
		"Refusing": {certificate, func(c *tls.Config) {
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, io.EOF }
		}, nothing, nil, []string{"TLS handshake"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, client := listenTLS(t, c.certificate, c.server), c.certificate.Client()
			c.client(client)
			if c.url != nil {
				url = c.url(url)
			}
			g := newGateway(t, Options{URL: url + "/", TLSConfig: client, Template: echo()})
			for range 3 {
				wantUnsent(t, send(t, g, loginMessage()), c.says...)
			}
		})
	}
}

// TestGateway_ClientCertificate shows the gateway's own certificate to the gateway, and none
// to the proxy before it.
func TestGateway_ClientCertificate(t *testing.T) {
	t.Parallel()
	certificate := newCertificate(t, time.Now().Add(time.Hour))
	address := serveTLS(t, certificate, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }, gatewaytest.New(gatewaytest.Options{}))
	shown := make(chan int, 1)
	proxy := serveTLS(t, certificate, func(c *tls.Config) {
		c.ClientAuth = tls.RequestClientCert
		c.VerifyConnection = func(state tls.ConnectionState) error {
			shown <- len(state.PeerCertificates)
			return nil
		}
	}, &proxyServer{})
	client := certificate.Client()
	client.Certificates = []tls.Certificate{certificate.TLS}
	for _, proxyFunc := range []func(*url.URL) (*url.URL, error){nil, through(t, proxy)} {
		g := newGateway(t, Options{URL: address + "/", TLSConfig: client, Template: echo(), ProxyFunc: proxyFunc})
		if attempt := send(t, g, loginMessage()); attempt.Outcome != courier.OutcomeAccepted {
			t.Errorf("Send() = %+v", attempt)
		}
	}
	if got := <-shown; got != 0 {
		t.Errorf("the proxy was shown %d certificates", got)
	}
}

// TestGateway_HTTPToTLSPort sends plain HTTP to servers that say, by an alert of
// TLS or in HTTP, that they speak TLS. They took nothing.
func TestGateway_HTTPToTLSPort(t *testing.T) {
	t.Parallel()
	const (
		html  = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
		nginx = "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r\n<body>\r\n"
	)
	for name, answer := range map[string]string{
		"Alert":         "\x15\x03\x01\x00\x02\x02\x50",
		"AlertWithLine": "\x15\x03\x01\x00\x02\x02\n", // unexpected_message is 10
		"Go":            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
		"nginx":         html + nginx,
		"Apache":        html + "<p>Your browser sent a request that this server could not understand.<br />\nReason: You're speaking plain HTTP to an SSL-enabled server port.<br />\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startWire(t, func(conn net.Conn, _ int) bool {
				_, _ = io.WriteString(conn, answer)
				return false
			})
			g := newGateway(t, Options{URL: server.url() + "/", Template: echo()})
			wantUnsent(t, send(t, g, loginMessage()), "speaks TLS", "use https:// in url")
		})
	}
	// A gateway that repeats what a message says refused that message.
	server := startWire(t, func(conn net.Conn, _ int) bool {
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"+
			`{"error":"cannot send: Client sent an HTTP request to an HTTPS server. `+nginx+`"}`)
		return false
	})
	attempt := send(t, newGateway(t, Options{URL: server.url() + "/", Template: echo()}), loginMessage())
	if attempt.Outcome != courier.OutcomeRejected || attempt.Unsent {
		t.Errorf("Send() = %+v", attempt)
	}
}

// proxyServer is an HTTP proxy that opens tunnels, or answers with a status.
type proxyServer struct {
	status int
	user   string

	mu      sync.Mutex
	targets []string
}

// ServeHTTP implements http.Handler.
func (p *proxyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.user != "" && r.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte(p.user)) {
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	if p.status != 0 {
		w.WriteHeader(p.status)
		return
	}
	p.mu.Lock()
	p.targets = append(p.targets, r.Method+" "+r.RequestURI)
	p.mu.Unlock()
	if r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	there, err := new(net.Dialer).DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	here, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
	pipe(here, there)
}

// pipe copies both ways until one side ends.
func pipe(a, b net.Conn) {
	var copying sync.WaitGroup
	for _, ends := range [][2]net.Conn{{a, b}, {b, a}} {
		copying.Go(func() {
			_, _ = io.Copy(ends[0], ends[1])
			_ = a.Close()
			_ = b.Close()
		})
	}
	copying.Wait()
}

// through is the proxy for every url.
func through(t *testing.T, address string) func(*url.URL) (*url.URL, error) {
	t.Helper()
	via, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return func(*url.URL) (*url.URL, error) { return via, nil }
}

// TestGateway_ProxyFaults names the proxy, what it did, and what to do.
func TestGateway_ProxyFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		proxy *proxyServer
		says  []string
	}{
		"Authentication": {&proxyServer{user: "u:p"}, []string{"which answered CONNECT with 407 Proxy Authentication Required", "HTTPS_PROXY as http://user:password@host:port"}},
		"Forbidden":      {&proxyServer{status: 403}, []string{"which answered CONNECT with 403 Forbidden", "NO_PROXY"}},
		"BadGateway":     {&proxyServer{status: 502}, []string{"which answered CONNECT with 502 Bad Gateway", "proxy's log"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, _ := gatewaytest.Serve(t, gatewaytest.PlainHTTP, c.proxy, nil)
			g := newGateway(t, Options{URL: "https://gateway.test/send", Template: echo(), ProxyFunc: through(t, strings.Replace(address, "//", "//x:hunter2@", 1))})
			attempt := send(t, g, loginMessage())
			wantUnsent(t, attempt, append(c.says, "is behind the proxy "+address)...)
			if strings.Contains(attempt.Message, "hunter2") {
				t.Errorf("the attempt tells a secret: %+v", attempt)
			}
		})
	}
	for _, target := range []string{"https://gateway.test/send", "http://gateway.test/send"} {
		for _, scheme := range []string{"http", "https", "socks5"} {
			t.Run("Away"+scheme+target, func(t *testing.T) {
				t.Parallel()
				g := newGateway(t, Options{URL: target, Template: echo(), ProxyFunc: through(t, scheme+"://127.0.0.1:1")})
				wantUnsent(t, send(t, g, loginMessage()), "is behind the proxy ", "127.0.0.1:1, which refused the connection", "_PROXY")
			})
		}
	}
}

// TestGateway_ProxyAddress names the variable whose address cannot be used.
func TestGateway_ProxyAddress(t *testing.T) {
	t.Parallel()
	malformed := func(*url.URL) (*url.URL, error) { return nil, errors.New("invalid proxy address hunter2") }
	for _, target := range []string{"https://gateway.test/send", "http://gateway.test/send"} {
		scheme, _, _ := strings.Cut(target, "://")
		for name, proxy := range map[string]func(*url.URL) (*url.URL, error){
			"malformed": malformed, "scheme": through(t, "ftp://u:hunter2@127.0.0.1:1"),
		} {
			t.Run(scheme+name, func(t *testing.T) {
				t.Parallel()
				attempt := send(t, newGateway(t, Options{URL: target, Template: echo(), ProxyFunc: proxy}), loginMessage())
				wantUnsent(t, attempt, strings.ToUpper(scheme)+"_PROXY is not a usable address", "http://, https:// or socks5://")
				if strings.Contains(attempt.Message, "hunter2") || strings.Contains(attempt.Message, "refused") {
					t.Errorf("Send() = %+v", attempt)
				}
			})
		}
	}
}

// TestGateway_PlainProxyFaults names the proxy of an http url, whose faults look like
// those of the gateway.
func TestGateway_PlainProxyFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer  string
		outcome courier.Outcome
		class   courier.Class
		says    string
	}{
		"BadGateway":     {"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", courier.OutcomeRetry, courier.ClassGatewayError, "answered 502 Bad Gateway"},
		"Authentication": {"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", courier.OutcomeGatewayDown, courier.ClassUnauthorized, "answered 407"},
		"Closed":         {"", courier.OutcomeUnknown, courier.ClassOutcomeUnknown, "was sent the message and broke off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startWire(t, func(conn net.Conn, _ int) bool {
				_, _ = io.WriteString(conn, c.answer)
				return false
			})
			via := strings.Replace(server.url(), "//", "//u:hunter2@", 1)
			g := newGateway(t, Options{URL: "http://gateway.test/send", Template: echo(), ProxyFunc: through(t, via)})
			attempt := send(t, g, loginMessage())
			if attempt.Outcome != c.outcome || attempt.Class != c.class {
				t.Errorf("Send() = %+v", attempt)
			}
			for _, says := range []string{c.says, "through the proxy " + server.url(), "_PROXY"} {
				if !strings.Contains(attempt.Message, says) {
					t.Errorf("%q does not say %q", attempt.Message, says)
				}
			}
			if strings.Contains(attempt.Message, "hunter2") {
				t.Errorf("the attempt tells a secret: %q", attempt.Message)
			}
		})
	}
}

// TestGateway_Proxy sends through every kind of proxy.
func TestGateway_Proxy(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol gatewaytest.Protocol) {
		t.Helper()
		for _, over := range []gatewaytest.Protocol{gatewaytest.PlainHTTP, gatewaytest.TLSHTTP1} {
			fake, target, client := gatewaytest.StartOver(t, protocol, gatewaytest.Options{})
			proxy := &proxyServer{user: "u:p"}
			address, proxyClient := gatewaytest.Serve(t, over, proxy, nil)
			g := newGateway(t, Options{
				URL: target + "/send", Template: echo(), ProxyFunc: through(t, strings.Replace(address, "//", "//u:p@", 1)),
				TLSConfig: bothTrusted(client, proxyClient),
			})
			for range 2 {
				if attempt := send(t, g, loginMessage()); attempt.Outcome != courier.OutcomeAccepted {
					t.Errorf("over %s: %+v", over, attempt)
				}
			}
			want, requests := "CONNECT "+strings.TrimPrefix(target, "https://"), 2
			if protocol == gatewaytest.PlainHTTP {
				want, requests = "POST "+target+"/send", 0
			}
			if proxy.targets[0] != want || fake.Count() != requests {
				t.Errorf("the proxy saw %q and the gateway %d requests", proxy.targets, fake.Count())
			}
		}
	})
}

// bothTrusted trusts what either trusts. The verification is by hand, as there
// are two sets of authorities.
func bothTrusted(a, b *tls.Config) *tls.Config {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	config := a.Clone()
	config.InsecureSkipVerify = true
	return config
}

// TestGateway_ProxyKeepsStatusLine judges a broken answer behind a proxy by its status line.
func TestGateway_ProxyKeepsStatusLine(t *testing.T) {
	t.Parallel()
	_, target, client := gatewaytest.StartOver(t, gatewaytest.TLSHTTP1, gatewaytest.Options{Default: rawFault("HTTP/1.1 202 OK\r\nbroken\r\n\r\n")})
	address, _ := gatewaytest.Serve(t, gatewaytest.PlainHTTP, &proxyServer{}, nil)
	g := newGateway(t, Options{URL: target + "/send", Template: echo(), TLSConfig: client, ProxyFunc: through(t, address)})
	if attempt := send(t, g, loginMessage()); attempt.Outcome != courier.OutcomeAccepted || attempt.HTTPStatus != 202 {
		t.Errorf("Send() = %+v", attempt)
	}
}

// TestGateway_SOCKS sends through a SOCKS proxy (RFC 1928).
func TestGateway_SOCKS(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { serveSOCKS(conn) })
		}
	})
	_, target, client := gatewaytest.StartOver(t, gatewaytest.TLSHTTP2, gatewaytest.Options{})
	g := newGateway(t, Options{URL: target + "/send", Template: echo(), TLSConfig: client, ProxyFunc: through(t, "socks5://"+listener.Addr().String())})
	if attempt := send(t, g, loginMessage()); attempt.Outcome != courier.OutcomeAccepted {
		t.Errorf("Send() = %+v", attempt)
	}
	g.Close()
	_ = listener.Close()
	serving.Wait()
}

// serveSOCKS opens a tunnel to an IPv4 address without authentication.
func serveSOCKS(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	from := bufio.NewReader(conn)
	greeting, request := make([]byte, 3), make([]byte, 10)
	if _, err := io.ReadFull(from, greeting); err != nil {
		return
	}
	_, _ = conn.Write([]byte{5, 0})
	if _, err := io.ReadFull(from, request); err != nil {
		return
	}
	address := fmt.Sprintf("%s:%d", net.IP(request[4:8]), int(request[8])<<8|int(request[9]))
	there, err := new(net.Dialer).DialContext(context.Background(), "tcp", address)
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	pipe(conn, there)
}

// TestGateway_HandshakeTimeout says which step took too long.
func TestGateway_HandshakeTimeout(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	direct := Options{URL: "https://" + listener.Addr().String() + "/", Template: echo()}
	behind := Options{URL: "https://gateway.test/", Template: echo(), ProxyFunc: through(t, "http://"+listener.Addr().String())}
	secure := behind
	secure.ProxyFunc = through(t, "https://"+listener.Addr().String())
	plain := secure
	plain.URL = "http://gateway.test/"
	for _, c := range []struct {
		options Options
		says    []string
	}{
		{direct, []string{"did not finish the TLS handshake in time"}},
		{behind, []string{"is behind the proxy", "in time"}},
		{secure, []string{"is behind the proxy", "did not finish the TLS handshake in time"}},
		{plain, []string{"is behind the proxy", "did not finish the TLS handshake in time"}},
	} {
		t.Run(c.options.URL+" "+strings.Join(c.says, " "), func(t *testing.T) {
			t.Parallel()
			// The dial ends first, or the attempt does: on a busy machine either.
			c.options.Timeout = 20 * short
			wantUnsent(t, send(t, newGateway(t, c.options), loginMessage()), c.says...)
			c.options.Timeout = patience
			request, err := newGateway(t, c.options).Render(t.Context(), loginMessage())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*short)
			defer cancel()
			wantUnsent(t, request.Send(ctx), c.says...)
		})
	}
}
