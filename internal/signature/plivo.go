package signature

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// plivo is HMAC-SHA256, in base64, in one of two versions. The second covers scheme, host
// and path with a nonce, but neither query nor body; the third covers all. A header may
// hold several, parted by commas (plivo/plivo-go utils.go).
type plivo struct{ secrets [][]byte }

func newPlivo(o *options) *plivo { return &plivo{secrets: o.secrets("secret")} }

// plivoVersions are the headers, the strongest first: where a third version is given it
// has to fit, so that nobody falls back to one that leaves out the body.
func plivoVersions() []struct {
	nonce      string
	signatures []string
	message    func(r *Request, nonce string) (string, bool)
} {
	return []struct {
		nonce      string
		signatures []string
		message    func(r *Request, nonce string) (string, bool)
	}{
		{"X-Plivo-Signature-V3-Nonce", []string{"X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3"}, plivoV3},
		{"X-Plivo-Signature-V2-Nonce", []string{"X-Plivo-Signature-V2", "X-Plivo-Signature-Ma-V2"}, plivoV2},
	}
}

// Verify implements Verifier.
func (p *plivo) Verify(r *Request, _ time.Time) error {
	for _, version := range plivoVersions() {
		var given []string
		for _, header := range version.signatures {
			for _, value := range r.Header.Values(header) {
				given = append(given, strings.Split(value, ",")...)
			}
		}
		if len(given) == 0 {
			continue
		}
		message, ok := version.message(r, r.Header.Get(version.nonce))
		if !ok || r.Header.Get(version.nonce) == "" || !oneFits(p.secrets, sha256.New, []byte(message), "base64", given...) {
			return fmt.Errorf("header %s: %w", version.signatures[0], ErrMismatch)
		}
		return nil
	}
	return fmt.Errorf("header X-Plivo-Signature-V3 or -V2: %w", ErrMissing)
}

// Seal implements Sealer: in the second version, which Plivo uses for messages, and
// in the third.
func (p *plivo) Seal(r *Request, now time.Time) error {
	nonce := fmt.Sprint(now.UnixNano())
	for _, version := range plivoVersions() {
		message, _ := version.message(r, nonce)
		r.Header.Set(version.nonce, nonce)
		r.Header.Set(version.signatures[0], base64.StdEncoding.EncodeToString(sum(sha256.New, first(p.secrets), []byte(message))))
	}
	return nil
}

func plivoV2(r *Request, nonce string) (string, bool) {
	parsed, err := url.Parse(r.URL)
	if err != nil {
		return "", false
	}
	return parsed.Scheme + "://" + parsed.Host + parsed.Path + nonce, true
}

// plivoV3 parts names, values and parameters in the query, but not in the form.
func plivoV3(r *Request, nonce string) (string, bool) {
	parsed, err := url.Parse(r.URL)
	if err != nil || repeats(r.Query) || repeats(r.Form) {
		return "", false
	}
	query, form := joined(r.Query, "=", "&"), joined(r.Form, "", "")
	message := parsed.Scheme + "://" + parsed.Host + parsed.Path
	switch {
	case query != "" && form != "":
		message += "?" + query + "." + form
	case query != "" || form != "":
		message += "?" + query + form
	}
	return message + "." + nonce, len(r.Body) == 0 || len(r.Form) > 0
}

// repeats tells whether a name has several values. The signature would cover one alone.
func repeats(values url.Values) bool {
	for _, list := range values {
		if len(list) > 1 {
			return true
		}
	}
	return false
}

func joined(values url.Values, equals, and string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, name+equals+values.Get(name))
	}
	return strings.Join(parts, and)
}
