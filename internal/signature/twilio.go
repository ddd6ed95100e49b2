package signature

import (
	"crypto/sha1" //nolint:gosec // Twilio signs by it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

const twilioHeader = "X-Twilio-Signature"

// twilio is HMAC-SHA1 over the address and the sorted form; a body that is no form is
// covered by its hash in the query. Twilio signs the address with or without its port
// (twilio/twilio-go client/request_validator.go).
type twilio struct{ secrets [][]byte }

func newTwilio(o *options) *twilio { return &twilio{secrets: o.secrets("secret")} }

// Verify implements Verifier.
func (t *twilio) Verify(r *Request, _ time.Time) error {
	value := r.Header.Get(twilioHeader)
	if value == "" {
		return fmt.Errorf("header %s: %w", twilioHeader, ErrMissing)
	}
	form, covered := twilioForm(r)
	if !covered || !slices.ContainsFunc(withAndWithoutPort(r.URL), func(address string) bool {
		return oneFits(t.secrets, sha1.New, []byte(address+form), "base64", value)
	}) {
		return fmt.Errorf("header %s: %w", twilioHeader, ErrMismatch)
	}
	return nil
}

// Seal implements Sealer.
func (t *twilio) Seal(r *Request, _ time.Time) error {
	form, _ := twilioForm(r)
	r.Header.Set(twilioHeader, base64.StdEncoding.EncodeToString(sum(sha1.New, first(t.secrets), []byte(r.URL+form))))
	return nil
}

// twilioForm returns what of the body is signed, and whether that covers the body.
func twilioForm(r *Request) (signed string, covered bool) {
	if want := r.Query.Get("bodySHA256"); want != "" {
		hash := sha256.Sum256(r.Body)
		return "", equal([]byte(hex.EncodeToString(hash[:])), []byte(strings.ToLower(want)))
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.Form)) {
		for _, value := range slices.Compact(slices.Sorted(slices.Values(r.Form[name]))) {
			text.WriteString(name + value)
		}
	}
	return text.String(), len(r.Body) == 0 || len(r.Form) > 0
}

// withAndWithoutPort returns an address as it is, without its port, and with the
// port that its scheme implies.
func withAndWithoutPort(address string) []string {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return []string{address}
	}
	swap := func(host string) string { return strings.Replace(address, "://"+parsed.Host, "://"+host, 1) }
	bare := strings.TrimSuffix(parsed.Host, ":"+parsed.Port())
	port := "443"
	if parsed.Scheme == "http" {
		port = "80"
	}
	return []string{address, swap(bare), swap(bare + ":" + port)}
}
