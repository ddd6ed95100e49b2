package text

import (
	"reflect"
	"strings"
)

// Fields are what a template sees. The names, and the keys of template_data that they
// come from, are those of Ory Kratos (courier/template/sms); Code and Locale are ours.
type Fields struct {
	To               string
	LoginCode        string `json:"login_code"`
	RecoveryCode     string `json:"recovery_code"`
	VerificationCode string `json:"verification_code"`
	RegistrationCode string `json:"registration_code"`
	ExpiresInMinutes int    `json:"expires_in_minutes"`
	RequestURL       string `json:"request_url"`
	RequestURLDomain string `json:"request_url_domain"`
	// Identity and TransientPayload are what the identity system says of them.
	Identity         map[string]any `json:"identity"`
	TransientPayload map[string]any `json:"transient_payload"`

	// Code is the one of the code fields that the type of the message has.
	Code string `json:"-"`
	// Locale is the language that was asked for, or empty.
	Locale string `json:"-"`

	// anyCode is the code of a made-up message.
	anyCode string
}

// complete fills in what follows from the request. Kratos gives the code of a
// recovery as verification_code.
func (f *Fields) complete(r Request) {
	if f.To == "" {
		f.To = r.To
	}
	f.Locale = r.Locale
	if f.RequestURLDomain == "" {
		f.RequestURLDomain = r.Domain
	}
	code := map[string]*string{
		LoginCode: &f.LoginCode, RecoveryCode: &f.RecoveryCode, VerificationCode: &f.VerificationCode, RegistrationCode: &f.RegistrationCode,
	}[r.Type]
	if r.Type == RecoveryCode && *code == "" {
		*code = f.VerificationCode
	}
	if *code == "" {
		*code = f.anyCode
	}
	if *code != "" && r.Code != "" {
		*code = r.Code
	}
	f.Code = *code
}

// codeKey is the key of template_data that has the code.
func codeKey(kind string) string { return strings.TrimSuffix(kind, "_valid") }

func fieldNames() []string {
	var names []string
	for field := range reflect.TypeFor[Fields]().Fields() {
		if field.IsExported() {
			names = append(names, field.Name)
		}
	}
	return names
}

// defaultText is the text of a type that has none of its own. Browsers and phones
// fill in a code whose last line names the domain and the code (WICG, Origin-bound
// one-time codes delivered via SMS).
func defaultText(kind string) string {
	what := strings.TrimSuffix(kind, "_code_valid")
	return "{{.Code}} is your " + what + " code." +
		"{{if .ExpiresInMinutes}} It expires in {{.ExpiresInMinutes}} minute{{if ne .ExpiresInMinutes 1}}s{{end}}.{{end}}" +
		" Do not share it with anybody." +
		"{{if .RequestURLDomain}}\n\n@{{.RequestURLDomain}} #{{.Code}}{{end}}"
}
