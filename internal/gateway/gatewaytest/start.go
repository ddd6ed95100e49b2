package gatewaytest

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"
)

// TB is the part of testing.TB that Start needs.
type TB interface {
	Helper()
	Cleanup(func())
	Context() context.Context
	Fatalf(format string, args ...any)
}

// Protocol is how a fake gateway is spoken to.
type Protocol string

// The protocols of gateways.
const (
	PlainHTTP Protocol = "PlainHTTP"
	TLSHTTP1  Protocol = "TLSHTTP1"
	TLSHTTP2  Protocol = "TLSHTTP2"
)

// Protocols returns every protocol.
func Protocols() []Protocol { return []Protocol{PlainHTTP, TLSHTTP1, TLSHTTP2} }

// Start serves a new handler over plain HTTP on a free port of the loopback address until the
// test ends, and returns it with its url, http://127.0.0.1:port.
func Start(t TB, options Options) (*Handler, string) {
	t.Helper()
	handler, url, _ := StartOver(t, PlainHTTP, options)
	return handler, url
}

// StartOver is Start for any protocol. It returns the TLS configuration of a
// client too, nil without TLS.
func StartOver(t TB, protocol Protocol, options Options) (*Handler, string, *tls.Config) {
	t.Helper()
	handler := New(options)
	url, client := Serve(t, protocol, handler, handler.Close)
	return handler, url, client
}

// Serve serves any handler as StartOver does. closing, if any, is called first at the end.
func Serve(t TB, protocol Protocol, handler http.Handler, closing func()) (string, *tls.Config) {
	t.Helper()
	var client *tls.Config
	var certificate *Certificate
	if protocol != PlainHTTP {
		var err error
		if certificate, err = NewCertificate(time.Now().Add(time.Hour)); err != nil {
			t.Fatalf("start fake gateway: %v", err)
		}
		client = certificate.Client()
	}
	server, err := ListenTLS(t.Context(), "127.0.0.1:0", handler, TLSOptions{
		Closing: closing, Certificate: certificate, HTTP1Only: protocol == TLSHTTP1,
	})
	if err != nil {
		t.Fatalf("start fake gateway: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Fatalf("stop fake gateway: %v", err)
		}
	})
	return server.URL(), client
}
