package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"

	"courier"
)

// Scope is what a key may be used for.
type Scope string

// The scopes of a key.
const (
	// ScopeSend allows to send, cancel and retry messages.
	ScopeSend Scope = "send"
	// ScopeRead allows to read messages without their texts, and the metrics.
	ScopeRead Scope = "read"
	// ScopeReadBody allows to read the texts too; it includes ScopeRead.
	ScopeReadBody Scope = "read_body"
)

// Key is an API key. The key itself is not kept.
type Key struct {
	// Name is for people: logs say which key was used.
	Name string
	// Hash is the SHA-256 of the key.
	Hash   [sha256.Size]byte
	Scopes []Scope
}

// caller is who made a request.
type caller struct{ scopes []Scope }

func (c caller) may(scope Scope) bool {
	return scope == "" || slices.Contains(c.scopes, scope) ||
		scope == ScopeRead && slices.Contains(c.scopes, ScopeReadBody)
}

// SetKeys puts other keys in force.
func (a *API) SetKeys(keys []Key) {
	keys = slices.Clone(keys)
	a.keys.Store(&keys)
}

// protect lets a request pass that comes from where it may, with a key that
// has the scope.
func (a *API) protect(scope Scope, next handler) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		keys := *a.keys.Load()
		if err := a.checkOrigin(r, len(keys) == 0 && scope != ""); err != nil {
			return err
		}
		if scope == "" {
			return next(w, r, caller{})
		}
		by, err := authenticate(keys, r.Header)
		if err == nil && !by.may(scope) {
			err = forbidden(scope)
		}
		if err != nil {
			return err
		}
		return next(w, r, by)
	}
}

// authenticate returns the caller that the headers prove. Every key is compared,
// in constant time.
func authenticate(keys []Key, header http.Header) (caller, error) {
	if len(keys) == 0 {
		return caller{scopes: []Scope{ScopeSend, ScopeRead, ScopeReadBody}}, nil
	}
	text := givenKey(header)
	if text == "" {
		return caller{}, &courier.Error{Code: courier.CodeUnauthorized, Message: "an API key is needed; send it as Authorization: Bearer <key>", Err: errNoKey}
	}
	hash := sha256.Sum256([]byte(text))
	found := -1
	for i := range keys {
		if subtle.ConstantTimeCompare(hash[:], keys[i].Hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return caller{}, &courier.Error{Code: courier.CodeUnauthorized, Message: "the API key is not known; check it against api.keys of the courier's configuration"}
	}
	return caller{scopes: keys[found].Scopes}, nil
}

// givenKey returns the key of Authorization (RFC 6750, 2.1) or X-API-Key.
func givenKey(header http.Header) string {
	if scheme, key, found := strings.Cut(header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(key)
	}
	return header.Get("X-Api-Key")
}

func forbidden(scope Scope) error {
	return &courier.Error{
		Code:    courier.CodeForbidden,
		Message: "the API key lacks the scope " + string(scope) + "; add it to the key in api.keys, or use another key",
		Err:     &scopeError{scope},
	}
}
