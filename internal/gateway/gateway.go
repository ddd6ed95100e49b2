package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/http/httpguts"

	"courier/internal/jsonnet"
)

// Gateway builds, sends and judges requests. It is safe for concurrent use.
type Gateway struct {
	name      string
	method    string
	target    *url.URL
	header    http.Header
	kind      bodyKind
	template  *Template
	params    map[string]any
	timeout   time.Duration
	transport *http.Transport
	// direct is set where it does what transport would.
	direct   *direct
	excepted func(*url.URL) bool
	masked   *secretSet
	nowFunc  func() time.Time
}

// New checks the options and returns the gateway. Nothing is dialed. The error
// joins one *OptionError for each option that cannot work.
func New(options Options) (*Gateway, error) {
	options.setDefaults()
	target, params, err := checkOptions(&options)
	if err != nil {
		return nil, fmt.Errorf("configure gateway %q: %w", options.Name, err)
	}
	policy, err := compilePolicy(options.PrivateIPs)
	if err != nil {
		return nil, fmt.Errorf("configure gateway %q: %w", options.Name, err)
	}
	g := &Gateway{
		name:      options.Name,
		method:    options.Method,
		target:    withoutUser(target),
		header:    staticHeader(&options, target),
		template:  options.Template,
		params:    params,
		timeout:   options.Timeout,
		transport: newTransport(&options, policy.guards(target)),
		masked:    newSecretSet(&options, target),
		nowFunc:   options.NowFunc,
	}
	g.direct = newDirect(&options, g.target, g.header, policy.guards(target))
	g.excepted = func(hop *url.URL) bool { return policy.guards(hop) == policy.guards(target) }
	g.kind = kindOf(g.header.Get("Content-Type"))
	return g, nil
}

// Name returns the gateway's name.
func (g *Gateway) Name() string { return g.name }

// Close ends the idle connections. Attempts under way go on.
func (g *Gateway) Close() {
	g.transport.CloseIdleConnections()
	if g.direct != nil {
		g.direct.close()
	}
}

func checkOptions(options *Options) (*url.URL, map[string]any, error) {
	var errs []error
	report := func(field string, err error) {
		if err != nil {
			errs = append(errs, &OptionError{Field: field, Err: err})
		}
	}
	if options.Name == "" {
		report("name", errors.New("is missing"))
	}
	target, err := parseTarget(options.URL)
	report("url", err)
	report("method", checkMethod(options.Method))
	errs = append(errs, checkHeaders(options.Header))
	if options.Auth != nil {
		errs = append(errs, options.Auth.check())
	}
	params, err := plainParams(options.Params)
	report("params", err)
	return target, params, errors.Join(errs...)
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

// withoutUser drops the userinfo, which travels in a header.
func withoutUser(target *url.URL) *url.URL {
	bare := *target
	bare.User = nil
	return &bare
}

// rendered is what Send needs to know of the message that a request was built for.
type renderedKey struct{}

func renderedFrom(ctx context.Context) *rendered {
	built, _ := ctx.Value(renderedKey{}).(*rendered)
	if built == nil {
		return &rendered{}
	}
	return built
}
