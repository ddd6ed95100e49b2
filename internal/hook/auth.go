package hook

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"courier/internal/signature"
)

// authFunc makes a verifier of the secrets of a hook.
type authFunc func(o *Options) (signature.Verifier, error)

// standardWebhooks is Standard Webhooks. Supabase parts several signatures by a comma
// and a blank, where the standard has a blank.
func standardWebhooks(o *Options) (signature.Verifier, error) {
	inner, err := signature.New("standard_webhooks", map[string]string{"secret": strings.Join(o.Secrets, "\n")})
	if err != nil {
		err = errors.New("it must be whsec_ and base64, as the identity system shows it")
	}
	return verifierFunc(func(r *signature.Request, now time.Time) error {
		given := r.Header.Get("Webhook-Signature")
		tidied := *r
		tidied.Header = r.Header.Clone()
		tidied.Header.Set("Webhook-Signature", strings.ReplaceAll(given, ", ", " "))
		return inner.Verify(&tidied, now)
	}), err
}

// zitadelSignature is "t=<unix seconds>,v1=<hex>" over time and body.
func zitadelSignature(o *Options) (signature.Verifier, error) {
	return signature.New("hmac", map[string]string{
		"secret": strings.Join(o.Secrets, "\n"), "header": "ZITADEL-Signature", "element": "v1", "timestamp_element": "t", "message": "{timestamp}.{body}",
	})
}

// bearer is the secret as a token (RFC 6750).
func bearer(o *Options) (signature.Verifier, error) {
	return verifierFunc(func(r *signature.Request, _ time.Time) error {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		return check(strings.EqualFold(scheme, "Bearer") && oneOf(o.Secrets, strings.TrimSpace(token)))
	}), nil
}

// basic is the secret as a password (RFC 7617).
func basic(o *Options) (signature.Verifier, error) {
	return verifierFunc(func(r *signature.Request, _ time.Time) error {
		user, password, ok := (&http.Request{Header: r.Header}).BasicAuth()
		known := o.User == "" || oneOf([]string{o.User}, user)
		return check(oneOf(o.Secrets, password) && known && ok)
	}), nil
}

// bare is the secret as the whole Authorization header.
func bare(o *Options) (signature.Verifier, error) {
	return verifierFunc(func(r *signature.Request, _ time.Time) error {
		return check(oneOf(o.Secrets, r.Header.Get("Authorization")))
	}), nil
}

// anyHeader is the secret as the value of whatever header or cookie.
func anyHeader(o *Options) (signature.Verifier, error) {
	return verifierFunc(func(r *signature.Request, _ time.Time) error {
		good := false
		for _, values := range r.Header {
			for _, value := range values {
				good = oneOf(o.Secrets, value) || good
			}
		}
		for _, cookie := range (&http.Request{Header: r.Header}).Cookies() {
			good = oneOf(o.Secrets, cookie.Value) || good
		}
		return check(good)
	}), nil
}

type verifierFunc func(r *signature.Request, now time.Time) error

// Verify implements signature.Verifier.
func (f verifierFunc) Verify(r *signature.Request, now time.Time) error { return f(r, now) }

var errUnknownCaller = errors.New("the secret does not fit")

func check(good bool) error {
	if good {
		return nil
	}
	return errUnknownCaller
}

// oneOf compares with one secret after the other, each in constant time.
func oneOf(secrets []string, given string) bool {
	return slices.ContainsFunc(secrets, func(secret string) bool {
		return subtle.ConstantTimeCompare([]byte(secret), []byte(given)) == 1
	})
}
