package gateway

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/net/http/httpguts"

	"courier/internal/jsonnet"
)

// Options describes a gateway.
type Options struct {
	// Name is the gateway's name in the configuration, attempts and metrics.
	Name string
	// URL is absolute, http or https, with a path. It is sent as written,
	// but for blanks and characters beyond ASCII, which are escaped.
	URL string
	// Method is sent as written. TRACE in capitals has no body.
	Method string
	// Header holds the request's own headers. Host, Content-Length,
	// Transfer-Encoding and Trailer are ignored, an empty User-Agent removes it.
	Header map[string]string
	// Auth is a BasicAuth, an APIKey, or nil.
	Auth Auth
	// Template builds the body, or is a function that makes the whole request without Query;
	// nil sends no body.
	Template *Template
	// Query builds query parameters, which join those of URL; nil adds none. It gives
	// an object, which is encoded as a form is.
	Query *Template
	// Response judges what the gateway answers. Without one the HTTP status decides.
	Response *Rules
	// Lookup asks the gateway what became of a message, nil where it cannot be asked.
	Lookup *Lookup
	// Signer signs each request once it is complete, nil signs none.
	Signer Signer
	// ReceiptURL is the whole address for receipts, ctx.receipt_url in a template. Its
	// secret is masked.
	ReceiptURL string
	// Params are the gateway's own settings and secrets, ctx.params in a
	// template. Every string among them is masked in what a gateway answers.
	Params map[string]any
	// Timeout bounds one attempt from the connection to the last byte read. Zero is 10 s.
	Timeout time.Duration
	// MaxInFlight is the number of idle connections to keep, zero is 64.
	MaxInFlight int
	// PrivateIPs says which addresses may be dialed.
	PrivateIPs PrivateIPPolicy
	// ProxyFunc returns the proxy for a url, nil for none. Nil takes HTTPS_PROXY,
	// HTTP_PROXY and NO_PROXY from the environment.
	ProxyFunc func(*url.URL) (*url.URL, error)
	// TLSConfig is nil for the system's roots.
	TLSConfig *tls.Config
	// NowFunc is the clock of what a message is given and a gateway asks for, nil is time.Now.
	NowFunc func() time.Time
	// Logger is told once of each fault of Response that only answers show, nil for nobody.
	Logger *slog.Logger
}

// Rules judge what a gateway answers.
type Rules struct {
	// Template is a function of res. Messages wait while it holds nothing.
	Template *Template
	// Errors are the gateway's own codes and what they mean, res.errors in the template.
	Errors map[string]any
}

// Signer signs requests, by a mechanism of internal/signature for one.
type Signer interface {
	// Sign sets the headers of the signature over a request with this body.
	Sign(request *http.Request, body []byte, now time.Time) error
	// Secrets are the texts that must appear in no attempt.
	Secrets() []string
}

// OptionError reports one option that cannot work.
type OptionError struct {
	// Field is the option's name in the configuration, e.g. "url" or "headers.X-Key".
	Field string
	// Err says what is wrong and what is expected. It quotes no secret.
	Err error
}

// Error implements error.
func (e *OptionError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *OptionError) Unwrap() error { return e.Err }

func (o *Options) setDefaults() {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = 64
	}
	if o.NowFunc == nil {
		o.NowFunc = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// check returns the address, the parameters and the gateway's codes as they are used.
// The error joins one *OptionError for each option that cannot work.
func (o *Options) check() (target *url.URL, params, codes map[string]any, err error) {
	var errs []error
	report := func(field string, err error) {
		if err != nil {
			errs = append(errs, &OptionError{Field: field, Err: err})
		}
	}
	if o.Name == "" {
		report("name", errors.New("is missing"))
	}
	target, err = parseTarget(o.URL)
	report("url", err)
	report("method", checkMethod(o.Method))
	for _, name := range slices.Sorted(maps.Keys(o.Header)) {
		errs = append(errs, checkHeader("headers", name, o.Header[name]))
	}
	if o.Auth != nil {
		errs = append(errs, o.Auth.check())
	}
	params, err = plainParams(o.Params)
	report("params", err)
	if o.Lookup != nil && (o.Lookup.Request == nil || o.Lookup.Response == nil) {
		report("lookup", errors.New("needs both a template of the request and one of the answer"))
	}
	if o.Response != nil {
		codes, err = plainParams(o.Response.Errors)
		report("response.errors", err)
	}
	return target, params, codes, errors.Join(errs...)
}

func checkMethod(method string) error {
	if method == "" {
		return errors.New("is missing: give POST, or what the gateway asks for")
	}
	if !httpguts.ValidHeaderFieldName(method) {
		return fmt.Errorf("%q is no HTTP method", method)
	}
	return nil
}

// plainParams returns the settings as the value that a template sees.
func plainParams(params map[string]any) (map[string]any, error) {
	if params == nil {
		return map[string]any{}, nil
	}
	text, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	value, err := jsonnet.Decode(text)
	plain, _ := value.(map[string]any)
	return plain, err
}
