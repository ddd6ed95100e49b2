package app_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"courier/internal/gateway/gatewaytest"
)

// TestApp_ReloadLetsNobodyIn takes the keys and the public address out of a
// configuration at once. That is a valid one, but until the next start the
// listener is still the public one.
func TestApp_ReloadLetsNobodyIn(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{})
	hash := sha256.Sum256([]byte("secret"))
	const local = "api: { port: 0 }"
	public := `api: { host: 0.0.0.0, port: 0, keys: [{ name: shop, hash: "sha256:` + hex.EncodeToString(hash[:]) + `" }] }`
	c := startWith(t, func(dir string) string {
		return channel(dir, url) + strings.Replace(settings(dir), local, public, 1)
	})
	refused := func(when string) {
		t.Helper()
		if status, answer := c.call(t, http.MethodGet, "/v1/messages", ""); status != http.StatusUnauthorized {
			t.Errorf("%s: status %d: %s, want 401", when, status, answer)
		}
	}
	refused("after the start")
	c.write(t, "courier.yml", channel(c.dir, url)+settings(c.dir))
	until(t, "the changed configuration", func() bool { return strings.Contains(c.log.String(), "changed configuration is in force") })
	refused("after the change")
	if !strings.Contains(c.log.String(), `"key":"api.auth"`) {
		t.Errorf("the log does not say that the keys stay:\n%s", c.log)
	}
}

// TestApp_ReloadTellsOfDisabled empties the configuration, which is a valid one.
func TestApp_ReloadTellsOfDisabled(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{})
	c := start(t, func(dir string) string { return channel(dir, url) })
	c.write(t, "courier.yml", "")
	until(t, "the changed configuration", func() bool { return strings.Contains(c.log.String(), "changed configuration is in force") })
	if !strings.Contains(c.log.String(), "sending text messages is disabled") {
		t.Errorf("the log does not say that nothing is sent any more:\n%s", c.log)
	}
}
