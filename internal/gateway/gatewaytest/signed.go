package gatewaytest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strconv"
	"strings"
	"time"

	"courier/internal/signature"
)

// signed reports whether a request bears the signature that a mechanism gives it.
func (r *emulated) signed(way signing) bool {
	f := r.e.filler(Message{})
	settings := f.settings(way.Settings)
	if way.Kind == "jwt_rs256" {
		return r.bearsToken(settings)
	}
	signer, err := signature.NewSigner(way.Kind, settings)
	if err != nil {
		return false
	}
	at, ok := signedAt(r.request.Header)
	if !ok || at.Sub(f.now).Abs() > signature.Leeway {
		return false
	}
	again := r.request.Clone(r.request.Context())
	again.URL.Scheme, again.URL.Host = "http", r.request.Host
	again.Header.Del("Authorization")
	if err := signer.Sign(again, r.body, at); err != nil {
		return false
	}
	for name := range again.Header {
		if again.Header.Get(name) != r.request.Header.Get(name) {
			return false
		}
	}
	return true
}

// signedAt is when a request says that it was signed.
func signedAt(header http.Header) (time.Time, bool) {
	if at, err := time.Parse("20060102T150405Z", header.Get("X-Amz-Date")); err == nil {
		return at, true
	}
	if at, err := http.ParseTime(header.Get("X-Ms-Date")); err == nil {
		return at, true
	}
	seconds, err := strconv.ParseInt(header.Get("Webhook-Timestamp"), 10, 64)
	return time.Unix(seconds, 0), err == nil
}

// bearsToken reports whether a request bears a JWT of an application (RS256).
func (r *emulated) bearsToken(settings map[string]string) bool {
	token, ok := strings.CutPrefix(r.request.Header.Get("Authorization"), "Bearer ")
	parts := strings.Split(token, ".")
	block, _ := pem.Decode([]byte(settings["private_key"]))
	if !ok || len(parts) != 3 || block == nil {
		return false
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, isRSA := parsed.(*rsa.PrivateKey)
	if err != nil || !isRSA {
		return false
	}
	given, err := base64.RawURLEncoding.DecodeString(parts[2])
	hash := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, hash[:], given) != nil {
		return false
	}
	var claims struct {
		ApplicationID string `json:"application_id"`
		IssuedAt      int64  `json:"iat"`
		ID            string `json:"jti"`
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return false
	}
	age := r.e.filler(Message{}).now.Sub(time.Unix(claims.IssuedAt, 0))
	return claims.ApplicationID == settings["application_id"] && claims.ID != "" && age.Abs() <= signature.Leeway
}
