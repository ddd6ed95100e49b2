// Package signature verifies what providers and identity systems sign, and signs what
// they want signed. A mechanism has a name and text settings, so that a data file can
// choose it; none of them knows a provider's messages.
package signature

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a verifier finds wrong. All three mean that the request is not authentic.
var (
	// ErrMissing means that the request bears no signature where one is due.
	ErrMissing = errors.New("the signature is missing")
	// ErrMismatch means that the signature is not one of this request by this secret.
	ErrMismatch = errors.New("the signature does not fit")
	// ErrStale means that the signed time is more than Leeway from now.
	ErrStale = errors.New("the signature is too old, or from the future")
)

// Leeway is how far a signed time may be from ours, either way.
const Leeway = 5 * time.Minute

// Request is an HTTP request as its sender saw it.
type Request struct {
	Method string
	// URL is the public address with scheme, host, path and raw query.
	URL    string
	Header http.Header
	Body   []byte
	// Form is the form of the body alone, Query that of the address alone.
	Form, Query url.Values
	// Claims are those of a token, once its verifier found it good.
	Claims map[string]any
}

// NewRequest returns a request as its sender saw it at a public address, which stands in
// place of scheme and host and before the path that came in.
func NewRequest(r *http.Request, public string, body []byte) *Request {
	uri := r.RequestURI
	if !strings.HasPrefix(uri, "/") {
		uri = r.URL.RequestURI()
	}
	request := &Request{
		Method: r.Method, URL: strings.TrimSuffix(public, "/") + uri,
		Header: r.Header, Body: body, Query: r.URL.Query(),
	}
	request.parse()
	return request
}

// parse reads the form of the body, if it is one.
func (r *Request) parse() {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/x-www-form-urlencoded" {
		r.Form, _ = url.ParseQuery(string(r.Body))
	}
}

// Verifier tells whether a request is authentic.
type Verifier interface {
	// Verify returns an error that wraps ErrMissing, ErrMismatch or ErrStale. It never
	// holds a secret, nor anything of the request but the name of a header.
	Verify(r *Request, now time.Time) error
}

// Sealer signs a request as the sender whom a Verifier expects.
type Sealer interface {
	// Seal adds the signature to a request that is complete but for it.
	Seal(r *Request, now time.Time) error
}

// Signer signs a request that is complete but for its signature.
type Signer interface {
	// Sign sets the headers of the signature over the request and this body.
	Sign(request *http.Request, body []byte, now time.Time) error
	// Secrets are the texts that must appear in no log.
	Secrets() []string
}

// New returns the verifier of a kind. Settings are texts; a secret may be several, one
// a line, each of which is good (rotation). An unknown kind or setting, a missing
// or a bad one is an error that names it. The kinds and their settings:
//
//	twilio             secret
//	vonage_sig         secret, method (md5hash, md5hmac, sha1hmac, sha256hmac, sha512hmac)
//	plivo              secret
//	jwt                secret, algorithms (HS256 …), header, prefix, issuer, fresh (claims that must be
//	                   within Leeway of now), require (claims that must be there),
//	                   url (a claim with the address, such as aud), url_hash, payload_hash (claims with the hex SHA-256 of address and body)
//	ed25519            public_key (base64), header, timestamp_header, message
//	hmac               secret, secret_encoding (raw, base64, hex), hash (md5, sha1, sha256, sha512),
//	                   encoding (hex, base64), header, prefix, element and timestamp_element (of a header like
//	                   "t=1,v1=2"), timestamp_header, nonce_header, message
//	standard_webhooks  secret (whsec_…; several also parted by blanks)
//	basic              user, password
//	header             header, secret (the whole value)
//
// A message is a pattern of {body}, {url}, {path}, {method}, {timestamp}, {nonce},
// {md5_body} and {sha256_body} (both hex); \n in it is a line feed.
func New(kind string, settings map[string]string) (Verifier, error) {
	return build(kind, settings, mechanisms())
}

// NewSealer returns what makes requests that the verifier of the same kind and settings
// accepts, by the first of several secrets. Emulators and tests speak as a provider by it.
// Further settings: claims (jwt: a JSON object of claims to add), private_key (ed25519:
// the base64 seed, in place of public_key).
func NewSealer(kind string, settings map[string]string) (Sealer, error) {
	return build(kind, settings, sealers())
}

// NewSigner returns the signer of a kind. The kinds and their settings:
//
//	aws_sigv4          access_key_id, secret_access_key, session_token, region, service
//	azure_hmac         access_key (base64)
//	standard_webhooks  secret (whsec_…; the first of several signs); the JSON body has an id
//	jwt_rs256          application_id, private_key (PEM)
func NewSigner(kind string, settings map[string]string) (Signer, error) {
	return build(kind, settings, map[string]func(*options) Signer{
		"aws_sigv4":         newAWS,
		"azure_hmac":        newAzure,
		"standard_webhooks": func(o *options) Signer { return newWebhook(o) },
		"jwt_rs256":         newApplication,
	})
}

func mechanisms() map[string]func(*options) Verifier {
	return map[string]func(*options) Verifier{
		"twilio":            func(o *options) Verifier { return newTwilio(o) },
		"vonage_sig":        func(o *options) Verifier { return newVonage(o) },
		"plivo":             func(o *options) Verifier { return newPlivo(o) },
		"jwt":               func(o *options) Verifier { return newToken(o) },
		"ed25519":           newEd25519,
		"hmac":              func(o *options) Verifier { return newMAC(o) },
		"standard_webhooks": func(o *options) Verifier { return newWebhook(o) },
		"basic":             func(o *options) Verifier { return newBasic(o) },
		"header":            func(o *options) Verifier { return newShared(o) },
	}
}

func sealers() map[string]func(*options) Sealer {
	return map[string]func(*options) Sealer{
		"twilio":            func(o *options) Sealer { return newTwilio(o) },
		"vonage_sig":        func(o *options) Sealer { return newVonage(o) },
		"plivo":             func(o *options) Sealer { return newPlivo(o) },
		"jwt":               func(o *options) Sealer { return newTokenSealer(o) },
		"ed25519":           newEd25519Sealer,
		"hmac":              func(o *options) Sealer { return newMAC(o) },
		"standard_webhooks": func(o *options) Sealer { return newWebhook(o) },
		"basic":             func(o *options) Sealer { return newBasic(o) },
		"header":            func(o *options) Sealer { return newShared(o) },
	}
}

// build makes the mechanism of a kind and says what is wrong with its settings.
func build[T any](kind string, settings map[string]string, kinds map[string]func(*options) T) (T, error) {
	var none T
	construct, ok := kinds[kind]
	if !ok {
		return none, fmt.Errorf("no kind of signature is called %q; there are %s",
			kind, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	o := &options{settings: settings}
	mechanism := construct(o)
	if err := o.done(); err != nil {
		return none, fmt.Errorf("signature %s: %w", kind, err)
	}
	return mechanism, nil
}

// SettingError is what is wrong with one setting of a mechanism.
type SettingError struct {
	Setting string
	Err     error
}

// Error implements error.
func (e *SettingError) Error() string { return e.Setting + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *SettingError) Unwrap() error { return e.Err }

// options reads settings and remembers what was wrong with them.
type options struct {
	settings map[string]string
	read     []string
	faults   []error
}

func (o *options) fault(name, format string, args ...any) {
	o.faults = append(o.faults, &SettingError{Setting: name, Err: fmt.Errorf(format, args...)})
}

// get returns a setting, or what it is by default.
func (o *options) get(name, otherwise string) string {
	o.read = append(o.read, name)
	if value := o.settings[name]; value != "" {
		return value
	}
	return otherwise
}

// must returns a setting that has to be there.
func (o *options) must(name string) string {
	value := o.get(name, "")
	if value == "" {
		o.fault(name, "it is missing")
	}
	return value
}

// oneOf returns a setting that has to be one of a few; the first is the default.
func (o *options) oneOf(name string, choices ...string) string {
	value := o.get(name, choices[0])
	if !slices.Contains(choices, value) {
		o.fault(name, "it is one of %s", strings.Join(choices, ", "))
	}
	return value
}

// secrets returns the secrets of a setting, one a line.
func (o *options) secrets(name string) [][]byte {
	var secrets [][]byte
	for line := range strings.Lines(o.get(name, "")) {
		if secret := strings.Trim(line, "\r\n"); secret != "" {
			secrets = append(secrets, []byte(secret))
		}
	}
	if secrets == nil {
		o.fault(name, "it is missing")
	}
	return secrets
}

// done returns what was wrong, and names settings that nobody asked for.
func (o *options) done() error {
	for name := range o.settings {
		if !slices.Contains(o.read, name) {
			o.fault(name, "there is no such setting")
		}
	}
	return errors.Join(o.faults...)
}

// first returns a secret to sign by.
func first(secrets [][]byte) []byte {
	if len(secrets) == 0 {
		return nil
	}
	return secrets[0]
}

// fresh tells whether a signed time, in Unix seconds or milliseconds, is near enough to now.
func fresh(text string, now time.Time) error {
	if text == "" {
		return fmt.Errorf("the signed time: %w", ErrMissing)
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("the signed time is no number of seconds: %w", ErrMismatch)
	}
	const firstMillisecond = 100_000_000_000 // in seconds it would be the year 5138
	at := time.Unix(seconds, 0)
	if seconds > firstMillisecond {
		at = time.UnixMilli(seconds)
	}
	return near(at, now)
}

func near(at, now time.Time) error {
	if now.Sub(at).Abs() > Leeway {
		return ErrStale
	}
	return nil
}

// equal compares in a time that tells nothing of the content.
func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
