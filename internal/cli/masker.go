package cli

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"courier/internal/config"
)

// secretMask stands for a secret.
const secretMask = "***"

// leastSecret is the length below which a text is too common to be looked for
// in a body: hiding every "1" would hide the message.
const leastSecret = 4

// masker hides the secrets of a configuration in a request.
type masker struct {
	// headers are the names of headers whose values are hidden whole.
	headers []string
	// texts are hidden wherever they are found.
	texts []string
}

func newMasker(cfg *config.Config) masker {
	m := masker{headers: []string{"Authorization", "Proxy-Authorization", "Cookie"}}
	for _, gateway := range cfg.Gateways {
		if gateway.Auth.Type == config.AuthAPIKey && gateway.Auth.In == config.InHeader {
			m.headers = append(m.headers, http.CanonicalHeaderKey(gateway.Auth.Name))
		}
		m.add(gateway.Auth.Password.Reveal())
		m.add(gateway.Auth.Value.Reveal())
		if target, err := url.Parse(gateway.URL.Reveal()); err == nil && target.User != nil {
			password, _ := target.User.Password()
			m.add(password)
		}
		for name, value := range gateway.Header {
			if soundsSecret(name) {
				m.headers = append(m.headers, http.CanonicalHeaderKey(name))
				m.add(value.Reveal())
			}
		}
	}
	return m
}

// add also looks for a secret as a URL or a form spells it.
func (m *masker) add(secret string) {
	if len(secret) < leastSecret {
		return
	}
	m.texts = append(m.texts, secret)
	for _, spelled := range []string{url.QueryEscape(secret), url.PathEscape(secret)} {
		if spelled != secret {
			m.texts = append(m.texts, spelled)
		}
	}
	slices.SortFunc(m.texts, func(a, b string) int { return len(b) - len(a) })
}

// soundsSecret reports whether a header or a parameter of this name is likely
// to hold a secret.
func soundsSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"auth", "key", "token", "secret", "passw", "pwd", "signature", "credential", "session"},
		func(part string) bool { return strings.Contains(name, part) })
}

func (m masker) mask(text wireText) wireText {
	masked := wireText{Method: text.Method, URL: m.text(m.target(text.URL)), Header: http.Header{}, Body: m.text(text.Body)}
	for name, values := range text.Header {
		for _, value := range values {
			switch {
			case !slices.Contains(m.headers, http.CanonicalHeaderKey(name)):
				value = m.text(value)
			case name == "Cookie":
				value = maskCookies(value)
			default:
				value = maskCredential(value)
			}
			masked.Header[name] = append(masked.Header[name], value)
		}
	}
	return masked
}

// text hides the secrets that are known.
func (m masker) text(text string) string {
	for _, secret := range m.texts {
		text = strings.ReplaceAll(text, secret, secretMask)
	}
	return text
}

// target hides the password and the parameters that sound secret.
func (m masker) target(text string) string {
	target, err := url.Parse(text)
	if err != nil {
		return text
	}
	if _, has := target.User.Password(); has {
		target.User = url.User(target.User.Username())
	}
	parts := strings.Split(target.RawQuery, "&")
	for i, part := range parts {
		if name, _, found := strings.Cut(part, "="); found && soundsSecret(name) {
			parts[i] = name + "=" + secretMask
		}
	}
	target.RawQuery = strings.Join(parts, "&")
	return target.String()
}

// maskCredential keeps a scheme that is well known: "Basic ***".
func maskCredential(value string) string {
	scheme, _, found := strings.Cut(value, " ")
	if found && slices.Contains([]string{"basic", "bearer", "digest"}, strings.ToLower(scheme)) {
		return scheme + " " + secretMask
	}
	return secretMask
}

// maskCookies keeps the names: "sid=***; lang=***".
func maskCookies(value string) string {
	cookies := strings.Split(value, ";")
	for i, cookie := range cookies {
		name, _, _ := strings.Cut(cookie, "=")
		cookies[i] = name + "=" + secretMask
	}
	return strings.Join(cookies, ";")
}
