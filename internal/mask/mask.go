// Package mask is the one place that knows which parts of a configuration and of a
// request are secret, how a secret may be spelled, and how to hide it.
package mask

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Text stands for a secret. It is plain ASCII, so that it may be in a url.
const Text = "***"

const (
	// minText is the length below which a secret is too common to be looked for in a
	// text: hiding every "1" would hide the message.
	minText = 4
	// minPathSecret is the length from which a part of a url's path is taken for a token.
	minPathSecret = 20
)

// SoundsSecret reports whether a header or a parameter of this name is likely to hold a secret.
func SoundsSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"auth", "cookie", "key", "token", "secret", "passw", "pwd", "signature", "credential", "session"},
		func(part string) bool { return strings.Contains(name, part) })
}

// IsPlainHeader names headers that are never secret: to mask their values would
// make excerpts and requests unreadable.
func IsPlainHeader(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Cache-Control", "Connection",
		"Content-Encoding", "Content-Language", "Content-Type", "Expect", "Pragma", "Prefer", "User-Agent":
		return true
	}
	return false
}

// Userinfo returns what of a url's user information is secret: the user name, which some
// providers use for a key, the password, and both as a Basic Authorization header has them.
func Userinfo(user *url.Userinfo) []string {
	if user == nil {
		return nil
	}
	password, _ := user.Password()
	pair := user.Username() + ":" + password
	return []string{user.Username(), password, base64.StdEncoding.EncodeToString([]byte(pair))}
}

// URL hides the user information, the values of the query and the long parts of the path
// of a url. A value of one character is only secret where the name says so.
func URL(text string) string {
	head, query, hasQuery := strings.Cut(text, "?")
	if hasQuery {
		parts := strings.Split(query, "&")
		for i, part := range parts {
			if name, value, found := strings.Cut(part, "="); found && (len(value) > 1 || SoundsSecret(name)) {
				parts[i] = name + "=" + Text
			}
		}
		query = "?" + strings.Join(parts, "&")
	}
	scheme, rest, found := strings.Cut(head, "://")
	if !found {
		return head + query
	}
	parts := strings.Split(rest, "/")
	if at := strings.LastIndexByte(parts[0], '@'); at >= 0 {
		parts[0] = Text + parts[0][at:]
	}
	for i, part := range parts[1:] {
		if IsPathSecret(part) {
			parts[i+1] = Text
		}
	}
	return scheme + "://" + strings.Join(parts, "/") + query
}

// IsPathSecret reports whether a part of a url's path is taken for a token.
func IsPathSecret(part string) bool { return len(part) >= minPathSecret }

// Header hides the value of a header that holds a secret, with the scheme of a
// credential ("Basic ***") and the names of cookies ("sid=***; lang=***") left.
func Header(name, value string) string {
	if http.CanonicalHeaderKey(name) == "Cookie" {
		cookies := strings.Split(value, ";")
		for i, cookie := range cookies {
			if name, _, found := strings.Cut(cookie, "="); found {
				cookies[i] = name + "=" + Text
			} else {
				cookies[i] = Text
			}
		}
		return strings.Join(cookies, ";")
	}
	scheme, _, found := strings.Cut(value, " ")
	if found && slices.Contains([]string{"basic", "bearer", "digest"}, strings.ToLower(scheme)) {
		return scheme + " " + Text
	}
	return Text
}

// Known hides secrets that are known wherever a text has them, also as a url, JSON or
// HTML spells them.
type Known struct{ texts []string }

// Add takes secrets into account. Very short ones are left out.
func (k *Known) Add(secrets ...string) {
	for _, secret := range secrets {
		if len(secret) >= minText {
			k.texts = append(k.texts, Spellings(secret)...)
		}
	}
	// The longest first, as one may be a part of another.
	slices.SortFunc(k.texts, func(a, b string) int { return len(b) - len(a) })
	k.texts = slices.Compact(k.texts)
}

// Hide returns the text without the secrets.
func (k *Known) Hide(text string) string {
	for _, secret := range k.texts {
		text = strings.ReplaceAll(text, secret, Text)
	}
	return text
}

// Spellings returns a value as it is and as a url, JSON and HTML escape it, each once.
func Spellings(value string) []string {
	forms := []string{value}
	inJSON, inQuery := jsonText(value), url.QueryEscape(value)
	for _, form := range [...]string{
		inQuery, url.PathEscape(value), strings.ReplaceAll(inQuery, "+", "%20"),
		inJSON, asciiText(inJSON), strings.ReplaceAll(inJSON, "/", `\/`), html.EscapeString(value),
		strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(inJSON, "<", `\u003c`), ">", `\u003e`), "&", `\u0026`),
	} {
		if !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	return forms
}

// jsonText returns what is between the quotes of a JSON string.
func jsonText(value string) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return value
	}
	return strings.TrimSuffix(strings.TrimPrefix(text.String(), `"`), "\"\n")
}

// asciiText escapes everything beyond ASCII in a JSON text, as many JSON writers do.
func asciiText(text string) string {
	if strings.IndexFunc(text, func(char rune) bool { return char >= utf8.RuneSelf }) < 0 {
		return text
	}
	var out strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		if unit < utf8.RuneSelf {
			out.WriteRune(rune(unit))
		} else {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}
