package config

// The scopes of an API key.
const (
	ScopeSend     = "send"
	ScopeRead     = "read"
	ScopeReadBody = "read_body"
)

const (
	authRequired = ""
	authNone     = "none"
)

func storeSpec() *spec {
	dsn := secret("dsn", "Where messages are kept: sqlite:///absolute.db, or sqlite://relative.db from the working directory, for one process; postgres://user:password@host:port/database for any number of nodes that share it.",
		func(c *Config) any { return &c.Store.DSN })
	dsn.def, dsn.pattern = "sqlite://courier.db", "^(sqlite|postgres|postgresql|env|file)://."
	return object("store", "The message store.", dsn)
}

func hostSpec(doc string, bind func(*Config) any) *spec { return text("host", "127.0.0.1", doc, bind) }

func portSpec(def string, bind func(*Config) any) *spec {
	return number("port", def, "The port to listen on. 0 takes any free one, which the log names.", 0, 65535, bind)
}

func connectionsSpec(bind func(*Config) any) *spec {
	return number("max_connections", "512", "The most connections at one time. Further ones wait until one of them ends.", 1, 100_000, bind)
}

func tlsSpec() *spec {
	return object("tls", "TLS for both listeners. Without it they speak plain HTTP, for loopback and for a proxy that ends TLS. Changed files take effect while the courier runs.",
		text("cert", "", "The file with the certificate and those that it is signed by, in PEM.", func(c *Config) any { return &c.TLS.Cert }).with("/etc/courier/tls.crt").mandatory(),
		text("key", "", "The file with the private key of the certificate, in PEM.", func(c *Config) any { return &c.TLS.Key }).with("/etc/courier/tls.key").mandatory(),
	)
}

func apiSpec() *spec {
	return object("api", "The admin listener: messages are sent and queried here; health, metrics and pages.",
		hostSpec("The address to listen on. One that is not loopback needs keys, or auth: none.", func(c *Config) any { return &c.API.Host }),
		portSpec("4478", func(c *Config) any { return &c.API.Port }),
		choice("auth", "", "none lets everybody in who can reach the listener. By default the keys decide; without keys, loopback only.",
			[]string{authNone, authRequired}, func(c *Config) any { return &c.API.auth }).with("none"),
		&spec{
			name: "keys", kind: listSpec, doc: "Who may call the API. Only digests of keys are kept.",
			item: object("", "A key.",
				text("name", "", "The name of the key in the log.", nil).with("shop").mandatory(),
				secret("hash", `"sha256:" and the SHA-256 digest of the key in hexadecimal: printf %s "$KEY" | sha256sum`, nil).
					with(`"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`).mandatory(),
				&spec{
					name: "scopes", kind: listSpec, def: "[send, read]",
					doc:  "What the key may do. read shows messages without their bodies, read_body with them.",
					item: choice("", "", "A scope.", []string{ScopeSend, ScopeRead, ScopeReadBody}, nil),
				},
			),
		},
		&spec{
			name: "max_body_size", kind: sizeSpec, def: "1MiB", bounds: &bounds{1024, 64 << 20},
			doc:  "The largest request body.",
			bind: func(c *Config) any { return &c.API.MaxBodySize },
		},
		connectionsSpec(func(c *Config) any { return &c.API.MaxConnections }),
	)
}

func publicSpec() *spec {
	return object("public", "The public listener: what gateways and identity systems call.",
		hostSpec("The address to listen on.", func(c *Config) any { return &c.Public.Host }),
		portSpec("4477", func(c *Config) any { return &c.Public.Port }),
		connectionsSpec(func(c *Config) any { return &c.Public.MaxConnections }),
	)
}

func dispatchSpec() *spec {
	return object("dispatch", "The engine that sends queued messages.",
		number("max_in_flight", "64", "The most attempts at one time for a gateway.", 1, 10_000,
			func(c *Config) any { return &c.Dispatch.MaxInFlight }),
		duration("timeout", "10s", "How long one attempt may take.", 0.001, 3600,
			func(c *Config) any { return &c.Dispatch.Timeout }),
		duration("grace_period", "20s", "How long a shutdown waits for attempts in flight.", 0, 3600,
			func(c *Config) any { return &c.Dispatch.GracePeriod }),
		duration("poll_interval", "1s", "How often each gateway's queue is looked at for messages that came from another node without word of them.", 0.01, 60,
			func(c *Config) any { return &c.Dispatch.PollInterval }),
		&spec{
			name: "max_rate", kind: floatSpec, def: "0", bounds: &bounds{0, 1_000_000},
			doc:  "The most attempts a second for a gateway, of all nodes together. Fractions are slower than one a second. 0 is no limit.",
			bind: func(c *Config) any { return &c.Dispatch.MaxRate },
		},
		choice("on_unknown", OnUnknownResend,
			"What becomes of a message whose request was written and whose answer was not read: resend may deliver it twice, hold waits for an operator.",
			[]string{OnUnknownResend, OnUnknownHold}, func(c *Config) any { return &c.Dispatch.OnUnknown }),
		truth("keep_warm", "Whether one connection to each gateway is kept open, so that the first message after a quiet time need not wait for a handshake.",
			func(c *Config) any { return &c.Dispatch.KeepWarm }),
		object("retry", "The delay before a failed message is tried again. It triples from initial to max, with jitter.",
			duration("initial", "500ms", "The first delay.", 0.001, day,
				func(c *Config) any { return &c.Dispatch.Retry.Initial }),
			duration("max", "30s", "The longest delay.", 0.001, day,
				func(c *Config) any { return &c.Dispatch.Retry.Max }),
		),
	)
}

func retentionSpec() *spec {
	return object("retention", "How long messages are kept once they are sent or final. Others are kept until they are.",
		duration("scrub_after", "24h",
			"How long after its last change a message loses its content: body, subject, template data and request headers. It cannot be retried after that. 0s is never.",
			0, 3650*day, func(c *Config) any { return &c.Retention.ScrubAfter }),
		duration("delete_after", "720h",
			"How long after its last change, its scrub included, a message is deleted with its attempts. Its idempotency key is free again after that. 0s is never.",
			0, 3650*day, func(c *Config) any { return &c.Retention.DeleteAfter }),
	)
}

func recipientsSpec() *spec {
	return object("recipients", "How recipients are read.",
		text("default_region", "", "The two-letter country code of numbers that are written without one. Without it those are refused.",
			func(c *Config) any { return &c.Recipients.DefaultRegion }).with("US"),
		&spec{
			name: "validation", kind: switchSpec, def: "on",
			doc:  "Whether recipients must be possible phone numbers and are normalised to E.164. off passes them on as given.",
			bind: func(c *Config) any { return &c.Recipients.Validate },
		},
	)
}

func messagesSpec() *spec {
	return object("messages", "What is accepted.",
		number("max_segments", "0", "The most SMS segments of one message. 0 is no limit.", 0, 255,
			func(c *Config) any { return &c.Messages.MaxSegments }),
	)
}
