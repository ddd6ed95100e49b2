package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // providers sign by it
	"crypto/sha1" //nolint:gosec // providers sign by it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mac is a keyed hash of a message pattern, in a header.
type mac struct {
	secrets          [][]byte
	hash             func() hash.Hash
	encoding         string
	header, prefix   string
	element          string
	timestampElement string
	timestampHeader  string
	nonceHeader      string
	message          pattern
}

func newMAC(o *options) *mac {
	return &mac{
		secrets:          o.keys("secret", "secret_encoding"),
		hash:             hashes()[o.oneOf("hash", "sha256", "md5", "sha1", "sha512")],
		encoding:         o.oneOf("encoding", "hex", "base64"),
		header:           o.must("header"),
		prefix:           o.get("prefix", ""),
		element:          o.get("element", ""),
		timestampElement: o.get("timestamp_element", ""),
		timestampHeader:  o.get("timestamp_header", ""),
		nonceHeader:      o.get("nonce_header", ""),
		message:          o.pattern("message", "{body}"),
	}
}

func hashes() map[string]func() hash.Hash {
	return map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}
}

// Verify implements Verifier.
func (m *mac) Verify(r *Request, now time.Time) error {
	value, ok := strings.CutPrefix(r.Header.Get(m.header), m.prefix)
	if !ok || value == "" {
		return fmt.Errorf("header %s: %w", m.header, ErrMissing)
	}
	signatures, timestamp := []string{value}, r.Header.Get(m.timestampHeader)
	if m.element != "" {
		signatures = elements(value, m.element)
	}
	if m.timestampElement != "" {
		timestamp = strings.Join(elements(value, m.timestampElement), ",")
	}
	nonce := r.Header.Get(m.nonceHeader)
	if m.nonceHeader != "" && nonce == "" {
		return fmt.Errorf("header %s: %w", m.nonceHeader, ErrMissing)
	}
	if m.timestampHeader != "" || m.timestampElement != "" {
		if err := fresh(timestamp, now); err != nil {
			return err
		}
	}
	message := m.message.of(r, timestamp, nonce)
	if !oneFits(m.secrets, m.hash, message, m.encoding, signatures...) {
		return fmt.Errorf("header %s: %w", m.header, ErrMismatch)
	}
	return nil
}

// Seal implements Sealer.
func (m *mac) Seal(r *Request, now time.Time) error {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	if m.timestampHeader != "" {
		r.Header.Set(m.timestampHeader, timestamp)
	}
	if m.nonceHeader != "" && r.Header.Get(m.nonceHeader) == "" {
		r.Header.Set(m.nonceHeader, timestamp)
	}
	value := encode(m.encoding, sum(m.hash, first(m.secrets), m.message.of(r, timestamp, r.Header.Get(m.nonceHeader))))
	if m.element != "" {
		value = m.element + "=" + value
	}
	if m.timestampElement != "" {
		value = m.timestampElement + "=" + timestamp + "," + value
	}
	r.Header.Set(m.header, m.prefix+value)
	return nil
}

// elements returns the values of a name in a header such as "t=1,v1=2,v1=3".
func elements(value, name string) []string {
	var values []string
	for part := range strings.SplitSeq(value, ",") {
		if key, text, _ := strings.Cut(strings.TrimSpace(part), "="); key == name {
			values = append(values, text)
		}
	}
	return values
}

func sum(of func() hash.Hash, key, message []byte) []byte {
	keyed := hmac.New(of, key)
	keyed.Write(message)
	return keyed.Sum(nil)
}

// oneFits tells whether one of the signatures is one by any of the secrets. A message is
// hashed once for each secret, however many signatures a stranger sends.
func oneFits(secrets [][]byte, of func() hash.Hash, message []byte, encoding string, signatures ...string) bool {
	return slices.ContainsFunc(secrets, func(secret []byte) bool {
		want := sum(of, secret, message)
		return slices.ContainsFunc(signatures, func(text string) bool {
			given, err := decode(encoding, strings.TrimSpace(text))
			return err == nil && equal(want, given)
		})
	})
}

func encode(encoding string, data []byte) string {
	if encoding == "hex" {
		return hex.EncodeToString(data)
	}
	return base64.StdEncoding.EncodeToString(data)
}

func decode(encoding, text string) ([]byte, error) {
	switch encoding {
	case "hex":
		return hex.DecodeString(text)
	case "base64":
		return base64.StdEncoding.DecodeString(text)
	}
	return []byte(text), nil
}

// keys returns secrets that another setting says how to decode.
func (o *options) keys(name, encodingName string) [][]byte {
	encoding := o.oneOf(encodingName, "raw", "base64", "hex")
	keys := o.secrets(name)
	for i, secret := range keys {
		key, err := decode(encoding, string(secret))
		if err != nil || len(key) == 0 {
			o.fault(name, "it is not %s", encoding)
		}
		keys[i] = key
	}
	return keys
}

// pattern is a message with placeholders.
type pattern string

func (o *options) pattern(name, otherwise string) pattern {
	text := strings.ReplaceAll(o.get(name, otherwise), `\n`, "\n")
	for _, placeholder := range regexp.MustCompile(`\{[^{}]*\}`).FindAllString(text, -1) {
		if _, ok := placeholders(&Request{}, "", "")[placeholder]; !ok {
			o.fault(name, "there is no %s", placeholder)
		}
	}
	return pattern(text)
}

func placeholders(r *Request, timestamp, nonce string) map[string]func() string {
	md5Body, sha256Body := md5.Sum(r.Body), sha256.Sum256(r.Body) //nolint:gosec // providers sign by it
	return map[string]func() string{
		"{body}":        func() string { return string(r.Body) },
		"{url}":         func() string { return r.URL },
		"{path}":        func() string { return pathOf(r.URL) },
		"{method}":      func() string { return r.Method },
		"{timestamp}":   func() string { return timestamp },
		"{nonce}":       func() string { return nonce },
		"{md5_body}":    func() string { return hex.EncodeToString(md5Body[:]) },
		"{sha256_body}": func() string { return hex.EncodeToString(sha256Body[:]) },
	}
}

func pathOf(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return parsed.EscapedPath()
}

// of returns the message of a request.
func (p pattern) of(r *Request, timestamp, nonce string) []byte {
	var pairs []string
	for placeholder, value := range placeholders(r, timestamp, nonce) {
		if strings.Contains(string(p), placeholder) {
			pairs = append(pairs, placeholder, value())
		}
	}
	return []byte(strings.NewReplacer(pairs...).Replace(string(p))) // what is put in is not read again
}

// edSignature is an Ed25519 signature (RFC 8032) of a message pattern, in a header.
type edSignature struct {
	public                  ed25519.PublicKey
	private                 ed25519.PrivateKey
	header, timestampHeader string
	message                 pattern
}

func newEd25519(o *options) Verifier {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(o.must("public_key")))
	if err != nil || len(key) != ed25519.PublicKeySize {
		o.fault("public_key", "it is not the base64 of %d bytes", ed25519.PublicKeySize)
	}
	return newEd(o, edSignature{public: key})
}

func newEd25519Sealer(o *options) Sealer {
	seed, err := base64.StdEncoding.DecodeString(o.must("private_key"))
	if err != nil || len(seed) != ed25519.SeedSize {
		o.fault("private_key", "it is not the base64 of %d bytes", ed25519.SeedSize)
		return &edSignature{}
	}
	return newEd(o, edSignature{private: ed25519.NewKeyFromSeed(seed)})
}

func newEd(o *options, e edSignature) *edSignature {
	e.header, e.timestampHeader = o.must("header"), o.get("timestamp_header", "")
	e.message = o.pattern("message", "{timestamp}|{body}")
	return &e
}

// Verify implements Verifier.
func (e *edSignature) Verify(r *Request, now time.Time) error {
	value, timestamp := r.Header.Get(e.header), r.Header.Get(e.timestampHeader)
	if value == "" {
		return fmt.Errorf("header %s: %w", e.header, ErrMissing)
	}
	if e.timestampHeader != "" {
		if err := fresh(timestamp, now); err != nil {
			return err
		}
	}
	given, err := base64.StdEncoding.DecodeString(value)
	if err != nil || !ed25519.Verify(e.public, e.message.of(r, timestamp, ""), given) {
		return fmt.Errorf("header %s: %w", e.header, ErrMismatch)
	}
	return nil
}

// Seal implements Sealer.
func (e *edSignature) Seal(r *Request, now time.Time) error {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	if e.timestampHeader != "" {
		r.Header.Set(e.timestampHeader, timestamp)
	}
	r.Header.Set(e.header, base64.StdEncoding.EncodeToString(ed25519.Sign(e.private, e.message.of(r, timestamp, ""))))
	return nil
}
