package config

import (
	"reflect"
	"strings"
	"time"
)

// rootSpec is the table of every key that is read: the fields of Config, and what
// no tag can say.
func rootSpec() *spec {
	root := object("", "The configuration of the SMS courier.", fieldSpecs(reflect.TypeFor[Config](), nil, true)...)
	api := root.child("api")
	api.child("host").doc = "The address to listen on. One that is not loopback needs keys, or auth: none."
	api.child("port").def = "4478"
	api.child("auth").enum = []string{authNone, authRequired}
	providers := root.child("tracing").child("providers")
	providers.doc = "The settings of each provider."
	providers.child("otlp").child("sampling").doc = "Which traces are kept."
	providers.children = append(providers.children, foreign("jaeger", "Kratos's Jaeger agent. Not read."), foreign("zipkin", "Kratos's Zipkin server. Not read."))
	root.child("courier").child("channels").item.skip = isOtherChannel
	root.walk("", func(path string, s *spec) {
		switch {
		case s.name == "request_config":
			s.exclusive = []string{"headers", "header"}
		case strings.HasSuffix(path, "request_config.auth"):
			s.variants = map[string][]*spec{
				string(AuthBasic):  fieldSpecs(reflect.TypeFor[basicAuth](), nil, false),
				string(AuthAPIKey): fieldSpecs(reflect.TypeFor[apiKeyAuth](), nil, false),
			}
		}
	})
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

// The scopes of an API key, and the values of api.auth.
const (
	ScopeSend     = "send"
	ScopeRead     = "read"
	ScopeReadBody = "read_body"

	authRequired = ""
	authNone     = "none"
)

// The types below only describe keys, which code reads: a request may stand in
// several places, and is not looked into where it is not used.

type channel struct {
	ID      string  `key:"id" example:"sms" required:"true" doc:"The kind of message. Only sms is delivered; a channel with another id is ignored with a warning."`
	Type    string  `key:"type" default:"http" enum:"http" doc:"How the gateway is spoken to."`
	Request request `key:"request_config" required:"true" doc:"The request that is sent to the gateway for each message."`
}

type request struct {
	URL     Secret            `key:"url" example:"https://gateway.example/v1/messages" pattern:"^([Hh][Tt][Tt][Pp][Ss]?|env|file)://." required:"true" doc:"The absolute http or https address, with a path. A user and password in it become basic authentication."`
	Method  string            `key:"method" example:"POST" required:"true" doc:"The method, sent as written. With TRACE there is no body."`
	Body    string            `key:"body" hidden:"true" example:"file://./sms.jsonnet" pattern:"^(file|base64|https?)://." doc:"The Jsonnet template of the body: file:// (relative to the working directory), base64://, http:// or https://. Without it there is no body."`
	Headers map[string]Secret `key:"headers" example:"{ Content-Type: application/x-www-form-urlencoded }" doc:"The headers of the request. The content type says how the body is encoded; without it, JSON."`
	Header  map[string]Secret `key:"header" doc:"The name of headers in Kratos before v0.11. Not both."`
	Auth    auth              `key:"auth" doc:"How the request proves who it is from."`
}

type auth struct {
	Type   string   `key:"type" example:"basic_auth" enum:"basic_auth api_key" required:"true" doc:"The kind of authentication."`
	Config struct{} `key:"config" required:"true" doc:"The credentials, by type."`
}

type basicAuth struct {
	User     Secret `key:"user" example:"account" required:"true" doc:"The user name."`
	Password Secret `key:"password" example:"env://SMS_PASSWORD" required:"true" doc:"The password."`
}

type apiKeyAuth struct {
	Name  string `key:"name" example:"X-Api-Key" required:"true" doc:"The name of the header or cookie."`
	Value Secret `key:"value" example:"env://SMS_API_KEY" required:"true" doc:"The key."`
	In    string `key:"in" example:"header" enum:"header cookie" required:"true" doc:"Where the key goes."`
}

type apiKey struct {
	Name   string   `key:"name" example:"shop" required:"true" doc:"The name of the key in the log. Each has idempotency keys of its own."`
	Hash   Secret   `key:"hash" example:"\"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"" required:"true" doc:"\"sha256:\" and the SHA-256 digest of the key in hexadecimal: printf %s \"$KEY\" | sha256sum"`
	Scopes []string `key:"scopes" default:"[send, read]" enum:"send read read_body" item:"A scope." doc:"What the key may do. read shows messages without their bodies, read_body with them."`
}

type worker struct {
	PullCount int           `key:"pull_count" range:"-2147483648 2147483647" example:"10" doc:"How many messages Kratos takes from its queue at once. A hint without effect."`
	PullWait  time.Duration `key:"pull_wait" range:"0s 8760h" example:"1s" doc:"How long Kratos waits between two looks at its queue. A hint without effect."`
}
