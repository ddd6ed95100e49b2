package config

import (
	_ "embed"
	"maps"
	"slices"
	"strings"
)

//go:embed starter.yaml
var starter string

// Starter returns a commented configuration file to begin with. It passes Load.
func Starter() string { return starter }

// HookTypes returns the types of hooks.
func HookTypes() []string { return slices.Sorted(maps.Keys(hookSides())) }

// StarterWithHook returns a configuration with a hook of a type, whose secret comes from
// the environment, at its end. It passes Load once HOOK_SECRET is set.
func StarterWithHook(starter, kind string) string {
	starter, _, _ = strings.Cut(starter, "\n# The hooks of identity systems")
	side := hookSides()[kind]
	var text strings.Builder
	text.WriteString(strings.TrimRight(starter, "\n") + "\n\n# The hooks of identity systems, each at POST /hooks/{id} of the public listener, port 4477:\n# docs/hooks.md.\nhooks:\n")
	for line := range strings.Lines(side.set) {
		text.WriteString("  # " + line)
	}
	text.WriteString("\n  - id: " + kind + "\n    type: " + kind + "\n    # " + side.origin + "\n    secret: env://HOOK_SECRET\n")
	for line := range strings.Lines(side.more) {
		text.WriteString("    " + line)
	}
	return text.String()
}

// hookSide is what a hook of a type needs here and in its identity system.
type hookSide struct {
	// set is what to set there, origin where the secret comes from, more further keys here.
	set, origin, more string
}

func hookSides() map[string]hookSide {
	const random = "A long random text, such as openssl rand -hex 32 prints."
	return map[string]hookSide{
		"supabase": {
			set:    "Supabase Auth calls https://sms.example.com/hooks/supabase. Set there, or in the dashboard\nunder Authentication, Hooks: GOTRUE_HOOK_SEND_SMS_ENABLED=true, GOTRUE_HOOK_SEND_SMS_URI\nto that address, GOTRUE_HOOK_SEND_SMS_SECRETS to the secret.",
			origin: "v1,whsec_ and base64: what the dashboard generates.",
			more:   "# How long its codes are good: 60 seconds unless its settings say otherwise.\nttl: 60s\n# Our texts end with @shop.example #code, so that browsers fill the code in there.\n# domain: shop.example\n",
		},
		"zitadel": {
			set:    "Zitadel calls https://sms.example.com/hooks/zitadel. Add an HTTP provider there with\nPOST /admin/v1/sms/http and activate it.",
			origin: "The signingKey that Zitadel answers with when the provider is added.",
			more:   "# A version that signs nothing calls /hooks/zitadel/<secret> instead.\n# url_secret: true\n",
		},
		"authentik": {
			set:    "authentik calls https://sms.example.com/hooks/authentik. In the SMS stage choose the\nprovider Generic, that address, and the authentication Bearer or Basic. The number is what\nthe user typed: set recipients.default_region here.",
			origin: random,
			more:   "# The user name for Basic.\nuser: courier\n",
		},
		"logto": {
			set:    "Logto calls https://sms.example.com/hooks/logto: the endpoint of the HTTP SMS connector,\nwhose authorization is the secret.",
			origin: random,
			more:   "# The language of our texts where the user's is not known.\nlocale: en\n# domain: shop.example\n",
		},
		"kratos": {
			set: "Ory Kratos calls https://sms.example.com/hooks/kratos. In its kratos.yml:\n" +
				"  courier:\n    channels:\n      - id: sms\n        type: http\n        request_config:\n          url: https://sms.example.com/hooks/kratos\n          method: POST\n" +
				"          body: base64://ZnVuY3Rpb24oY3R4KSBjdHg=\n" +
				"          auth: { type: api_key, config: { in: header, name: Authorization, value: \"Bearer <secret>\" } }",
			origin: random,
		},
		"casdoor": {
			set:    "Casdoor calls https://sms.example.com/hooks/casdoor: a provider of the category SMS and the\ntype Custom HTTP SMS, method POST, with the parameters phoneNumber and content and the header\nAuthorization: Bearer <secret>. Keycloak's plugin keycloak-mfa-plugins calls it in form mode.",
			origin: random,
		},
		"fusionauth": {
			set:    "FusionAuth calls https://sms.example.com/hooks/fusionauth: a generic messenger with the header\nAuthorization: Bearer <secret>.",
			origin: random,
		},
		"webhook": {
			set:    "Whatever posts what POST /v1/messages takes to https://sms.example.com/hooks/webhook, with\nAuthorization: Bearer <secret>, or signed as a Standard Webhook where the secret is whsec_…",
			origin: random,
		},
	}
}
