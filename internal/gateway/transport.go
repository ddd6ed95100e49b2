package gateway

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// dialTimeout bounds how long a connection may take to be made.
const dialTimeout = 30 * time.Second

// network is how a gateway, and where it redirects to, is connected to.
type network struct {
	policy *addressPolicy
	// direct is for the urls that may be private, public for all others. They are
	// one where the policy makes no difference.
	direct, public *connections
}

// connections are a pool of net/http and what makes its connections.
type connections struct {
	*http.Transport
	dialer *dialer
}

func newNetwork(options *Options, policy *addressPolicy) *network {
	n := &network{policy: policy, public: newConnections(options, policy.public)}
	n.direct = n.public
	if len(policy.exceptions) > 0 && policy.private != nil {
		n.direct = newConnections(options, policy.private)
	}
	return n
}

// to returns the connections for a url.
func (n *network) to(target *url.URL) *connections {
	if n.direct != n.public && n.policy.isExcepted(target) {
		return n.direct
	}
	return n.public
}

func (n *network) close() {
	n.public.CloseIdleConnections()
	n.direct.CloseIdleConnections()
}

func newConnections(options *Options, control controlFunc) *connections {
	d := &dialer{
		tcp: net.Dialer{
			Timeout: dialTimeout, Control: control,
			// A connection whose other side is gone is noticed before a message meets it.
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		},
		tls: tlsConfig(options.TLSConfig), proxyFunc: options.ProxyFunc, drained: make(chan struct{}, 1),
		timeout: min(options.Timeout-options.Timeout/10, dialTimeout),
	}
	if d.proxyFunc == nil {
		d.proxyFunc = httpproxy.FromEnvironment().ProxyFunc()
	}
	return &connections{dialer: d, Transport: &http.Transport{
		Proxy:               d.plainProxy,
		DialContext:         d.dialPlain,
		DialTLSContext:      d.dialTLS,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        options.MaxInFlight,
		MaxIdleConnsPerHost: options.MaxInFlight,
		// One is kept as long as the gateway keeps it: the first message after a quiet
		// time is often a code that somebody waits for.
		IdleConnTimeout:       time.Hour,
		ExpectContinueTimeout: time.Second,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
	}}
}

// plainProxy returns the proxy of an http url, which net/http speaks to by itself.
func (d *dialer) plainProxy(request *http.Request) (*url.URL, error) {
	if request.URL.Scheme != "http" {
		return nil, nil
	}
	return d.proxyFor(request.URL)
}

// plainProxyName names the proxy of an http url without user and password, empty for none.
func (d *dialer) plainProxyName(target *url.URL) string {
	via, err := d.plainProxy(&http.Request{URL: target})
	if err != nil || via == nil {
		return ""
	}
	return originOf(via)
}

// tlsConfig adds what every connection has: both versions of HTTP, and sessions
// that are resumed.
func tlsConfig(config *tls.Config) *tls.Config {
	config = config.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config.NextProtos = []string{"h2", "http/1.1"}
	if config.ClientSessionCache == nil {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(16)
	}
	return config
}
