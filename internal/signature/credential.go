package signature

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// basic is HTTP Basic authentication (RFC 7617).
type basic struct {
	user      string
	passwords [][]byte
}

func newBasic(o *options) *basic {
	return &basic{user: o.must("user"), passwords: o.secrets("password")}
}

// Verify implements Verifier.
func (b *basic) Verify(r *Request, _ time.Time) error {
	user, password, ok := (&http.Request{Header: r.Header}).BasicAuth()
	if !ok {
		return fmt.Errorf("header Authorization: %w", ErrMissing)
	}
	known := equal([]byte(user), []byte(b.user))
	if !contains(b.passwords, password) || !known {
		return fmt.Errorf("header Authorization: %w", ErrMismatch)
	}
	return nil
}

// Seal implements Sealer.
func (b *basic) Seal(r *Request, _ time.Time) error {
	(&http.Request{Header: r.Header}).SetBasicAuth(b.user, string(first(b.passwords)))
	return nil
}

// shared is a secret that is the whole value of a header.
type shared struct {
	header string
	values [][]byte
}

func newShared(o *options) *shared {
	return &shared{header: o.must("header"), values: o.secrets("secret")}
}

// Verify implements Verifier.
func (s *shared) Verify(r *Request, _ time.Time) error {
	value := r.Header.Get(s.header)
	if value == "" {
		return fmt.Errorf("header %s: %w", s.header, ErrMissing)
	}
	if !contains(s.values, value) {
		return fmt.Errorf("header %s: %w", s.header, ErrMismatch)
	}
	return nil
}

// Seal implements Sealer.
func (s *shared) Seal(r *Request, _ time.Time) error {
	r.Header.Set(s.header, string(first(s.values)))
	return nil
}

// contains compares with one secret after the other, each in constant time.
func contains(secrets [][]byte, given string) bool {
	return slices.ContainsFunc(secrets, func(secret []byte) bool { return equal(secret, []byte(given)) })
}
