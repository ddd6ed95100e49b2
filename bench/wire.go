package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// wire is how requests travel to the gateway.
type wire string

// The wires. Gateways speak https; plain http is measured once, to see what TLS costs.
const (
	https1 wire = "https, HTTP/1.1"
	https2 wire = "https, HTTP/2"
	plain  wire = "plain http"
)

func wires() []wire { return []wire{https1, https2, plain} }

func (w wire) scheme() string {
	if w == plain {
		return "http://"
	}
	return "https://"
}

// protocol is the one that a server of the wire offers (RFC 7301).
func (w wire) protocol() string {
	if w == https2 {
		return "h2"
	}
	return "http/1.1"
}

// serverConfig is the TLS configuration of a server of the wire, nil for none.
func (w wire) serverConfig(certificate tls.Certificate) *tls.Config {
	if w == plain {
		return nil
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13, NextProtos: []string{w.protocol()}}
}

// newCertificate makes a certificate for the loopback address that is its own
// authority, and writes it to a file that clients trust.
func newCertificate(path string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench gateway"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	if err := os.WriteFile(path, text, 0o600); err != nil { //nolint:gosec // a file in the folder of this run
		return tls.Certificate{}, fmt.Errorf("write the certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, nil
}

// trust is a pool of the certificate in a file, nil for an empty path.
func trust(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // the certificate that the gateway of this run wrote
	if err != nil {
		return nil, fmt.Errorf("read the certificate of the gateway: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return pool, nil
}
