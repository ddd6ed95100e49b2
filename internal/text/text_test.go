package text_test

import (
	"strings"
	"testing"

	"courier/internal/text"
)

func newTexts(t *testing.T, sources ...text.Source) *text.Texts {
	t.Helper()
	texts, err := text.New(sources)
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// TestTexts_Kratos runs Kratos's own templates, with the data that it queues.
func TestTexts_Kratos(t *testing.T) {
	t.Parallel()
	const file = "Your login code is: {{ .LoginCode }}\n\nIt expires in {{ .ExpiresInMinutes }} minutes.\n{{- if .RequestURLDomain }}\n\n@{{ .RequestURLDomain }} #{{ .LoginCode }}\n{{- end }}\n"
	texts := newTexts(t, text.Source{Type: text.LoginCode, Name: "sms.body.gotmpl", Text: []byte(file)})
	got, err := texts.Render(text.Request{Type: text.LoginCode, To: "+12065550100", Data: []byte(`{
		"to":"+12065550100","login_code":"204961","expires_in_minutes":60,"request_url":"http://127.0.0.1:4433/x","request_url_domain":"127.0.0.1",
		"identity":{"id":"1","traits":{"phone":"+12065550100"}},"transient_payload":{"lang":"en"}}`)})
	if want := "Your login code is: 204961\n\nIt expires in 60 minutes.\n\n@127.0.0.1 #204961\n"; got != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestTexts_Default(t *testing.T) {
	t.Parallel()
	texts := newTexts(t)
	for kind, test := range map[string]struct{ data, want string }{
		text.LoginCode:        {`{"login_code":"204961","expires_in_minutes":1}`, "204961 is your login code. It expires in 1 minute. Do not share it with anybody.\n\n@shop.example #204961"},
		text.RecoveryCode:     {`{"verification_code":"204961"}`, "204961 is your recovery code. Do not share it with anybody.\n\n@shop.example #204961"},
		text.VerificationCode: {`{"verification_code":"204961","request_url_domain":"my.example"}`, "204961 is your verification code. Do not share it with anybody.\n\n@my.example #204961"},
		text.RegistrationCode: {`{"registration_code":"204961","expires_in_minutes":5}`, "204961 is your registration code. It expires in 5 minutes. Do not share it with anybody.\n\n@shop.example #204961"},
	} {
		got, err := texts.Render(text.Request{Type: kind, Domain: "shop.example", Data: []byte(test.data)})
		if got != test.want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", kind, got, err, test.want)
		}
	}
}

func TestTexts_Locales(t *testing.T) {
	t.Parallel()
	texts := newTexts(t,
		text.Source{Type: text.LoginCode, Name: "any", Text: []byte("code {{.Code}}")},
		text.Source{Type: text.LoginCode, Locale: "de", Name: "de", Text: []byte("Code {{.LoginCode}}")},
		text.Source{Type: text.LoginCode, Locale: "de_AT", Name: "at", Text: []byte("Griass di, {{.LoginCode}} {{.Locale}}")},
	)
	for locale, want := range map[string]string{
		"": "code 1", "fr": "code 1", "de": "Code 1", "de-CH": "Code 1", "DE_ch": "Code 1", "de-x-1": "Code 1", "-": "code 1",
		"de-AT": "Griass di, 1 de-AT", "de-AT-1996": "Griass di, 1 de-AT-1996", "den": "code 1", "de" + strings.Repeat("-a", 1<<18): "code 1",
	} {
		got, err := texts.Render(text.Request{Type: text.LoginCode, Locale: locale, Data: []byte(`{"login_code":"1"}`)})
		if got != want || err != nil {
			t.Errorf("%.40q: got %.40q, %v; want %q", locale, got, err, want)
		}
	}
}

// TestTexts_Siblings has a template call another file of its folder, as Kratos's globs allow.
func TestTexts_Siblings(t *testing.T) {
	t.Parallel()
	texts := newTexts(t, text.Source{
		Type: text.LoginCode, Name: "sms.body.gotmpl",
		Text:   []byte(`{{ if eq .TransientPayload.lang "de" }}{{ template "sms.body.de.gotmpl" . }}{{ else }}{{ template "en" . }}{{ end }}`),
		Others: map[string][]byte{"sms.body.de.gotmpl": []byte(`Code {{ .LoginCode | upper }}`), "sms.body.en.gotmpl": []byte(`{{ define "en" }}code {{ .LoginCode }}{{ end }}`)},
	})
	for lang, want := range map[string]string{"de": "Code A1", "en": "code a1"} {
		got, err := texts.Render(text.Request{Type: text.LoginCode, Data: []byte(`{"login_code":"a1","transient_payload":{"lang":"` + lang + `"}}`)})
		if got != want || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

// TestNew_Refuses finds at the start what can give no text.
func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		"{{ .LoginKode }}":                "f:1:3: there is no field .LoginKode; did you mean .LoginCode?",
		"{{ .LoginCode ":                  "f:1: unclosed action",
		"{{ now }}":                       `f:1: function "now" not defined`,
		"{{ env \"HOME\" }}":              `f:1: function "env" not defined`,
		"{{ repeat 9 .To }}":              `f:1: function "repeat" not defined`,
		"  \n":                            "the template gives an empty text",
		"{{ range 100000000 }}{{ end }}x": "the template loops too often",
		"{{ range 100000000 }}x{{ end }}": "the text is longer than 4 KiB",
		`{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}`:                                        "the template loops too often",
		`{{ $x := "aaaaaaaaaa" }}{{ range 9 }}{{ $x = print $x $x $x $x $x $x $x $x $x $x }}{{ end }}{{ len $x }}`: "more than 16 KiB",
		`{{ $x := list 1 }}{{ range 40 }}{{ $x = concat $x $x }}{{ end }}{{ len $x }}`:                             "more than 16 KiB",
		`{{ $x := list 1 }}{{ range 40 }}{{ $x = list $x $x }}{{ end }}{{ toJson $x }}`:                            "more than 16 KiB",
		`{{ $x := dict }}{{ $y := set $x "x" $x }}{{ .Code }}`:                                                     "more than 16 KiB",
		"{{ fail .LoginCode }}":                                                    "f:1:3: <fail .LoginCode> fails",
		"{{ index .Identity.traits.list 204961 }}":                                 "fails",
		"{{ range 9 }}{{ range 99999 }}{{ if false }}a{{ end }}{{ end }}{{ end }}": "the template loops too often",
	} {
		_, err := text.New([]text.Source{{Type: text.LoginCode, Name: "f", Text: []byte(template)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", template, err, want)
		}
	}
}

// TestTexts_RenderErrors quotes nothing of a message.
func TestTexts_RenderErrors(t *testing.T) {
	t.Parallel()
	texts := newTexts(t, text.Source{Type: text.LoginCode, Name: "f", Text: []byte(`{{ if .TransientPayload.n }}{{ index .TransientPayload.n .LoginCode }}{{ end }}x`)})
	for data, want := range map[string]string{
		`{"login_code":"204961","transient_payload":{"n":"204961"}}`: "f:1:31: <index .TransientPayload.n .LoginCode> fails",
		`{"login_code":204961}`: "template_data.login_code is of the wrong type; a text needs a string there",
		`["204961"]`:            "wrong type",
		`{"204961`:              "template_data is not a JSON object",
		`{}`:                    "template_data has no code; give login_code",
		``:                      "template_data has no code; give login_code",
	} {
		_, err := texts.Render(text.Request{Type: text.LoginCode, Data: []byte(data)})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "204961") {
			t.Errorf("%s: got %v, want %s", data, err, want)
		}
	}
	if _, err := texts.Render(text.Request{Type: "stub"}); err != text.ErrNoText { //nolint:errorlint // it is returned as it is
		t.Errorf("got %v", err)
	}
}

func BenchmarkTexts_Render(b *testing.B) {
	texts, err := text.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := texts.Render(text.Request{Type: text.LoginCode, Domain: "shop.example", Data: []byte(`{"login_code":"204961","expires_in_minutes":5}`)}); err != nil {
			b.Fatal(err)
		}
	}
}
