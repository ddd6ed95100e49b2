package gateway

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"courier/internal/mask"
)

// Auth proves to a gateway who is calling. It is a BasicAuth or an APIKey.
type Auth interface {
	check() error
	apply(header http.Header)
	secrets() []string
}

// BasicAuth is HTTP Basic authentication (RFC 7617). It replaces an
// Authorization header of the gateway's own.
type BasicAuth struct{ User, Password string }

func (a BasicAuth) check() error {
	if a.User == "" && a.Password == "" {
		return &OptionError{Field: "auth.config", Err: errors.New("give user and password")}
	}
	return nil
}

func (a BasicAuth) apply(header http.Header) {
	header.Set("Authorization", basicToken(url.UserPassword(a.User, a.Password)))
}

func (a BasicAuth) secrets() []string {
	return mask.Userinfo(url.UserPassword(a.User, a.Password))
}

func basicToken(user *url.Userinfo) string {
	password, _ := user.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
}

// KeyLocation is where an API key is put.
type KeyLocation string

// The places of an API key.
const (
	KeyInHeader KeyLocation = "header"
	KeyInCookie KeyLocation = "cookie"
)

// APIKey is a secret in a header, where it replaces one of the same name, or in
// a cookie, where it is added to a Cookie header.
type APIKey struct {
	Name, Value string
	In          KeyLocation
}

func (a APIKey) check() error {
	switch {
	case a.Name == "":
		return &OptionError{Field: "auth.config.name", Err: errors.New("give the name of the header or cookie")}
	case a.In == KeyInHeader:
		return checkHeader("auth.config", a.Name, a.Value)
	case a.In == KeyInCookie:
		return a.checkCookie()
	}
	return &OptionError{Field: "auth.config.in", Err: errors.New(`is not "header" or "cookie"`)}
}

// checkCookie refuses what net/http would drop or alter on the way (RFC 6265, 4.1.1).
func (a APIKey) checkCookie() error {
	if strings.ContainsAny(a.Name, "=; ") || !httpguts.ValidHeaderFieldValue(a.Name) {
		return &OptionError{Field: "auth.config.name", Err: errors.New("holds a character that no cookie name can have")}
	}
	for _, char := range []byte(a.Value) {
		if char < 0x20 || char >= 0x7f || char == '"' || char == ';' || char == '\\' {
			return &OptionError{Field: "auth.config.value", Err: errors.New("holds a character that no cookie can carry")}
		}
	}
	return nil
}

func (a APIKey) apply(header http.Header) {
	if a.In == KeyInCookie {
		request := http.Request{Header: header}
		request.AddCookie(&http.Cookie{Name: a.Name, Value: a.Value}) //nolint:gosec // G124: the cookie of a request has no attributes
		return
	}
	header.Set(a.Name, a.Value)
}

func (a APIKey) secrets() []string { return []string{a.Value} }
