package config

import (
	"reflect"
	"slices"
)

// rootSpec is the table of every key that is read: the fields of Config, and what
// has no field, because it may stand in several places or is only let pass.
func rootSpec() *spec {
	root := object("", "The configuration of the SMS courier.", fieldSpecs(reflect.TypeFor[Config](), nil)...)
	add := func(s *spec, children ...*spec) { s.children = append(s.children, children...) }

	courier := root.child("courier")
	courier.children = slices.Insert(courier.children, 1, channelsSpec())
	add(courier.child("sms"), requestSpec())
	add(courier,
		&spec{
			name: "worker", kind: objectSpec, open: true, doc: "Kratos's hints on polling. The courier does not poll, so they are read and change nothing.",
			children: []*spec{
				{name: "pull_count", kind: intSpec, least: "-2147483648", most: "2147483647", example: "10", doc: "How many messages Kratos takes from its queue at once. A hint without effect."},
				{name: "pull_wait", kind: durationSpec, least: "0s", most: "8760h", example: "1s", doc: "How long Kratos waits between two looks at its queue. A hint without effect."},
			},
		},
		foreign("smtp", "Kratos's e-mail server. Not read."),
		foreign("http", "Kratos's e-mail over HTTP. Not read."),
		foreign("templates", "Kratos's message texts. Not read."),
		foreign("template_override_path", "Kratos's message texts. Not read."),
		foreign("delivery_strategy", "How Kratos sends e-mail. Not read."),
		foreign("message_ttl", "The time to live of messages in Kratos before v0.11. Not read."),
	)

	api := root.child("api")
	api.child("host").doc = "The address to listen on. One that is not loopback needs keys, or auth: none."
	api.child("port").def = "4478"
	api.child("auth").enum = []string{authNone, authRequired}
	add(api, keysSpec())

	clients := root.child("clients")
	clients.open = true
	add(clients, foreign("smtp", "Kratos's e-mail client. Not read."), foreign("web_hook", "Kratos's web hooks. Not read."))
	add(root.child("log"),
		&spec{name: "leak_sensitive_values", kind: boolSpec, def: "false", doc: "Kratos's switch. The courier never logs sensitive values, so it changes nothing."},
		text("redaction_text", "Kratos's placeholder. It changes nothing."),
	)
	providers := root.child("tracing").child("providers")
	providers.doc = "The settings of each provider."
	providers.child("otlp").child("sampling").doc = "Which traces are kept."
	add(providers, foreign("jaeger", "Kratos's Jaeger agent. Not read."), foreign("zipkin", "Kratos's Zipkin server. Not read."))
	return root
}

// kratosSections are the top-level keys of Ory Kratos v0.2 to v26.2 that are
// not read here. Source: embedx/config.schema.json of its releases.
func kratosSections() []string {
	return []string{
		"ciphers", "config", "cookies", "database", "dev", "dsn", "enterprise", "expose-metrics-port",
		"feature_flags", "hashers", "help", "identity", "oauth2_provider", "organizations", "password",
		"preview", "profiling", "revision", "secrets", "security", "selfservice", "serve", "session",
		"sqa-opt-out", "urls", "version", "watch-courier",
	}
}

func channelsSpec() *spec {
	kind := text("type", "How the gateway is spoken to.", "http")
	kind.def = "http"
	item := object("", "A channel.",
		text("id", "The kind of message. Only sms is delivered; a channel with another id is ignored with a warning.").with("sms").mandatory(),
		kind,
		requestSpec().mandatory(),
	)
	item.skip = isOtherChannel
	return &spec{
		name: "channels", kind: listSpec, item: item,
		doc: "The gateways by kind of message. The first channel with the id sms is used.",
	}
}

// requestSpec is the request of a gateway. Code reads its values, because a
// request may stand in several places.
func requestSpec() *spec {
	address := secret("url", "The absolute http or https address, with a path. A user and password in it become basic authentication.").
		with("https://gateway.example/v1/messages").mandatory()
	address.pattern = "^([Hh][Tt][Tt][Pp][Ss]?|env|file)://."
	request := object("request_config", "The request that is sent to the gateway for each message.",
		address,
		text("method", "The method, sent as written. With TRACE there is no body.").with("POST").mandatory(),
		&spec{
			name: "body", kind: textSpec, hidden: true, example: "file://./sms.jsonnet", pattern: "^(file|base64|https?)://.",
			doc: "The Jsonnet template of the body: file:// (relative to the working directory), base64://, http:// or https://. Without it there is no body.",
		},
		&spec{
			name: "headers", kind: headerSpec, example: "{ Content-Type: application/x-www-form-urlencoded }",
			doc: "The headers of the request. The content type says how the body is encoded; without it, JSON.",
		},
		&spec{name: "header", kind: headerSpec, doc: "The name of headers in Kratos before v0.11. Not both."},
		authSpec(),
	)
	request.exclusive = []string{"headers", "header"}
	return request
}

func authSpec() *spec {
	auth := object("auth", "How the request proves who it is from.",
		text("type", "The kind of authentication.", string(AuthBasic), string(AuthAPIKey)).with("basic_auth").mandatory(),
		object("config", "The credentials, by type.").mandatory(),
	)
	auth.variants = map[string][]*spec{
		string(AuthBasic): {
			secret("user", "The user name.").with("account").mandatory(),
			secret("password", "The password.").with("env://SMS_PASSWORD").mandatory(),
		},
		string(AuthAPIKey): {
			text("name", "The name of the header or cookie.").with("X-Api-Key").mandatory(),
			secret("value", "The key.").with("env://SMS_API_KEY").mandatory(),
			text("in", "Where the key goes.", InHeader, InCookie).with("header").mandatory(),
		},
	}
	return auth
}

// The scopes of an API key, and the values of api.auth.
const (
	ScopeSend     = "send"
	ScopeRead     = "read"
	ScopeReadBody = "read_body"

	authRequired = ""
	authNone     = "none"
)

func keysSpec() *spec {
	return &spec{
		name: "keys", kind: listSpec, doc: "Who may call the API. Only digests of keys are kept.",
		item: object("", "A key.",
			text("name", "The name of the key in the log. Each has idempotency keys of its own.").with("shop").mandatory(),
			secret("hash", `"sha256:" and the SHA-256 digest of the key in hexadecimal: printf %s "$KEY" | sha256sum`).
				with(`"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`).mandatory(),
			&spec{
				name: "scopes", kind: listSpec, def: "[send, read]", item: text("", "A scope.", ScopeSend, ScopeRead, ScopeReadBody),
				doc: "What the key may do. read shows messages without their bodies, read_body with them.",
			},
		),
	}
}
