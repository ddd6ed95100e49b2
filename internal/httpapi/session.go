package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"courier"
	"courier/internal/store"
)

const (
	pathSignIn  = "/sign-in"
	pathSignOut = "/sign-out"

	// sessionCookie holds the secret of a session, formCookie a random text for the forms
	// of visitors who have none.
	sessionCookie = "courier-session"
	formCookie    = "courier-form"

	// seenEvery is how often it is written that a session is used.
	seenEvery = time.Minute
)

// whoVisits returns the key of a visitor, and the secret of the session that has it. A
// program may give its key in a header, as to the API.
func (a *API) whoVisits(r *http.Request, keys []Key) (by Key, secret string, err error) {
	if len(keys) == 0 || givenKey(r.Header) != "" {
		by, err = authenticate(keys, r.Header)
		return by, "", err
	}
	refused := &courier.Error{Code: courier.CodeUnauthorized, Message: "sign in with an API key first"}
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return Key{}, "", refused
	}
	id := sha256.Sum256([]byte(cookie.Value))
	session, err := a.options.Store.Session(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return Key{}, "", refused
	}
	if err != nil {
		return Key{}, "", err
	}
	now := a.now()
	for _, key := range keys {
		if sha256.Sum256(key.Hash[:]) != session.Key || session.Over(now) {
			continue
		}
		if r.Header.Get(headerWatch) == "" && now.Sub(session.SeenAt) >= seenEvery {
			if err := a.options.Store.UseSession(r.Context(), id, now); err != nil {
				return Key{}, "", err
			}
		}
		return key, cookie.Value, nil
	}
	return Key{}, "", refused
}

// signInPages take a key and give it back.
func (a *API) signInPages() []Page {
	return []Page{
		{Method: http.MethodPost, Path: pathSignIn, Serve: a.signIn},
		{Method: http.MethodPost, Path: pathSignOut, Scope: ScopeRead, Serve: a.signOut},
	}
}

// signIn begins a session for a key that may read.
func (a *API) signIn(v *Visit) error {
	key, err := authenticate(*a.keys.Load(), http.Header{"X-Api-Key": {strings.TrimSpace(v.Form.Get("key"))}})
	if err != nil {
		a.logStranger(v.R.Context(), v.R.RemoteAddr, listenerAdmin)
		return &courier.Error{Code: courier.CodeUnauthorized, Message: "the API key is not known; check it against api.keys of the courier's configuration", Err: err}
	}
	if !key.may(ScopeRead) {
		return &courier.Error{Code: courier.CodeForbidden, Message: "the API key lacks the scope read, without which there is nothing to see; use another key, or add the scope to this one in api.keys"}
	}
	now := a.now()
	secret := rand.Text()
	err = a.options.Store.PutSession(v.R.Context(), store.Session{
		ID: sha256.Sum256([]byte(secret)), Key: sha256.Sum256(key.Hash[:]), CreatedAt: now, SeenAt: now,
	})
	if err != nil {
		return err
	}
	setCookie(v.W, v.R, sessionCookie, secret)
	a.noteSession(v.R.Context(), key, "a visitor of the pages has signed in", auditSignIn)
	http.Redirect(v.W, v.R, v.Base+ownPath(v.Form.Get("next")), http.StatusSeeOther)
	return nil
}

// signOut ends the session, on all nodes.
func (a *API) signOut(v *Visit) error {
	if cookie, err := v.R.Cookie(sessionCookie); err == nil {
		if err := a.options.Store.EndSession(v.R.Context(), sha256.Sum256([]byte(cookie.Value))); err != nil {
			return err
		}
	}
	setCookie(v.W, v.R, sessionCookie, "")
	a.noteSession(v.R.Context(), v.Key, "a visitor of the pages has signed out", auditSignOut)
	http.Redirect(v.W, v.R, v.Base+pathSignIn, http.StatusSeeOther)
	return nil
}

func (a *API) noteSession(ctx context.Context, key Key, what, action string) {
	a.audit(ctx, key, store.Entry{Action: action})
	//nolint:sloglint // the callers above give constants
	a.options.Logger.InfoContext(ctx, what, slog.String("api_key", key.Name))
}

// ownPath returns a path of this server, "/" for what is none: a browser takes "//x" and
// "/\x" for other hosts.
func ownPath(text string) string {
	target, err := url.Parse(text)
	if err != nil || target.IsAbs() || target.Host != "" || !strings.HasPrefix(text, "/") ||
		strings.HasPrefix(text, "//") || strings.ContainsAny(text, "\\\r\n\t") {
		return "/"
	}
	return text
}

// setCookie sets a cookie that no script and no other site gets, and deletes an empty one.
// It ends with the browser, or when the server says so.
func setCookie(w http.ResponseWriter, r *http.Request, name, value string) {
	cookie := &http.Cookie{ //nolint:gosec // Secure where the visitor comes by TLS
		Name: name, Value: value, Path: baseOf(r) + "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		// A proxy that speaks TLS for the courier says so. Who lies here keeps the cookie from himself.
		Secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// formSecret returns the random text of a visitor without a session, a new one for the first visit.
func formSecret(w http.ResponseWriter, r *http.Request) string {
	if cookie, err := r.Cookie(formCookie); err == nil && len(cookie.Value) >= len(rand.Text()) {
		return cookie.Value
	}
	secret := rand.Text()
	setCookie(w, r, formCookie, secret)
	return secret
}

// formToken returns what forms hold for the owner of a secret.
func formToken(secret string) string {
	sum := sha256.Sum256([]byte("form " + secret))
	return hex.EncodeToString(sum[:])
}

func sameText(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
