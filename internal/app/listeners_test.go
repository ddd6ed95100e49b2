package app_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"courier/internal/app"
	"courier/internal/config"
	"courier/internal/gateway/gatewaytest"
)

// writeCertificate writes a certificate for 127.0.0.1 with its key, and returns who trusts it.
func (c *courier) writeCertificate(t *testing.T) *x509.CertPool {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, "tls.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})))
	c.write(t, "tls.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	return trusted
}

// TestApp_TLS asks both listeners over TLS, and reloads a pair that does not fit.
func TestApp_TLS(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{})
	var trusted *x509.CertPool
	c := start(t, func(dir string) string {
		trusted = (&courier{dir: dir}).writeCertificate(t)
		return channel(dir, url) + "tls: { cert: " + filepath.Join(dir, "tls.crt") + ", key: " + filepath.Join(dir, "tls.key") + " }\n"
	})
	served := func() {
		t.Helper()
		transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}}
		defer transport.CloseIdleConnections()
		for _, address := range []string{c.AdminAddr(), c.PublicAddr()} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/health/ready", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := transport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
				t.Errorf("%s: got %d over %s", address, response.StatusCode, response.Proto)
			}
		}
	}
	served()
	c.write(t, "tls.key", "none")
	if err := c.Reload(t.Context()); err != nil {
		t.Errorf("reload: %v", err)
	}
	served()
	until(t, "the refusal of the pair in the log", func() bool { return strings.Contains(c.log.String(), "TLS certificate cannot be used") })
}

func TestCheck_ReadsCertificate(t *testing.T) {
	t.Parallel()
	c := &courier{dir: t.TempDir()}
	c.writeCertificate(t)
	file := func(name string) string { return filepath.Join(c.dir, name) }
	for cert, want := range map[string]int{"tls.crt": 0, "tls.key": 1} {
		c.write(t, "courier.yml", "tls:\n  cert: "+file(cert)+"\n  key: "+file("tls.key")+"\n"+settings(c.dir))
		cfg, err := config.Load(config.Options{Files: []string{file("courier.yml")}})
		if err != nil {
			t.Fatal(err)
		}
		problems := config.Problems(app.Check(t.Context(), cfg))
		if len(problems) != want || want > 0 && (problems[0].Path != "tls.cert" || problems[0].Position.Line != 2) {
			t.Errorf("%s: problems %v, want %d of tls.cert in line 2", cert, problems, want)
		}
	}
}

// TestApp_BoundsConnections reads the limit that a listener has.
func TestApp_BoundsConnections(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{})
	c := startWith(t, func(dir string) string {
		return channel(dir, url) + strings.Replace(settings(dir), "public: { port: 0 }", "public: { port: 0, max_connections: 7 }", 1)
	})
	until(t, "the limit in the log", func() bool { return strings.Contains(c.log.String(), `"max_connections":7`) })
}
