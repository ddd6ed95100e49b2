package httpapi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"courier/internal/httpapi"
)

// pair writes a certificate of its own for 127.0.0.1 with the given serial number.
type pair struct{ cert, key string }

func newPair(t *testing.T) pair {
	t.Helper()
	dir := t.TempDir()
	return pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

func (p pair) write(t *testing.T, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "courier"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, p.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	writeFile(t, p.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}

func writeFile(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// serial returns the serial number that a server shows, and how it was served.
func serial(t *testing.T, server *httpapi.Server, http2 bool) (number int64, proto string) {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetHTTP2(http2)
	transport.TLSClientConfig = &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // the certificate is looked at here
		VerifyConnection: func(state tls.ConnectionState) error {
			number = state.PeerCertificates[0].SerialNumber.Int64()
			return nil
		},
	}
	defer transport.CloseIdleConnections()
	return number, fetch(t, transport, "https://"+server.Addr().String())
}

func TestServer_TLS(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	files := newPair(t)
	files.write(t, 1)
	certificate, err := httpapi.LoadCertificate(files.cert, files.key, logger)
	if err != nil {
		t.Fatal(err)
	}
	server := start(t, httpapi.ServerOptions{Certificate: certificate, Handler: http.NotFoundHandler()})
	for proto, http2 := range map[string]bool{"HTTP/2.0": true, "HTTP/1.1": false} {
		if number, got := serial(t, server, http2); got != proto || number != 1 {
			t.Errorf("served by %s with certificate %d, want %s and 1", got, number, proto)
		}
	}
	// Another pair is found by itself, once a second.
	files.write(t, 2)
	deadline := time.Now().Add(10 * time.Second)
	for number := int64(0); number != 2; number, _ = serial(t, server, true) {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not served")
		}
	}
	// A pair that does not fit leaves the last good one in force.
	writeFile(t, files.key, []byte("no key"))
	certificate.Reload(t.Context())
	if number, _ := serial(t, server, true); number != 2 {
		t.Errorf("served with certificate %d, want 2", number)
	}
	files.write(t, 3)
	certificate.Reload(t.Context())
	if number, _ := serial(t, server, true); number != 3 {
		t.Errorf("served with certificate %d, want 3", number)
	}
	text := log.String()
	if !contains(text, "the last good one stays in force") || !contains(text, "the TLS certificate was read") || contains(text, "PRIVATE") {
		t.Errorf("log: %s", text)
	}
}

func TestLoadCertificate_Refuses(t *testing.T) {
	t.Parallel()
	files, others := newPair(t), newPair(t)
	files.write(t, 1)
	others.write(t, 2)
	for name, bad := range map[string]pair{"Missing": {files.cert + "x", files.key}, "Foreign": {files.cert, others.key}, "Swapped": {files.key, files.cert}} {
		if _, err := httpapi.LoadCertificate(bad.cert, bad.key, slog.New(slog.DiscardHandler)); err == nil || !contains(err.Error(), "read tls.cert and tls.key") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
