package app

import (
	"net/http"
	"net/url"
	"slices"

	"courier/internal/config"
	"courier/internal/curl"
	"courier/internal/mask"
)

// Masker hides the secrets of a configuration in requests.
type Masker struct {
	// headers are those that hold a secret although their names are harmless.
	headers []string
	known   mask.Known
}

// NewMasker knows the secrets of all gateways.
func NewMasker(cfg *config.Config) *Masker {
	m := &Masker{}
	for i := range cfg.Gateways {
		gateway := &cfg.Gateways[i]
		m.headers = append(append(m.headers, http.CanonicalHeaderKey(gateway.Auth.Name)), gateway.SecretHeaders...)
		m.known.Add(gateway.Auth.Password.Reveal(), gateway.Auth.Value.Reveal(), gateway.ReceiptSecret.Reveal())
		for name, param := range gateway.Params {
			if param.Referred || mask.SoundsSecret(name) {
				m.known.Add(param.Text.Reveal())
			}
		}
		for name, value := range gateway.Header {
			if mask.SoundsSecret(name) || slices.Contains(m.headers, http.CanonicalHeaderKey(name)) {
				m.known.Add(value.Reveal())
			}
		}
		target, err := url.Parse(gateway.URL.Reveal())
		if err != nil {
			continue
		}
		secrets := mask.Userinfo(target.User)
		if len(secrets) > 0 && secrets[1] != "" {
			secrets = secrets[1:] // with a password, the user name may be a word of the text
		}
		m.known.Add(secrets...)
		for name, values := range target.Query() {
			if mask.SoundsSecret(name) {
				m.known.Add(values...)
			}
		}
	}
	return m
}

// Mask returns a request with its secrets as ***.
func (m *Masker) Mask(text *curl.Request) *curl.Request {
	masked := &curl.Request{Method: text.Method, URL: m.known.Hide(mask.URL(text.URL)), Header: http.Header{}, Body: m.known.Hide(text.Body)}
	for name, values := range text.Header {
		for _, value := range values {
			if !mask.IsPlainHeader(name) || slices.Contains(m.headers, http.CanonicalHeaderKey(name)) {
				value = mask.Header(name, value)
			}
			masked.Header[name] = append(masked.Header[name], m.known.Hide(value))
		}
	}
	return masked
}
