package gateway

import (
	"crypto/tls"
	"time"
)

// Options describes a gateway.
type Options struct {
	// Name is the gateway's name in the configuration, attempts and metrics.
	Name string
	// URL is absolute, http or https, with a path. Its query is sent as written.
	URL string
	// Method is sent as written. TRACE in capitals has no body.
	Method string
	// Header holds the request's own headers. Host, Content-Length,
	// Transfer-Encoding and Trailer are ignored, an empty User-Agent removes it.
	Header map[string]string
	// Auth is a BasicAuth, an APIKey, or nil.
	Auth Auth
	// Template builds the body, nil sends none.
	Template *Template
	// Params are the gateway's own settings and secrets, ctx.params in a
	// template. Every string among them is masked in what a gateway answers.
	Params map[string]any
	// Timeout bounds one attempt from the connection to the last byte read. Zero is 10 s.
	Timeout time.Duration
	// MaxInFlight is the number of idle connections to keep, zero is 64.
	MaxInFlight int
	// PrivateIPs says which addresses may be dialed.
	PrivateIPs PrivateIPPolicy
	// TLSConfig is nil for the system's roots.
	TLSConfig *tls.Config
	// NowFunc is the clock, nil is time.Now.
	NowFunc func() time.Time
}

// The defaults of Options.
const (
	DefaultTimeout     = 10 * time.Second
	DefaultMaxInFlight = 64
)

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
		o.Timeout = DefaultTimeout
	}
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = DefaultMaxInFlight
	}
	if o.NowFunc == nil {
		o.NowFunc = time.Now
	}
}
