package config

import (
	"math"
	"slices"
	"strings"
)

// rootSpec is the table of every key that is read.
func rootSpec() *spec {
	return object("", "The configuration of the SMS courier.",
		courierSpec(), storeSpec(), apiSpec(), publicSpec(), tlsSpec(), dispatchSpec(),
		recipientsSpec(), messagesSpec(), retentionSpec(), clientsSpec(), logSpec(), tracingSpec(),
	)
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

// isAnnotation reports whether a top-level key is for editors and anchors.
func isAnnotation(key string) bool { return key == "$schema" || strings.HasPrefix(key, "x-") }

func isKratosSection(key string) bool { return slices.Contains(kratosSections(), key) }

const day = 24 * 60 * 60 // seconds

func courierSpec() *spec {
	return object("courier", "The courier section of Ory Kratos: the gateway, and how often a message is tried again.",
		number("message_retries", "5", "How often a failed message is tried again before it is abandoned. 0 means one attempt.",
			0, 10_000, func(c *Config) any { return &c.Courier.MessageRetries }),
		channelsSpec(),
		smsSpec(),
		object("worker", "Kratos's hints on polling. The courier does not poll, so they are read and change nothing.",
			number("pull_count", "", "How many messages Kratos takes from its queue at once. A hint without effect.",
				math.MinInt32, math.MaxInt32, nil).with("10"),
			duration("pull_wait", "", "How long Kratos waits between two looks at its queue. A hint without effect.",
				0, 365*day, nil).with("1s"),
		).opened().old(),
		foreign("smtp", "Kratos's e-mail server. Not read."),
		foreign("http", "Kratos's e-mail over HTTP. Not read."),
		foreign("templates", "Kratos's message texts. Not read."),
		foreign("template_override_path", "Kratos's message texts. Not read."),
		foreign("delivery_strategy", "How Kratos sends e-mail. Not read."),
		foreign("message_ttl", "The time to live of messages in Kratos before v0.11. Not read."),
	)
}

func channelsSpec() *spec {
	item := object("", "A channel.",
		text("id", "", "The kind of message. Only sms is delivered; a channel with another id is ignored with a warning.", nil).with("sms").mandatory(),
		choice("type", "http", "How the gateway is spoken to.", []string{"http"}, nil),
		requestSpec().mandatory(),
	)
	item.skip = isOtherChannel
	return &spec{
		name: "channels", kind: listSpec, item: item,
		doc: "The gateways by kind of message. The first channel with the id sms is used.",
	}
}

func smsSpec() *spec {
	return object("sms", "The gateway in the form of Kratos v0.9 to v1.0. With a channel sms beside it, only from is used.",
		truth("enabled", "Whether the gateway is used.", func(c *Config) any { return &c.Courier.SMS.Enabled }).old(),
		text("from", "Ory Kratos", "The sender of every message that names none.",
			func(c *Config) any { return &c.Courier.SMS.From }).with(`"+12065550110"`),
		requestSpec().old(),
	)
}

// requestSpec is the request of a gateway. Code reads its values, because a
// request may stand in several places.
func requestSpec() *spec {
	address := secret("url", "The absolute http or https address, with a path. A user and password in it become basic authentication.", nil).
		with("https://gateway.example/v1/messages").mandatory()
	address.pattern = "^([Hh][Tt][Tt][Pp][Ss]?|env|file)://."
	request := object("request_config", "The request that is sent to the gateway for each message.",
		address,
		text("method", "", "The method, sent as written. With TRACE there is no body.", nil).with("POST").mandatory(),
		&spec{
			name: "body", kind: textSpec, hidden: true, example: "file://./sms.jsonnet",
			pattern: "^(file|base64|https?)://.",
			doc:     "The Jsonnet template of the body: file:// (relative to the working directory), base64://, http:// or https://. Without it there is no body.",
		},
		&spec{
			name: "headers", kind: headerSpec, example: "{ Content-Type: application/x-www-form-urlencoded }",
			doc: "The headers of the request. The content type says how the body is encoded; without it, JSON.",
		},
		(&spec{name: "header", kind: headerSpec, doc: "The name of headers in Kratos before v0.11. Not both."}).old(),
		authSpec(),
	)
	request.exclusive = []string{"headers", "header"}
	return request
}

func authSpec() *spec {
	auth := object("auth", "How the request proves who it is from.",
		choice("type", "", "The kind of authentication.", []string{string(AuthBasic), string(AuthAPIKey)}, nil).with("basic_auth").mandatory(),
		object("config", "The credentials, by type.").mandatory(),
	)
	auth.variants = map[string][]*spec{
		string(AuthBasic): {
			secret("user", "The user name.", nil).with("account").mandatory(),
			secret("password", "The password.", nil).with("env://SMS_PASSWORD").mandatory(),
		},
		string(AuthAPIKey): {
			text("name", "", "The name of the header or cookie.", nil).with("X-Api-Key").mandatory(),
			secret("value", "The key.", nil).with("env://SMS_API_KEY").mandatory(),
			choice("in", "", "Where the key goes.", []string{InHeader, InCookie}, nil).with("header").mandatory(),
		},
	}
	return auth
}

func clientsSpec() *spec {
	return object("clients", "Kratos's settings for outgoing calls.",
		object("http", "Calls to gateways and to templates.",
			truth("disallow_private_ip_ranges", "Whether calls to private, loopback and link-local addresses are refused.",
				func(c *Config) any { return &c.Clients.HTTP.DisallowPrivateIPRanges }),
			&spec{
				name: "private_ip_exception_urls", kind: listSpec, example: "[http://10.0.0.7/send]",
				doc:  "Patterns of URLs, without query, that may be called all the same: * and ? stop at . and /, ** does not.",
				item: text("", "", "A URL.", nil),
				bind: func(c *Config) any { return &c.Clients.HTTP.PrivateIPExceptionURLs },
			},
		).opened(),
		foreign("smtp", "Kratos's e-mail client. Not read."),
		foreign("web_hook", "Kratos's web hooks. Not read."),
	).opened()
}

func logSpec() *spec {
	return object("log", "The log.",
		choice("level", "info", "The least severe lines that are written. fatal and panic stand for error, trace for debug.",
			[]string{"trace", "debug", "info", "warning", "warn", "error", "fatal", "panic"}, func(c *Config) any { return &c.Log.Level }),
		choice("format", "text", "The form of a line. json_pretty and gelf are written as json.",
			[]string{"text", "json", "json_pretty", "gelf"}, func(c *Config) any { return &c.Log.Format }),
		truth("leak_sensitive_values", "Kratos's switch. The courier never logs sensitive values, so it changes nothing.",
			nil).old(),
		text("redaction_text", "", "Kratos's placeholder. It changes nothing.", nil).old(),
	)
}

const providerOTel = "otel"

func tracingSpec() *spec {
	return object("tracing", "OpenTelemetry spans. The OTEL_ variables work too.",
		choice("provider", "", "Where spans go. Only otel is sent to; the others are those of Kratos, old and new, and export nothing.",
			[]string{providerOTel, "jaeger", "zipkin", "datadog", "elastic-apm", "instana"}, func(c *Config) any { return &c.Tracing.Provider }).with("otel"),
		text("service_name", "courier", "The name of this service in spans.", func(c *Config) any { return &c.Tracing.ServiceName }),
		text("deployment_environment", "", "The environment in spans.",
			func(c *Config) any { return &c.Tracing.DeploymentEnvironment }).with("production"),
		object("providers", "The settings of each provider.",
			object("otlp", "The OTLP collector.",
				text("server_url", "", "The collector as host:port, without a scheme.", func(c *Config) any { return &c.Tracing.OTLP.ServerURL }).with("localhost:4318"),
				truth("insecure", "Whether to send over HTTP instead of HTTPS.", func(c *Config) any { return &c.Tracing.OTLP.Insecure }),
				object("sampling", "Which traces are kept.", &spec{
					name: "sampling_ratio", kind: floatSpec, def: "1", bounds: &bounds{0, 1},
					doc:  "The share of traces that are kept.",
					bind: func(c *Config) any { return &c.Tracing.OTLP.SamplingRatio },
				}),
				secret("authorization_header", "The Authorization header sent to the collector.",
					func(c *Config) any { return &c.Tracing.OTLP.AuthorizationHeader }).with("env://OTLP_AUTHORIZATION"),
			),
			foreign("jaeger", "Kratos's Jaeger agent. Not read."),
			foreign("zipkin", "Kratos's Zipkin server. Not read."),
		),
	)
}
