package embed

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"

	"courier"
	"courier/internal/config"
)

// Memory as the store keeps the messages in the memory of the program, with which they
// are lost.
const Memory = "memory"

// Options configure a courier. What they have no field for is set in YAML. Later sources
// win: Files in their order, YAML in its, the fields. A secret may be env://NAME or file:///path.
type Options struct {
	// Files are configurations as courier serve takes them: YAML, JSON or TOML. They are
	// watched, and a valid change takes effect while the courier runs.
	Files []string
	// YAML are configurations too, as texts.
	YAML []string
	// Store is where messages are kept: sqlite:///var/lib/app/courier.db for one process,
	// postgres://user:password@host/database for any number of them, or Memory. It may be
	// empty when store.dsn is set.
	Store string
	// Gateways are those to send through, in order. They take the place of
	// courier.gateways; what else that key has can be set there.
	Gateways []Gateway
	// PublicURL is the address at which gateways reach PublicHandler (public.url).
	PublicURL string
	// TrustCallers lets everybody call the API who can reach AdminHandler, under any host
	// name: set it when the program itself decides who may. Otherwise api.keys do.
	TrustCallers bool
	// Listen opens the listeners of api and public, as courier serve does. Without it
	// nothing is listened on, and the program mounts AdminHandler and PublicHandler.
	Listen bool
	// Logger is told what happens, slog.Default() when nil. It is never given a text or a
	// secret.
	Logger *slog.Logger
	// TracerProvider makes a span for each attempt and request, nil for none.
	TracerProvider trace.TracerProvider
}

// Gateway is one account at one SMS provider: a ready-made one by Preset and Params, or
// one of your own by URL, with a body by Jsonnet or the whole request by a Go function.
type Gateway struct {
	// ID names the gateway in messages, attempts, metrics and routes.
	ID string
	// From is the sender of every message that names none.
	From string

	// Preset is a ready-made gateway of docs/presets, and Params are its settings and
	// secrets. Without a preset, templates find them in ctx.params. They are masked in what
	// a gateway answers.
	Preset string
	Params map[string]string

	// URL is absolute, with a path. Method is POST when empty.
	URL, Method string
	Headers     map[string]string
	// User and Password are those of basic authentication.
	User, Password string
	// Body is a Jsonnet function(ctx) that makes the body. It runs in this program: see
	// docs/embed.md for what bounds it.
	Body string
	// RequestFunc makes the request in the place of Body.
	RequestFunc RequestFunc

	// Response is a Jsonnet function(res) that says what an answer means. Without it the
	// HTTP status does.
	Response string
	// Receipt is a Jsonnet function(req) that reads receipts, and ReceiptSecret the last
	// part of their address.
	Receipt, ReceiptSecret string

	// Timeout bounds one attempt, 10 s when 0. MaxInFlight is the most attempts at one
	// time, 64 when 0.
	Timeout     time.Duration
	MaxInFlight int
}

// RequestFunc makes the request of a message. It is called concurrently, again for each
// attempt, and m is its own copy. [courier.ErrTemplateCanceled] withdraws the message. Any
// other error means that there is no request for this message, and when there is one for
// no message, that the gateway is not well configured. Its text is shown to operators, so
// it should not quote the message.
type RequestFunc func(ctx context.Context, m *courier.Message) (Request, error)

// Request is the HTTP request of a message. Fields that are empty are those of the gateway.
type Request struct {
	Method string
	// URL is absolute, with a path. The headers and credentials of the gateway go to no
	// other host than that of its own URL.
	URL string
	// Header replaces headers of the gateway that have the same name.
	Header http.Header
	Body   []byte
}

// object is a map of the configuration, in which empty values are left out.
type object map[string]any

func set[T comparable](o object, key string, value T) {
	var none T
	if value != none {
		o[key] = value
	}
}

// snippets are the options as texts of a configuration.
func (o *Options) snippets() ([]config.Snippet, error) {
	made := object{}
	if o.Store != Memory && o.Store != "" {
		made["store"] = object{"dsn": o.Store}
	}
	if o.PublicURL != "" {
		made["public"] = object{"url": o.PublicURL}
	}
	if o.TrustCallers && !o.Listen {
		made["api"] = object{"auth": "none", "host": "0.0.0.0"} // nothing is listened on there
	} else if o.TrustCallers {
		made["api"] = object{"auth": "none"}
	}
	if len(o.Gateways) > 0 {
		gateways := make([]object, len(o.Gateways))
		for i := range o.Gateways {
			gateways[i] = o.Gateways[i].object()
		}
		made["courier"] = object{"gateways": gateways}
	}
	text, err := json.Marshal(made)
	if err != nil {
		return nil, fmt.Errorf("embed options: %w", err)
	}
	var snippets []config.Snippet
	for i, written := range o.YAML {
		snippets = append(snippets, config.Snippet{Name: fmt.Sprintf("Options.YAML[%d]", i), YAML: []byte(written)})
	}
	return append(snippets, config.Snippet{Name: "Options", Made: true, YAML: text}), nil
}

// object is the gateway as courier.gateways has it.
func (g *Gateway) object() object {
	o := object{"id": g.ID}
	set(o, "preset", g.Preset)
	set(o, "from", g.From)
	set(o, "receipt_secret", g.ReceiptSecret)
	set(o, "max_in_flight", g.MaxInFlight)
	set(o, "response", inline(g.Response))
	set(o, "receipt", inline(g.Receipt))
	if g.Timeout != 0 {
		o["timeout"] = g.Timeout.String()
	}
	if len(g.Params) > 0 {
		o["params"] = g.Params
	}
	request := object{}
	set(request, "url", g.URL)
	set(request, "method", g.Method)
	set(request, "body", inline(g.Body))
	if len(g.Headers) > 0 {
		request["headers"] = g.Headers
	}
	if g.User != "" || g.Password != "" {
		request["auth"] = object{"type": "basic_auth", "config": object{"user": g.User, "password": g.Password}}
	}
	if len(request) > 0 || g.Preset == "" {
		if g.Method == "" {
			request["method"] = http.MethodPost
		}
		o["request_config"] = request
	}
	return o
}

// inline is a template as a value of the configuration.
func inline(template string) string {
	if template == "" {
		return ""
	}
	return "base64://" + base64.StdEncoding.EncodeToString([]byte(template))
}
