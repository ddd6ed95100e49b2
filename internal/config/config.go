package config

import (
	"crypto/sha256"
	"time"
)

// Config is a configuration: the defaults, overlaid by the files in their order
// and the environment.
type Config struct {
	Courier    Courier
	Clients    Clients
	Log        Log
	Tracing    Tracing
	Store      Store
	API        API
	Public     Listener
	TLS        TLS
	Dispatch   Dispatch
	Recipients Recipients
	Messages   Messages
	Retention  Retention

	// Gateways are the gateways to send through, in order. With none, SMS is
	// disabled: messages are refused.
	Gateways []Gateway
	// Warnings tell of what works and is probably not what was meant.
	Warnings []Problem
	// IgnoredSections are the top-level keys that belong to other parts of
	// Kratos, in the order in which they were met.
	IgnoredSections []string

	// files are those that the configuration was read from, and the templates,
	// secrets and certificates that it names, with what they held.
	files     map[string]digest
	positions map[string]Position
}

// SMSEnabled reports whether there is a gateway for text messages.
func (c *Config) SMSEnabled() bool { return len(c.Gateways) > 0 }

// Position returns the place of the key path (courier.channels[0].request_config.body),
// or of the nearest key above it that was set, as "file:line:column" or the name
// of the source. It is empty when nothing was set, so the defaults are at work.
func (c *Config) Position(path string) string { return nearestPosition(c.positions, path).String() }

// Courier is the part of Kratos's courier section that is not a gateway.
type Courier struct {
	// MessageRetries is how often a failed message is tried again; 0 is one attempt.
	MessageRetries int
	SMS            SMS
}

// SMS is the older form of a gateway, without its request.
type SMS struct {
	Enabled bool
	// From is the sender of every message that names none.
	From string
}

// Clients says how outgoing calls behave.
type Clients struct{ HTTP HTTPClient }

// HTTPClient says which addresses may be called.
type HTTPClient struct {
	DisallowPrivateIPRanges bool
	// PrivateIPExceptionURLs may be called all the same. They match exactly.
	PrivateIPExceptionURLs []string
}

// Log says what is logged and how.
type Log struct {
	// Level is trace, debug, info, warning, error, fatal or panic.
	Level string
	// Format is text, json, json_pretty or gelf.
	Format string
}

// Tracing says where spans go.
type Tracing struct {
	// Provider is otel, or empty for no tracing.
	Provider              string
	ServiceName           string
	DeploymentEnvironment string
	OTLP                  OTLP
}

// OTLP is the collector that spans are sent to.
type OTLP struct {
	// ServerURL is host:port.
	ServerURL string
	// Insecure sends over HTTP instead of HTTPS.
	Insecure bool
	// SamplingRatio is the share of traces that are kept, 0 to 1.
	SamplingRatio       float64
	AuthorizationHeader Secret
}

// Store says where messages are kept.
type Store struct {
	// DSN is sqlite:///absolute.db, sqlite://relative.db, or a postgres:// or
	// postgresql:// URL. It may hold a password.
	DSN Secret
}

// Listener is an address to listen on. Port 0 takes any free port.
type Listener struct {
	Host string
	Port int
	// MaxConnections is the most connections at one time.
	MaxConnections int
}

// TLS names the PEM files for both listeners, ready to be opened; without them
// the listeners speak plain HTTP.
type TLS struct {
	Cert string
	Key  string
}

// API is the admin listener.
type API struct {
	Listener
	// OpenAccess is true when nobody has to show a key: there are none, or
	// api.auth is none.
	OpenAccess bool
	Keys       []APIKey
	// MaxBodySize is the largest request body in bytes.
	MaxBodySize int64

	auth string
}

// APIKey is one key of the API. Only its digest is known.
type APIKey struct {
	Name string
	// Hash is the SHA-256 digest of the key.
	Hash [sha256.Size]byte
	// Scopes are among send, read and read_body.
	Scopes []string
}

// Dispatch steers the engine.
type Dispatch struct {
	// MaxInFlight is the most attempts at one time for a gateway.
	MaxInFlight int
	// Timeout bounds one attempt.
	Timeout time.Duration
	// GracePeriod is how long a shutdown waits for attempts in flight.
	GracePeriod time.Duration
	// PollInterval is how often messages are looked for that nobody told of.
	PollInterval time.Duration
	// MaxRate is the most attempts in a second at a gateway, of all nodes
	// together; 0 is no limit.
	MaxRate float64
	// OnUnknown says what becomes of a message whose request was written and
	// whose answer was not read: OnUnknownResend or OnUnknownHold.
	OnUnknown string
	// KeepWarm keeps one connection to each gateway open.
	KeepWarm bool
	Retry    Retry
}

// The values of Dispatch.OnUnknown.
const (
	OnUnknownResend = "resend"
	OnUnknownHold   = "hold"
)

// Retry bounds the delay before a failed message is tried again.
type Retry struct {
	Initial time.Duration
	Max     time.Duration
}

// Recipients says how recipients are read.
type Recipients struct {
	// DefaultRegion is an ISO 3166-1 code in capitals for numbers without a
	// country code, or empty to refuse those.
	DefaultRegion string
	// Validate is false when recipients are passed on as given.
	Validate bool
}

// Messages bounds what is accepted.
type Messages struct {
	// MaxSegments is the most segments of one message, 0 for no limit.
	MaxSegments int
}

// Retention says how long messages are kept after their last change, once they
// are sent or final. 0 is for ever.
type Retention struct {
	// ScrubAfter is when a message loses its content.
	ScrubAfter time.Duration
	// DeleteAfter is when it is deleted; a scrub counts as a change.
	DeleteAfter time.Duration
}

// Gateway is one gateway, resolved from courier.sms or a channel.
type Gateway struct {
	// Name is the gateway's name in attempts and metrics.
	Name string
	// Channel is the kind of message it serves.
	Channel string
	// From is the sender of every message that names none.
	From string
	// URL may hold credentials.
	URL    Secret
	Method string
	// Header holds the request's own headers by name, as written.
	Header map[string]Secret
	Body   BodySource
	Auth   Auth
	// Path is where the request is configured, courier.sms.request_config or
	// courier.channels[0].request_config, for Config.Position.
	Path string
}

// BodyKind is where a template comes from.
type BodyKind string

// The kinds of template.
const (
	// BodyNone sends no body.
	BodyNone BodyKind = "none"
	// BodyFile is a file, BodyHTTP is fetched, BodyInline is the rest: a text in
	// base64, or an address that whoever reads it refuses.
	BodyFile   BodyKind = "file"
	BodyInline BodyKind = "base64"
	BodyHTTP   BodyKind = "http"
)

// BodySource is where the Jsonnet template of the body is.
type BodySource struct {
	Kind BodyKind
	// URI is the source as configured. That of BodyHTTP may hold credentials.
	URI Secret
	// Path is the file of BodyFile, ready to be opened.
	Path string
}

// AuthType is how a request proves who it is from.
type AuthType string

// The types of authentication.
const (
	AuthNone   AuthType = ""
	AuthBasic  AuthType = "basic_auth"
	AuthAPIKey AuthType = "api_key"
)

// The places of an API key in a request.
const (
	InHeader = "header"
	InCookie = "cookie"
)

// Auth is the authentication of a request. User and Password are those of
// AuthBasic; Name, Value and In those of AuthAPIKey.
type Auth struct {
	Type     AuthType
	User     Secret
	Password Secret
	Name     string
	Value    Secret
	In       string
}
