package signature

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// token is a JSON Web Token by a shared secret (RFC 7519), in a header.
type token struct {
	secrets              [][]byte
	algorithms           []string
	header, prefix       string
	issuer               string
	fresh, require       []string
	urlClaim             string
	urlHash, payloadHash string
	claims               map[string]any // of a sealer
}

func newToken(o *options) *token {
	t := &token{
		secrets:     o.secrets("secret"),
		algorithms:  strings.Fields(o.get("algorithms", "HS256")),
		header:      o.get("header", "Authorization"),
		issuer:      o.get("issuer", ""),
		fresh:       strings.Fields(o.get("fresh", "")),
		require:     strings.Fields(o.get("require", "")),
		urlClaim:    o.get("url", ""),
		urlHash:     o.get("url_hash", ""),
		payloadHash: o.get("payload_hash", ""),
	}
	t.prefix = o.get("prefix", "")
	if t.header == "Authorization" && t.prefix == "" {
		t.prefix = "Bearer "
	}
	for _, algorithm := range t.algorithms {
		if _, ok := jwt.GetSigningMethod(algorithm).(*jwt.SigningMethodHMAC); !ok {
			o.fault("algorithms", "%q is none of HS256, HS384, HS512", algorithm)
		}
	}
	return t
}

func newTokenSealer(o *options) *token {
	t := newToken(o)
	if err := json.Unmarshal([]byte(o.get("claims", "{}")), &t.claims); err != nil {
		o.fault("claims", "they are no JSON object")
	}
	return t
}

// Verify implements Verifier. It leaves the claims in the request.
func (t *token) Verify(r *Request, now time.Time) error {
	value := r.Header.Get(t.header)
	if len(value) < len(t.prefix) || !strings.EqualFold(value[:len(t.prefix)], t.prefix) || value == "" {
		return fmt.Errorf("header %s: %w", t.header, ErrMissing)
	}
	claims, err := t.parse(strings.TrimSpace(value[len(t.prefix):]), now)
	if err == nil {
		err = t.check(claims, r, now)
	}
	if err != nil {
		return fmt.Errorf("header %s: %w", t.header, err)
	}
	r.Claims = claims
	return nil
}

func (t *token) parse(text string, now time.Time) (jwt.MapClaims, error) {
	keys := jwt.VerificationKeySet{}
	for _, secret := range t.secrets {
		keys.Keys = append(keys.Keys, secret)
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(t.algorithms), jwt.WithLeeway(Leeway), jwt.WithIssuedAt(),
		jwt.WithTimeFunc(func() time.Time { return now }),
	}
	if t.issuer != "" {
		options = append(options, jwt.WithIssuer(t.issuer))
	}
	claims := jwt.MapClaims{}
	_, err := jwt.NewParser(options...).ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return keys, nil })
	switch {
	case err == nil:
		return claims, nil
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return nil, ErrStale
	}
	return nil, ErrMismatch // its text may quote the token
}

func (t *token) check(claims jwt.MapClaims, r *Request, now time.Time) error {
	for _, name := range slices.Concat(t.require, t.fresh) {
		if claims[name] == nil || claims[name] == "" {
			return fmt.Errorf("claim %s: %w", name, ErrMissing)
		}
	}
	for _, name := range t.fresh {
		seconds, ok := claims[name].(float64)
		if !ok {
			return fmt.Errorf("claim %s: %w", name, ErrMismatch)
		}
		if err := near(time.Unix(int64(seconds), 0), now); err != nil {
			return fmt.Errorf("claim %s: %w", name, err)
		}
	}
	if t.urlClaim != "" && !names(claims[t.urlClaim], r.URL) {
		return fmt.Errorf("claim %s: %w", t.urlClaim, ErrMismatch)
	}
	if t.urlHash != "" && !hashFits(claims[t.urlHash], []byte(r.URL)) {
		return fmt.Errorf("claim %s: %w", t.urlHash, ErrMismatch)
	}
	// A hash of no body is left out.
	if t.payloadHash != "" && (len(r.Body) > 0 || claims[t.payloadHash] != nil) && !hashFits(claims[t.payloadHash], r.Body) {
		return fmt.Errorf("claim %s: %w", t.payloadHash, ErrMismatch)
	}
	return nil
}

// names tells whether a claim is a text, or a list of texts with it.
func names(claim any, text string) bool {
	list, _ := claim.([]any)
	return claim == text || slices.Contains(list, any(text))
}

func hashFits(claim any, data []byte) bool {
	text, _ := claim.(string)
	return equal([]byte(strings.ToLower(text)), []byte(hexSHA256(data)))
}

func hexSHA256(data []byte) string {
	hash := sha256.Sum256(data)
	return hex.EncodeToString(hash[:])
}

// Seal implements Sealer.
func (t *token) Seal(r *Request, now time.Time) error {
	claims := jwt.MapClaims{"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": uuid.NewString()}
	if t.issuer != "" {
		claims["iss"] = t.issuer
	}
	if t.urlClaim != "" {
		claims[t.urlClaim] = r.URL
	}
	if t.urlHash != "" {
		claims[t.urlHash] = hexSHA256([]byte(r.URL))
	}
	if t.payloadHash != "" && len(r.Body) > 0 {
		claims[t.payloadHash] = hexSHA256(r.Body)
	}
	maps.Copy(claims, t.claims)
	text, err := jwt.NewWithClaims(jwt.GetSigningMethod(t.algorithms[0]), claims).SignedString(first(t.secrets))
	if err != nil {
		return fmt.Errorf("sign the token: %w", err)
	}
	r.Header.Set(t.header, t.prefix+text)
	return nil
}

// application signs as a Vonage application: a token by its private key.
type application struct {
	id     string
	key    *rsa.PrivateKey
	secret string
}

// applicationLife is how long a token of ours is good.
const applicationLife = 15 * time.Minute

func newApplication(o *options) Signer {
	a := &application{id: o.must("application_id"), secret: o.must("private_key")}
	// A key in an environment variable often has its line feeds written out.
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(strings.ReplaceAll(a.secret, `\n`, "\n")))
	if err != nil {
		o.fault("private_key", "it is no RSA private key in PEM")
	}
	a.key = key
	return a
}

// Sign implements Signer.
func (a *application) Sign(request *http.Request, _ []byte, now time.Time) error {
	text, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"application_id": a.id, "iat": now.Unix(), "exp": now.Add(applicationLife).Unix(), "jti": uuid.NewString(),
	}).SignedString(a.key)
	if err != nil {
		return fmt.Errorf("sign the token: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+text)
	return nil
}

// Secrets implements Signer.
func (a *application) Secrets() []string { return []string{a.secret} }
