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
	root.child("courier").child("gateways").item.exclusive = []string{"preset", "request_config"}
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
	ScopeOperate  = "operate"

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

type gatewayKeys struct {
	ID            string            `key:"id" example:"twilio" pattern:"^[a-z0-9][a-z0-9_-]*$" required:"true" doc:"The name of the gateway in messages, attempts, metrics and routes, and in the address of its receipts. sms is that of courier.sms or a channel."`
	Preset        string            `key:"preset" example:"twilio" doc:"The ready-made gateway that it is: docs/presets has them all. Either this or request_config."`
	From          string            `key:"from" example:"+12065550110" doc:"The sender of every message that names none."`
	Params        map[string]Secret `key:"params" kind:"params" example:"{ account_sid: AC0, auth_token: env://TWILIO_TOKEN }" doc:"The settings and secrets of the preset, or what the templates find in ctx.params: texts, whole numbers and booleans."`
	ReceiptSecret Secret            `key:"receipt_secret" example:"env://RECEIPT_SECRET" doc:"The last part of the address of receipts, /receipts/{id}/{receipt_secret}, known to the gateway alone. Mandatory where receipts are not signed."`
	Request       request           `key:"request_config" doc:"The request that is sent to the gateway for each message. Either this or preset."`
	Response      string            `key:"response" hidden:"true" example:"file://./response.jsonnet" pattern:"^(file|base64|https?)://." doc:"The Jsonnet template function(res) that says what an answer means, from the same places as body. Without it the HTTP status does."`
	Receipt       string            `key:"receipt" hidden:"true" example:"file://./receipt.jsonnet" pattern:"^(file|base64|https?)://." doc:"The Jsonnet template function(req) that reads receipts, from the same places as body. Without it the gateway takes none, unless the preset does."`
	Timeout       time.Duration     `key:"timeout" example:"10s" range:"1ms 1h" doc:"How long one attempt may take. By default dispatch.timeout."`
	MaxInFlight   int               `key:"max_in_flight" example:"64" range:"1 10000" doc:"The most attempts at one time. By default dispatch.max_in_flight."`
	RateLimit     RateLimit         `key:"rate_limit" doc:"The most attempts in a time. By default dispatch.max_rate."`
	OnUnknown     string            `key:"on_unknown" example:"resend" enum:"resend hold" doc:"What becomes of a message whose request was written and whose answer was not read. By default dispatch.on_unknown."`
	Retry         gatewayRetry      `key:"retry" doc:"The delay before a failed message is tried again. By default dispatch.retry."`
	Breaker       Breaker           `key:"breaker" doc:"When the gateway is taken not to work, so that messages wait or go to the next one of their route."`
	TLS           GatewayTLS        `key:"tls" doc:"TLS for the connections to the gateway."`
}

type gatewayRetry struct {
	Initial time.Duration `key:"initial" example:"500ms" range:"1ms 24h" doc:"The first delay."`
	Max     time.Duration `key:"max" example:"30s" range:"1ms 24h" doc:"The longest delay."`
}

type routeKeys struct {
	Name         string         `key:"name" example:"europe" doc:"The name of the route in logs and metrics. By default what it matches."`
	To           []string       `key:"to" example:"[\"+1\", DE]" pattern:"^(\\+[0-9]{1,15}|[A-Z]{2})$" item:"The beginning of a number in quotes, or a country." doc:"The recipients: beginnings of numbers such as \"+1\", in quotes, and two-letter codes of countries. Without it, all."`
	Channel      string         `key:"channel" example:"sms" enum:"sms" doc:"The kind of message. Without it, any."`
	TemplateType string         `key:"template_type" example:"login_code_valid" doc:"The template_type of the messages. Without it, any."`
	Lane         string         `key:"lane" example:"bulk" enum:"otp normal bulk" doc:"The lane of those of the messages that name none and are no one-time codes. By default normal."`
	Gateways     []routeGateway `key:"gateways" example:"[twilio, { id: plivo, weight: 20 }]" short:"true" item:"The id of a gateway, or a map." required:"true" doc:"The gateways, best first: their ids, or each with a weight, by which chance chooses the first. When one cannot take a message, it goes to the next."`
	Demote       bool           `key:"demote" example:"true" doc:"Whether a gateway of the route that accepts messages and does not deliver them, or slowly, loses weight by itself until it does better."`
}

type routeGateway struct {
	ID     string `key:"id" example:"twilio" required:"true" doc:"The id of the gateway."`
	Weight int    `key:"weight" range:"0 100" example:"80" doc:"The share of the messages for which it comes first, of the sum of all weights of the route. One without takes only what those with one cannot; where none has one, the order counts."`
}

type limitKeys struct {
	By    string        `key:"by" example:"recipient" enum:"recipient key hook" required:"true" doc:"Whose messages are counted: those to a recipient, or those of an API key or of a hook."`
	Count int           `key:"count" example:"5" range:"1 1000000" required:"true" doc:"How many messages are taken."`
	Per   time.Duration `key:"per" example:"10m" range:"1s 744h" required:"true" doc:"In any span of this length."`
	Lanes []string      `key:"lanes" example:"[otp]" enum:"otp normal bulk" item:"A lane." doc:"The lanes whose messages count. Without it, all."`
}

type webhook struct {
	ID     string   `key:"id" example:"shop" pattern:"^[a-z0-9][a-z0-9_-]*$" required:"true" doc:"The name of the endpoint in logs and metrics."`
	URL    Secret   `key:"url" example:"https://shop.example/sms-events" pattern:"^([Hh][Tt][Tt][Pp][Ss]?|env|file)://." required:"true" doc:"The absolute http or https address to post to."`
	Secret Secret   `key:"secret" example:"env://WEBHOOK_SECRET" required:"true" doc:"The secret that events are signed with: whsec_ and base64, from 24 to 64 bytes. Several, of which any may verify, are separated by blanks."`
	Events []string `key:"events" example:"[message.delivered, message.undelivered]" enum:"message.sent message.delivered message.undelivered message.rejected message.expired message.abandoned message.canceled message.unknown" item:"An event." doc:"The events that it is told of. Without it, all."`
	EventOptions
}

type request struct {
	URL     Secret            `key:"url" example:"https://gateway.example/v1/messages" pattern:"^([Hh][Tt][Tt][Pp][Ss]?|env|file)://." required:"true" doc:"The absolute http or https address, with a path. A user and password in it become basic authentication."`
	Method  string            `key:"method" example:"POST" required:"true" doc:"The method, sent as written. With TRACE there is no body."`
	Query   string            `key:"query" hidden:"true" example:"file://./query.jsonnet" pattern:"^(file|base64|https?)://." doc:"The Jsonnet template of an object whose values join the query of the address, from the same places as body."`
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
	Scopes []string `key:"scopes" default:"[send, read]" enum:"send read read_body operate" item:"A scope." doc:"What the key may do. read shows messages without their bodies, read_body with them. operate cancels, retries and resolves messages, also many at once, and pauses and tests gateways."`
}

type worker struct {
	PullCount int           `key:"pull_count" range:"-2147483648 2147483647" example:"10" doc:"How many messages Kratos takes from its queue at once. A hint without effect."`
	PullWait  time.Duration `key:"pull_wait" range:"0s 8760h" example:"1s" doc:"How long Kratos waits between two looks at its queue. A hint without effect."`
}
