package config

import (
	"crypto/sha256"
	"time"
)

// Config is a configuration: the defaults, overlaid by the files in their order
// and the environment. The tags of the fields are the table of keys: see fieldSpecs.
// Blank fields are keys whose values are not kept here.
type Config struct {
	Courier    Courier    `key:"courier" doc:"The courier section of Ory Kratos: the gateway, and how often a message is tried again."`
	Store      Store      `key:"store" doc:"The message store."`
	API        API        `key:"api" doc:"The admin listener: messages are sent and queried here; health, metrics and pages."`
	Public     Public     `key:"public" doc:"The public listener: what gateways and identity systems call."`
	TLS        TLS        `key:"tls" doc:"TLS for both listeners. Without it they speak plain HTTP, for loopback and for a proxy that ends TLS. Changed files take effect while the courier runs."`
	Dispatch   Dispatch   `key:"dispatch" doc:"The engine that sends queued messages."`
	Recipients Recipients `key:"recipients" doc:"How recipients are read."`
	Messages   Messages   `key:"messages" doc:"What is accepted."`
	Retention  Retention  `key:"retention" doc:"How long messages are kept once they are sent or final. Others are kept until they are."`
	Clients    Clients    `key:"clients" open:"true" doc:"Kratos's settings for outgoing calls."`
	Log        Log        `key:"log" doc:"The log."`
	Tracing    Tracing    `key:"tracing" doc:"OpenTelemetry spans. The OTEL_ variables work too."`
	PresetsDir string     `key:"presets_dir" example:"/etc/courier/presets" doc:"A folder with presets of your own, one folder each, in addition to the built-in ones. One with the name of a built-in preset takes its place."`
	Safety
	Applications

	Resolved
	// Warnings tell of what works and is probably not what was meant.
	Warnings []Problem
	// IgnoredSections are the top-level keys that belong to other parts of
	// Kratos, in the order in which they were met.
	IgnoredSections []string

	origin
}

// Safety keeps messages from going where, and as often as, they should not.
type Safety struct {
	_     []limitKeys `key:"limits" item:"A limit." doc:"How many messages are taken, over all nodes. Others are refused with 429 and Retry-After. Repeats, and messages to test numbers, count nothing. Without the key a recipient gets 5 codes (lane otp) in ten minutes and 20 a day; [] is no limit."`
	Inbox Inbox       `key:"inbox" doc:"Where the inbox listens that gets the messages of recipients.test. Without test numbers there is none."`
}

// Applications are the programs that call the courier, and are called by it.
type Applications struct {
	Callbacks Callbacks `key:"callbacks" doc:"What becomes of a message is also posted to the callback_url that its request names."`
	_         []hook    `key:"hooks" item:"A hook." doc:"The hooks of identity systems, each at POST /hooks/{id} of the public listener: docs/hooks.md."`
	_         []webhook `key:"webhooks" item:"An endpoint." doc:"The endpoints of applications that are told what becomes of messages, as Standard Webhooks: signed, at least once, in the order of a message's changes, tried again for a day."`
}

// Resolved is what is read of several keys together.
type Resolved struct {
	// Gateways are the gateways to send through, in order: that of courier.sms or a
	// channel, then those of courier.gateways. With none, SMS is disabled: messages
	// are refused.
	Gateways []Gateway
	// Routes say which gateways serve which messages; the first that matches counts.
	// Without any, every gateway in order serves everything.
	Routes []Route
	// Limits say how many messages are taken.
	Limits []Limit
	// Webhooks are the endpoints of applications that hear of each change.
	Webhooks []Webhook
	// Hooks are those of identity systems.
	Hooks []Hook
	// Texts are the templates of one-time codes, those of template_override_path first.
	Texts []Text
}

// origin is what a configuration was read from.
type origin struct {
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
func (c *Config) Position(path string) string { return c.place(path).String() }

// Courier is the part of Kratos's courier section that is not a gateway.
type Courier struct {
	MessageRetries int           `key:"message_retries" default:"5" range:"0 10000" doc:"How often a failed message is tried again before it is abandoned. 0 means one attempt."`
	_              []channel     `key:"channels" item:"A channel." doc:"The gateways by kind of message. The first channel with the id sms is used."`
	_              []gatewayKeys `key:"gateways" item:"A gateway." doc:"The gateways to send through, in order. That of courier.sms or of a channel is called sms and comes before them."`
	_              []routeKeys   `key:"routes" item:"A route." doc:"Which gateways serve which messages; the first route that matches counts. Without any, every gateway in order serves everything."`
	SMS            SMS           `key:"sms" doc:"The gateway in the form of Kratos v0.9 to v1.0. When there is a channel sms too, only from is used."`
	_              worker        `key:"worker" open:"true" doc:"Kratos's hints on polling. The courier does not poll, so they are read and change nothing."`
	_              any           `key:"smtp" doc:"Kratos's e-mail server. Not read."`
	_              any           `key:"http" doc:"Kratos's e-mail over HTTP. Not read."`
	Templates      codeTexts     `key:"templates" open:"true" doc:"The texts of one-time codes, as in Kratos: Go templates with its field names. They make the texts of hooks, and of messages with a template_type, template_data and no body."`
	TextsPath      string        `key:"template_override_path" example:"/etc/courier/texts" doc:"A folder with texts of one-time codes, as in Kratos: login_code/valid/sms.body.gotmpl and the like. What templates names goes before."`
	_              any           `key:"delivery_strategy" doc:"How Kratos sends e-mail. Not read."`
	_              any           `key:"message_ttl" doc:"The time to live of messages in Kratos before v0.11. Not read."`
}

// SMS is the older form of a gateway, without its request.
type SMS struct {
	Enabled bool    `key:"enabled" default:"false" doc:"Whether the gateway is used."`
	From    string  `key:"from" default:"Ory Kratos" example:"+12065550110" doc:"The sender of every message that names none."`
	_       request `key:"request_config" doc:"The request that is sent to the gateway for each message."`
}

// Store says where messages are kept.
type Store struct {
	DSN Secret `key:"dsn" default:"sqlite://courier.db" pattern:"^(sqlite|postgres|postgresql|env|file)://." doc:"Where messages are kept: sqlite:///absolute.db, or sqlite://relative.db from the working directory, for one process; postgres://user:password@host:port/database for any number of nodes that share it."`
}

// Listener is an address to listen on.
type Listener struct {
	Host           string `key:"host" default:"127.0.0.1" doc:"The address to listen on."`
	Port           int    `key:"port" default:"4477" range:"0 65535" doc:"The port to listen on. 0 takes any free one, which the log names."`
	MaxConnections int    `key:"max_connections" default:"512" range:"1 100000" doc:"The most connections at one time, and never more than a quarter of the files that the process may open. When they are taken, the one that is idle longest is closed for the next."`
}

// Public is the public listener.
type Public struct {
	Listener
	// URL has no slash at the end.
	URL string `key:"url" example:"https://sms.example.com" doc:"The address at which gateways reach the public listener, with the path that a proxy may put before it. Receipts come to /receipts below it, and signatures are checked against it. Without it gateways are given no address for receipts."`
}

// API is the admin listener.
type API struct {
	Listener
	Auth string `key:"auth" enum:"none" doc:"none lets everybody in who can reach the listener. By default the keys decide; without keys, loopback only."`
	// MaxBodySize is in bytes.
	MaxBodySize int64    `key:"max_body_size" default:"1MiB" range:"1KiB 64MiB" doc:"The largest request body."`
	_           []apiKey `key:"keys" item:"A key." doc:"Who may call the API. Only digests of keys are kept."`
	// OpenAccess is true when nobody has to show a key: there are none, or Auth
	// is none.
	OpenAccess bool
	Keys       []APIKey
}

// APIKey is one key of the API. Only its digest is known.
type APIKey struct {
	Name string
	// Hash is the SHA-256 digest of the key.
	Hash [sha256.Size]byte
	// Scopes are among send, read, read_body and operate.
	Scopes []string
}

// TLS names the files for both listeners, ready to be opened; without them the
// listeners speak plain HTTP.
type TLS struct {
	Cert string `key:"cert" example:"/etc/courier/tls.crt" required:"true" doc:"The file with the certificate and those that it is signed by, in PEM."`
	Key  string `key:"key" example:"/etc/courier/tls.key" required:"true" doc:"The file with the private key of the certificate, in PEM."`
}

// Dispatch steers the engine.
type Dispatch struct {
	MaxInFlight  int           `key:"max_in_flight" default:"64" range:"1 10000" doc:"The most attempts at one time for a gateway."`
	Timeout      time.Duration `key:"timeout" default:"10s" range:"1ms 1h" doc:"How long one attempt may take."`
	GracePeriod  time.Duration `key:"grace_period" default:"20s" range:"0s 1h" doc:"How long a shutdown waits for attempts in flight."`
	PollInterval time.Duration `key:"poll_interval" default:"1s" range:"10ms 1m" doc:"How often each gateway's queue is looked at for messages that came from another node without word of them."`
	MaxRate      float64       `key:"max_rate" default:"0" range:"0 1000000" doc:"The most attempts a second for a gateway, of all nodes together. Fractions are slower than one a second. 0 is no limit."`
	OnUnknown    string        `key:"on_unknown" default:"resend" enum:"resend hold" doc:"What becomes of a message whose request was written and whose answer was not read: resend may deliver it twice, hold waits for an operator."`
	Mode         string        `key:"mode" default:"send" enum:"send dry" doc:"dry makes the request of each message and sends none: every message ends as sent, with a warning. The log, /health/ready, courier nodes, the answers of the API and the metric courier_dry say so."`
	KeepWarm     bool          `key:"keep_warm" default:"false" doc:"Whether one connection to each gateway is kept open, so that the first message after a quiet time need not wait for a handshake."`
	Retry        Retry         `key:"retry" doc:"The delay before a failed message is tried again. It triples from initial to max, with jitter."`
}

// Retry bounds the delay before a failed message is tried again.
type Retry struct {
	Initial time.Duration `key:"initial" default:"500ms" range:"1ms 24h" doc:"The first delay."`
	Max     time.Duration `key:"max" default:"30s" range:"1ms 24h" doc:"The longest delay."`
}

// Recipients says how recipients are read.
type Recipients struct {
	DefaultRegion string            `key:"default_region" example:"US" doc:"The two-letter country code of numbers that are written without one. Without it those are refused."`
	Validate      bool              `key:"validation" kind:"switch" default:"on" doc:"Whether recipients must be possible phone numbers and are normalised to E.164. off passes them on as given."`
	Countries     CountryRules      `key:"countries" doc:"Which countries are sent to."`
	Test          map[string]string `key:"test" kind:"params" example:"{ \"+12065550150\": \"424242\" }" doc:"Test numbers: their messages go to the inbox and never to a gateway. The value is the code that our texts show in the place of the one that comes, \"\" for that one; the courier checks no codes, so it has to be one that the identity system accepts."`
	Kinds         KindRules         `key:"types" doc:"Numbers of premium rate, shared cost, pagers, voicemail, toll free, UAN and satellite networks are refused unless allowed."`
}

// CountryRules say which countries are sent to, as ISO 3166 codes.
type CountryRules struct {
	Allow []string `key:"allow" example:"[US, DE]" pattern:"^[A-Z]{2}$" item:"A country." doc:"The only countries that are sent to. Without it, all."`
	Deny  []string `key:"deny" example:"[XK]" pattern:"^[A-Z]{2}$" item:"A country." doc:"Countries that are not sent to."`
}

// KindRules say which kinds of number are sent to.
type KindRules struct {
	Allow []string `key:"allow" example:"[toll_free]" enum:"pager premium_rate satellite shared_cost toll_free uan voicemail" item:"A kind of number." doc:"The kinds of number that are sent to all the same: they cost much, or show no text. satellite are the country codes 870, 878, 881, 882, 883 and 979."`
}

// Messages bounds what is accepted.
type Messages struct {
	MaxSegments   int           `key:"max_segments" default:"0" range:"0 255" doc:"The most SMS segments of one message. 0 is no limit."`
	Lint          bool          `key:"lint" kind:"switch" default:"on" doc:"Whether answers tell of what could be better in a text: a code that is not in the first segment, a line @domain #code that is not the last, characters that need UCS-2."`
	SupersedeWait time.Duration `key:"supersede_wait" default:"2s" range:"0s 1m" doc:"How long a message waits at most for an older one with its supersede_key that is on its way to a gateway, so that the newer one arrives last. 0s waits for none."`
	Typography    string        `key:"typography" enum:"as_written gsm" default:"as_written" doc:"gsm writes curly quotes, dashes and special blanks plainly where that saves segments, and says so in the answer."`
}

// Inbox is where the inbox of test numbers listens.
type Inbox struct {
	Host string `key:"host" default:"127.0.0.1" doc:"The address to listen on. Who reaches it reads the codes of test numbers."`
	Port int    `key:"port" default:"4479" range:"0 65535" doc:"The port to listen on. 0 takes any free one, which the log names."`
}

// InboxGateway is the name of the gateway that the messages of test numbers go through.
const InboxGateway = "inbox"

// Retention says how long messages are kept after their last change, once they
// are sent or final. 0 is for ever.
type Retention struct {
	ScrubAfter  time.Duration `key:"scrub_after" default:"24h" range:"0s 87600h" doc:"How long after its last change a message loses its content: body, subject, template data and request headers. It cannot be retried after that. 0s is never."`
	DeleteAfter time.Duration `key:"delete_after" default:"720h" range:"0s 87600h" doc:"How long after its last change, its scrub included, a message is deleted with its attempts. Its idempotency key is free again after that. 0s is never."`
}

// Clients says how outgoing calls behave.
type Clients struct {
	HTTP HTTPClient `key:"http" open:"true" doc:"Calls to gateways and to templates."`
	_    any        `key:"smtp" doc:"Kratos's e-mail client. Not read."`
	_    any        `key:"web_hook" doc:"Kratos's web hooks. Not read."`
}

// HTTPClient says which addresses may be called.
type HTTPClient struct {
	DisallowPrivateIPRanges bool     `key:"disallow_private_ip_ranges" default:"false" doc:"Whether calls to private, loopback and link-local addresses are refused."`
	PrivateIPExceptionURLs  []string `key:"private_ip_exception_urls" example:"[http://10.0.0.7/send]" doc:"Patterns of URLs, without query, that may be called all the same: * and ? stop at . and /, ** does not."`
}

// Log says what is logged and how.
type Log struct {
	Level  string `key:"level" default:"info" enum:"trace debug info warning warn error fatal panic" doc:"The least severe lines that are written. fatal and panic stand for error, trace for debug."`
	Format string `key:"format" default:"text" enum:"text json json_pretty gelf" doc:"The form of a line. json_pretty and gelf are written as json."`
	_      bool   `key:"leak_sensitive_values" default:"false" doc:"Kratos's switch. The courier never logs sensitive values, so it changes nothing."`
	_      string `key:"redaction_text" doc:"Kratos's placeholder. It changes nothing."`
}

// Tracing says where spans go. Provider is otel, or empty for no tracing.
type Tracing struct {
	Provider              string `key:"provider" example:"otel" enum:"otel jaeger zipkin datadog elastic-apm instana" doc:"Where spans go. Only otel is sent to; the others are those of Kratos, old and new, and export nothing."`
	ServiceName           string `key:"service_name" default:"courier" doc:"The name of this service in spans."`
	DeploymentEnvironment string `key:"deployment_environment" example:"production" doc:"The environment in spans."`
	OTLP                  OTLP   `key:"providers.otlp" doc:"The OTLP collector."`
}

// OTLP is the collector that spans are sent to.
type OTLP struct {
	ServerURL           string  `key:"server_url" example:"localhost:4318" doc:"The collector as host:port, without a scheme."`
	Insecure            bool    `key:"insecure" default:"false" doc:"Whether to send over HTTP instead of HTTPS."`
	SamplingRatio       float64 `key:"sampling.sampling_ratio" default:"1" range:"0 1" doc:"The share of traces that are kept."`
	AuthorizationHeader Secret  `key:"authorization_header" example:"env://OTLP_AUTHORIZATION" doc:"The Authorization header sent to the collector."`
}

// Gateway is one gateway, resolved from courier.sms, a channel or courier.gateways.
type Gateway struct {
	// Name is the gateway's name in attempts and metrics, and in the address of its
	// receipts.
	Name string
	// Channel is the kind of message it serves.
	Channel string
	// From is the sender of every message that names none.
	From string
	// Preset is the ready-made gateway that it is, empty for one with a request of
	// its own.
	Preset string
	// Params are its own settings and secrets.
	Params map[string]Param
	// ReceiptSecret is the last part of the address of its receipts.
	ReceiptSecret Secret
	Request
	// Response and Receipt are the templates that judge its answers and read its
	// receipts.
	Response, Receipt TemplateSource

	// What is zero is that of the preset, or of Dispatch.
	Timeout     time.Duration
	MaxInFlight int
	RateLimit   RateLimit
	OnUnknown   string
	Retry       Retry
	Breaker     Breaker

	TLS GatewayTLS
	// Path is where it is configured: courier.sms, courier.channels[0] or
	// courier.gateways[0], for Config.Position.
	Path string
}

// Request is the request of a gateway that is no preset.
type Request struct {
	// URL may hold credentials.
	URL    Secret
	Method string
	// Header holds the request's own headers by name, as written.
	Header map[string]Secret
	// SecretHeaders are the canonical names of the headers whose values came from
	// env:// or file://, and so are secret whatever the names.
	SecretHeaders []string
	Query, Body   TemplateSource
	Auth          Auth
}

// RequestPath is where the request is configured, such as courier.sms.request_config.
func (g *Gateway) RequestPath() string { return joinPath(g.Path, "request_config") }

// Param is one of a gateway's own settings.
type Param struct {
	Text Secret
	// Referred is true when the value came from env:// or file://, and so is secret
	// whatever the name.
	Referred bool
	// Kind is how the value was written: a text, a whole number or a boolean.
	Kind ParamKind
}

// ParamKind is how the value of a setting was written.
type ParamKind string

// The kinds of settings.
const (
	ParamText   ParamKind = "text"
	ParamNumber ParamKind = "number"
	ParamBool   ParamKind = "bool"
)

// RateLimit is a number of attempts in a time.
type RateLimit struct {
	Count int           `key:"count" range:"1 1000000" example:"10" required:"true" doc:"The most attempts within the time, of all nodes together."`
	Per   time.Duration `key:"per" range:"1ms 24h" example:"1s" required:"true" doc:"The time."`
}

// Breaker says when a gateway is taken not to work. Zero is what the engine does by
// itself.
type Breaker struct {
	Share    float64       `key:"share" range:"0.01 1" example:"0.5" doc:"The share of failed attempts at which it opens. By default 0.5. Where another gateway stands in, ten failures in a row open it too."`
	Failures int           `key:"failures" range:"1 10000" example:"5" doc:"The least number of failed attempts, of several recipients, for it to open. By default 5."`
	Window   time.Duration `key:"window" range:"1s 10m" example:"10s" doc:"The time in which attempts count. By default 10s."`
}

// GatewayTLS names the files for the connections to a gateway, ready to be opened.
type GatewayTLS struct {
	CA   string `key:"ca" example:"/etc/courier/gateway-ca.crt" doc:"The file with the certificates to trust instead of the system's, in PEM."`
	Cert string `key:"cert" example:"/etc/courier/client.crt" doc:"The file with the certificate to show to the gateway, in PEM, with its key."`
	Key  string `key:"key" example:"/etc/courier/client.key" doc:"The file with the private key of the certificate, in PEM."`
}

// Route says which gateways serve which messages. An empty field matches all.
type Route struct {
	Name string
	// To are beginnings of numbers (+1) and countries (DE).
	To           []string
	Channel      string
	TemplateType string
	// Lane is that of messages which name none, or empty.
	Lane     string
	Gateways []RouteGateway
	// Demote is whether a gateway whose messages are not delivered loses weight.
	Demote bool
	// Path is where it is configured, for Config.Position.
	Path string
}

// RouteGateway is a gateway of a route. Where some have a weight, chance chooses by them
// which comes first; where all have 0, the order counts.
type RouteGateway struct {
	ID     string
	Weight int
}

// Webhook is an endpoint of an application that hears what becomes of messages.
type Webhook struct {
	ID string
	// URL may hold credentials.
	URL, Secret Secret
	// Events are the names of those that it wants, empty for all.
	Events []string
	EventOptions
	// Path is where it is configured, for Config.Position.
	Path string
}

// Callbacks says how the callback_url of a message is called.
type Callbacks struct {
	EventOptions
	Secret Secret `key:"secret" example:"env://CALLBACK_SECRET" doc:"The secret that calls are signed with: whsec_ and base64, from 24 to 64 bytes. Without it no message may name a callback_url."`
}

// EventOptions say what an event tells, and where it may go.
type EventOptions struct {
	IncludeRecipient bool `key:"include_recipient" default:"false" doc:"Whether events have the whole number of the recipient, which is masked otherwise."`
	AllowPrivate     bool `key:"allow_private" default:"false" doc:"Whether events may go to a private, loopback or link-local address."`
}

// TemplateKind is where a template comes from.
type TemplateKind string

// The kinds of template.
const (
	// TemplateNone is no template.
	TemplateNone TemplateKind = ""
	// TemplateFile is a file, TemplateHTTP is fetched, TemplateInline is the rest: a
	// text in base64, or an address that whoever reads it refuses.
	TemplateFile   TemplateKind = "file"
	TemplateInline TemplateKind = "base64"
	TemplateHTTP   TemplateKind = "http"
)

// TemplateSource is where a Jsonnet template is.
type TemplateSource struct {
	Kind TemplateKind
	// URI is the source as configured. That of TemplateHTTP may hold credentials.
	URI Secret
	// Path is the file of TemplateFile, ready to be opened.
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
