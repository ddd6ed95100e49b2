package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"courier"
)

// Scope is what a key may be used for.
type Scope string

// The scopes of a key.
const (
	// ScopeSend allows to send, cancel, retry and resolve messages.
	ScopeSend Scope = "send"
	// ScopeRead allows to read messages without their texts, and the metrics.
	ScopeRead Scope = "read"
	// ScopeReadBody allows to read the texts too; it includes ScopeRead.
	ScopeReadBody Scope = "read_body"
	// ScopeOperate allows to cancel, retry and resolve messages, one or many, to pause and
	// test gateways.
	ScopeOperate Scope = "operate"
)

// Key is an API key. The key itself is not kept.
type Key struct {
	// Name is for people: logs say which key was used. The messages of each name
	// have idempotency keys of their own.
	Name string
	// Hash is the SHA-256 of the key.
	Hash   [sha256.Size]byte
	Scopes []Scope
}

func (k Key) may(scope Scope) bool {
	return slices.Contains(k.Scopes, scope) || scope == ScopeRead && slices.Contains(k.Scopes, ScopeReadBody)
}

// SetKeys puts other keys in force.
func (a *API) SetKeys(keys []Key) {
	keys = slices.Clone(keys)
	a.keys.Store(&keys)
}

// admit lets a call pass that comes from where it may, with a key that has the
// scope of the endpoint.
func (a *API) admit(ctx context.Context, c *call, listener string, e *endpoint) error {
	keys := *a.keys.Load()
	by, ours := visitorOf(ctx)
	if !ours {
		if err := a.checkOrigin(c.r, len(keys) == 0 && e.scope != ""); err != nil {
			return err
		}
	}
	if e.scope == "" {
		return nil
	}
	if !ours {
		var err error
		if by, err = authenticate(keys, c.r.Header); err != nil {
			a.logStranger(ctx, c.r.RemoteAddr, listener)
			return err
		}
	}
	c.by = by
	if !c.by.may(e.scope) && (e.also == "" || !c.by.may(e.also)) {
		return refuseKey(courier.CodeForbidden, "the API key lacks the scope "+string(e.scope)+"; add it to the key in api.keys, or use another key",
			`, error="insufficient_scope", scope="`+string(e.scope)+`"`)
	}
	return nil
}

// logStranger says from where requests without a valid key come: somebody tries
// keys, or a program of one's own has an old one.
func (a *API) logStranger(ctx context.Context, peer, listener string) {
	if host, _, err := net.SplitHostPort(peer); err == nil {
		peer = host
	}
	if left, due := a.strangers.next(peer); due {
		a.options.Logger.LogAttrs(ctx, slog.LevelWarn, "request without a valid API key refused",
			slog.String("peer", peer), slog.String("listener", listener), slog.Int("more_before", left))
	}
}

// authenticate returns the key that the headers have, one without a name where none
// is asked for. Every key is compared, in constant time.
func authenticate(keys []Key, header http.Header) (Key, error) {
	if len(keys) == 0 {
		return Key{Scopes: []Scope{ScopeSend, ScopeRead, ScopeReadBody, ScopeOperate}}, nil
	}
	text := givenKey(header)
	if text == "" {
		return Key{}, refuseKey(courier.CodeUnauthorized, "an API key is needed; send it as Authorization: Bearer <key>", "")
	}
	hash := sha256.Sum256([]byte(text))
	found := -1
	for i := range keys {
		if subtle.ConstantTimeCompare(hash[:], keys[i].Hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Key{}, refuseKey(courier.CodeUnauthorized, "the API key is not known; check it against api.keys of the courier's configuration", `, error="invalid_token"`)
	}
	return keys[found], nil
}

// givenKey returns the key of Authorization (RFC 6750, 2.1) or X-API-Key.
func givenKey(header http.Header) string {
	if scheme, key, found := strings.Cut(header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(key)
	}
	return header.Get("X-Api-Key")
}

// refuseKey answers with the challenge of RFC 6750, 3.
func refuseKey(code courier.ErrorCode, message, challenge string) error {
	return &courier.Error{Code: code, Message: message, Err: &headerError{"WWW-Authenticate", `Bearer realm="courier"` + challenge}}
}

// checkOrigin refuses what a web page in the browser of an operator could send:
// a request from another site, and without keys one for a host name that may
// have been pointed here for the purpose (DNS rebinding).
func (a *API) checkOrigin(r *http.Request, keyless bool) error {
	if err := a.origins.Check(r); err != nil {
		return &courier.Error{Code: courier.CodeForbidden, Message: "the request comes from a web page of another site; call the API from a program", Err: err}
	}
	if keyless && !a.options.AnyHost && !isLocalName(r.Host) {
		return &courier.Error{
			Code: courier.CodeForbidden, Field: "header.Host",
			Message: "without API keys the courier answers to localhost and to IP addresses only; use one of them, or configure api.keys",
		}
	}
	return nil
}

// isLocalName reports whether no name server was asked for the host: it is
// empty, an address, or localhost and below (RFC 6761, 6.3).
func isLocalName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]."))
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}
