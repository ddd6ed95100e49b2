package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"courier/internal/config"
)

func TestLoad_Limits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":           `[{recipient 5 10m0s [otp]} {recipient 20 24h0m0s [otp]}]`,
		"limits: []": `[]`,
		"limits: [{ by: key, count: 1000, per: 1h }, { by: recipient, count: 3, per: 90s, lanes: [otp, normal] }]": `[{key 1000 1h0m0s []} {recipient 3 1m30s [otp normal]}]`,
		"limits: [{ by: number, count: 0, lanes: [codes] }]":                                                       "limits[0].per limits[0].by limits[0].count limits[0].lanes[0]",
		"recipients: { test: { \"+12065550150\": 424242, \"+12065550151\": \"\" } }":                               `[{recipient 5 10m0s [otp]} {recipient 20 24h0m0s [otp]}]`,
		"recipients: { test: { 12065550150: \"4 2\" } }":                                                           "recipients.test",
		"recipients: { test: { \"+12065550150\": \"4 2\" } }":                                                      "recipients.test.+12065550150",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "courier.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(config.Options{Files: []string{"courier.yml"}, Dir: dir})
		got := ""
		if err == nil {
			got = fmt.Sprint(cfg.Limits)
		}
		for _, problem := range config.Problems(err) {
			got = strings.TrimSpace(got + " " + problem.Path)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestLoad_HooksAndTexts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"courier.yml": `
courier:
  templates:
    login_code: { valid: { email: { subject: x }, sms: { body: { plaintext: "base64://e3suQ29kZX19", locales: { de: file://de.gotmpl } } } } }
    recovery: { valid: { email: { body: { plaintext: x } } } }
  template_override_path: texts
hooks:
  - { id: shop, type: supabase, secret: env://HOOK_SECRET, ttl: 90s, domain: shop.example }
  - { id: other, type: logto, secrets: [new, env://HOOK_SECRET], url_secret: true, locale: de, lane: normal }
recipients: { countries: { allow: [US, DE] }, types: { allow: [toll_free] } }
messages: { lint: off, typography: gsm }
`,
		"de.gotmpl": "Code {{.Code}}",
		"texts/recovery_code/valid/sms.body.gotmpl":    `{{template "de" .}}`,
		"texts/recovery_code/valid/sms.body.de.gotmpl": `{{define "de"}}x{{end}}`,
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(config.Options{Files: []string{"courier.yml"}, Dir: dir, Environ: []string{"HOOK_SECRET=s3cr3t"}})
	if err != nil {
		t.Fatal(err)
	}
	shop, other := cfg.Hooks[0], cfg.Hooks[1]
	if shop.ID != "shop" || shop.Type != "supabase" || shop.Secrets[0].Reveal() != "s3cr3t" || shop.TTL != 90*time.Second || shop.Domain != "shop.example" {
		t.Errorf("got %+v", shop)
	}
	if len(other.Secrets) != 2 || other.Secrets[0].Reveal() != "new" || other.Secrets[1].Reveal() != "s3cr3t" || !other.URLSecret || other.Locale != "de" || other.Lane != "normal" {
		t.Errorf("got %+v", other)
	}
	var texts []string
	for _, text := range cfg.Texts {
		texts = append(texts, strings.Join([]string{text.Type, text.Locale, string(text.Source.Kind), filepath.Base(text.Source.Path)}, " ")+strings.Repeat("+", len(text.Others)))
	}
	want := "login_code_valid  base64 ., login_code_valid de file de.gotmpl, recovery_code_valid  file sms.body.gotmpl+"
	if got := strings.Join(texts, ", "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if cfg.Messages.Lint || cfg.Messages.Typography != "gsm" || cfg.Recipients.Countries.Allow[1] != "DE" || cfg.Recipients.Kinds.Allow[0] != "toll_free" {
		t.Errorf("got %+v %+v", cfg.Messages, cfg.Recipients)
	}
	for _, warning := range cfg.Warnings {
		if strings.HasPrefix(warning.Path, "courier.templates") {
			t.Errorf("warning %v", warning)
		}
	}
}

func TestLoad_HooksRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ //nolint:gosec // the secrets open nothing
		"hooks: [{ id: a, type: keycloak, secret: x }]":                                                                               "hooks[0].type",
		"hooks: [{ id: a, type: logto }]":                                                                                             "hooks[0].secret",
		"hooks: [{ id: A b, type: logto, secret: x }]":                                                                                "hooks[0].id",
		"hooks: [{ id: a, type: logto, secret: x }, { id: a, type: logto, secret: y }]":                                               "the id is that of another hook",
		"hooks: [{ type: logto, secret: x, ttl: 1ms }]":                                                                               "hooks[0].ttl",
		"hooks: [{ id: a, type: casdoor, secret: x, template: login_code_valid }]":                                                    "hooks[0].template",
		"hooks: [{ id: a, type: logto, secret: x, locale: \"de, en\" }]":                                                              "hooks[0].locale",
		"courier: { templates: { login_code: { valid: { sms: { body: { locales: { \"not a tag\": base64://e3suQ29kZX19 } } } } } } }": "no language tag",
		"courier: { templates: { login_code: { valid: { sms: { body: { plaintext: file://none } } } } } }":                            "courier.templates.login_code.valid.sms.body.plaintext",
		"recipients: { types: { allow: [premium] } }":                                                                                 "recipients.types.allow",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "c.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Load(config.Options{Files: []string{"c.yml"}, Dir: dir})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
