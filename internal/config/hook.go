package config

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Hook is one hook of an identity system.
type Hook struct {
	ID, Type string
	Secrets  []Secret
	// User is the name for Basic authentication, empty for any.
	User string
	// URLSecret is true when the secret may also be the last part of the address.
	URLSecret bool
	Template  string
	// Lane is that of messages whose call names none, empty for what fits them.
	Lane    string
	Channel string
	From    string
	// TTL and Dedupe are 0 for what fits the type.
	TTL, Dedupe    time.Duration
	Domain, Locale string
	// Path is where it is configured, for Config.Position.
	Path string
}

// languageTag is how the tag of a language looks (BCP 47), in the spelling of programs too.
const languageTag = `^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$`

// textTypes are the types of message that have texts of ours.
const textTypes = "login_code_valid recovery_code_valid registration_code_valid verification_code_valid"

type hook struct {
	ID        string        `key:"id" example:"supabase" pattern:"^[a-z0-9][a-z0-9_-]*$" required:"true" doc:"The last part of the address of the hook, /hooks/{id}."`
	Type      string        `key:"type" example:"supabase" enum:"authentik casdoor fusionauth kratos logto supabase webhook zitadel" required:"true" doc:"The identity system."`
	Secret    Secret        `key:"secret" example:"env://HOOK_SECRET" doc:"What the identity system signs by, or shows. Mandatory, here or in secrets."`
	Secrets   []string      `key:"secrets" hidden:"true" example:"[env://HOOK_SECRET, env://HOOK_SECRET_BEFORE]" item:"A secret." doc:"Several secrets, each of which is good, while one is replaced by another."`
	User      string        `key:"user" example:"courier" doc:"The name for Basic authentication. Without it any name is good."`
	URLSecret bool          `key:"url_secret" example:"true" doc:"Whether the secret may also be the last part of the address, /hooks/{id}/{secret}, for a system that neither signs nor sends a header."`
	Template  string        `key:"template" example:"login_code_valid" enum:"login_code_valid recovery_code_valid registration_code_valid verification_code_valid" doc:"The text that is sent even if the identity system sends one."`
	Lane      string        `key:"lane" example:"otp" enum:"otp normal bulk" doc:"How urgent its messages are, where a call does not say it itself. By default otp for one-time codes and normal for others."`
	Channel   string        `key:"channel" example:"sms" enum:"sms" doc:"The kind of message."`
	From      string        `key:"from" example:"+12065550110" doc:"The sender. Without it, that of the gateway."`
	TTL       time.Duration `key:"ttl" example:"60s" range:"1s 24h" doc:"How long a code is worth sending. By default what the identity system says, or what it has by default."`
	Domain    string        `key:"domain" example:"shop.example" doc:"The domain that a code is bound to in our texts, so that browsers fill it in there alone."`
	Locale    string        `key:"locale" example:"en" pattern:"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$" doc:"The language of our texts for calls that name none."`
	Dedupe    time.Duration `key:"dedupe" example:"30s" range:"1s 24h" doc:"How long an equal call is a repeat, of which no second message is made. By default 15m for systems that try again, else 30s."`
}

// hooks reads the hooks of identity systems.
func (c *checker) hooks() {
	item := c.root.child("hooks").item
	for i, n := range c.at("hooks").list() {
		path := indexPath("hooks", i)
		if n.kind != mapNode {
			continue
		}
		c.requireKeys(item.children, n, path)
		h := Hook{
			ID: textOr(n.get("id"), ""), Type: textOr(n.get("type"), ""), User: textOr(n.get("user"), ""), URLSecret: valueOr(item, n, "url_secret", false),
			Template: textOr(n.get("template"), ""), Lane: textOr(n.get("lane"), ""), Channel: textOr(n.get("channel"), ""), From: textOr(n.get("from"), ""),
			TTL: valueOr(item, n, "ttl", time.Duration(0)), Dedupe: valueOr(item, n, "dedupe", time.Duration(0)),
			Domain: textOr(n.get("domain"), ""), Locale: textOr(n.get("locale"), ""), Path: path,
		}
		if h.Locale != "" {
			c.language(h.Locale, n.get("locale").at, joinPath(path, "locale"))
		}
		if h.Template != "" && slices.Contains([]string{"casdoor", "fusionauth", "webhook"}, h.Type) {
			c.problem(n.get("template").at, joinPath(path, "template"), "the calls of %s do not say what the code is, so no text of ours can be made of them; leave it out", h.Type)
		}
		if c.id(n, path) && slices.ContainsFunc(c.config.Hooks, func(other Hook) bool { return other.ID == h.ID }) {
			c.problem(n.get("id").at, joinPath(path, "id"), "the id is that of another hook; give each its own")
		}
		if n.get("secret").isNothing() && n.get("secrets").isNothing() {
			c.problem(n.at, joinPath(path, "secret"), "the key is missing; expected what the identity system signs by, such as env://HOOK_SECRET")
		}
		if secret, ok := c.resolve(n.get("secret"), joinPath(path, "secret")); ok && !n.get("secret").isNothing() {
			h.Secrets = append(h.Secrets, secret)
		}
		for at, one := range n.get("secrets").list() {
			if secret, ok := c.resolve(one, indexPath(joinPath(path, "secrets"), at)); ok {
				h.Secrets = append(h.Secrets, secret)
			}
		}
		c.config.Hooks = append(c.config.Hooks, h)
	}
}

// language judges the tag of a language.
func (c *checker) language(tag string, at Position, path string) {
	if !regexp.MustCompile(languageTag).MatchString(tag) {
		c.problem(at, path, "%q is no language tag; write one such as de or de-CH", tag)
	}
}

// Text is a template of the text of a one-time code.
type Text struct {
	// Type is the type of message, such as login_code_valid.
	Type string
	// Locale is a language tag, empty for the text of all others.
	Locale string
	Source TemplateSource
	// Others are the files that it may call by their names.
	Others []string
	// Path is where it is configured, for Config.Position.
	Path string
}

// codeTexts are Kratos's texts, as far as they are of one-time codes by SMS.
type codeTexts struct {
	_ any      `key:"recovery" doc:"Kratos's links by e-mail. Not read."`
	_ any      `key:"verification" doc:"Kratos's links by e-mail. Not read."`
	_ textKeys `key:"login_code" open:"true" doc:"The text of a code for a login."`
	_ textKeys `key:"recovery_code" open:"true" doc:"The text of a code for a recovery."`
	_ textKeys `key:"verification_code" open:"true" doc:"The text of a code that verifies a number."`
	_ textKeys `key:"registration_code" open:"true" doc:"The text of a code for a registration."`
}

type textKeys struct {
	Valid validText `key:"valid" open:"true" doc:"The text of a code that is good."`
	_     any       `key:"invalid" doc:"Kratos's e-mail. Not read."`
}

type validText struct {
	SMS smsText `key:"sms" doc:"The text message."`
	_   any     `key:"email" doc:"Kratos's e-mail. Not read."`
}

type smsText struct {
	Body bodyText `key:"body" doc:"The text."`
}

type bodyText struct {
	Plaintext string            `key:"plaintext" hidden:"true" example:"file://texts/login.gotmpl" pattern:"^(file|base64|https?)://." doc:"The template: file://, base64://, http:// or https://, read at the start and at each reload."`
	Locales   map[string]Secret `key:"locales" example:"{ de: file://texts/login.de.gotmpl }" doc:"The templates of languages, by their tags (BCP 47). The nearest is used: de for de-CH. The others get plaintext."`
}

// texts finds the templates of one-time codes.
func (c *checker) texts() {
	if c.config.Courier.TextsPath != "" {
		c.config.Courier.TextsPath = c.file(c.config.Courier.TextsPath)
	}
	for kind := range strings.FieldsSeq(textTypes) {
		name := strings.TrimSuffix(kind, "_valid")
		c.overriddenText(kind, name)
		path := strings.Join([]string{"courier.templates", name, "valid.sms.body"}, ".")
		n := c.at("courier", "templates", name, "valid", "sms", "body")
		if source := c.template(n, path, "plaintext"); source.Kind != TemplateNone {
			c.config.Texts = append(c.config.Texts, Text{Type: kind, Source: source, Path: joinPath(path, "plaintext")})
		}
		locales := n.get("locales")
		for _, e := range locales.pairs() {
			at := joinPath(path, "locales")
			c.language(e.key, e.at, at)
			if source := c.template(locales, at, e.key); source.Kind != TemplateNone {
				c.config.Texts = append(c.config.Texts, Text{Type: kind, Locale: e.key, Source: source, Path: joinPath(at, e.key)})
			}
		}
	}
}

// overriddenText finds the files of a text in template_override_path, as Kratos does.
func (c *checker) overriddenText(kind, name string) {
	if c.config.Courier.TextsPath == "" {
		return
	}
	folder := filepath.Join(c.config.Courier.TextsPath, name, "valid")
	main := filepath.Join(folder, "sms.body.gotmpl")
	if _, err := c.read(main, maxFileSize); err != nil {
		return // the text is another
	}
	text := Text{Type: kind, Source: TemplateSource{Kind: TemplateFile, URI: NewSecret("file://" + main), Path: main}, Path: "courier.template_override_path"}
	others, _ := filepath.Glob(filepath.Join(folder, "sms.body*")) // the pattern is a good one, but for odd names of folders
	for _, other := range others {
		if other != main {
			_, _ = c.read(other, maxFileSize) // it is noted
			text.Others = append(text.Others, other)
		}
	}
	c.config.Texts = append(c.config.Texts, text)
}
