package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Gateway builds, sends and judges requests. It is safe for concurrent use.
type Gateway struct {
	name     string
	method   string
	target   *url.URL
	header   http.Header
	kind     bodyKind
	template *Template
	query    *Template
	// requestFunc is nil where templates make the request.
	requestFunc RequestFunc
	signer      Signer
	params      map[string]any
	// receiptURL is for templates.
	receiptURL string
	timeout    time.Duration
	network    *network
	rules      []Rule
	response   *responseRules
	lookup     *Lookup
	masked     *secretSet
	nowFunc    func() time.Time
}

// New checks the options and returns the gateway. Nothing is dialed before the
// first message or KeepWarm. The error joins one
// *OptionError for each option that cannot work.
func New(options Options) (*Gateway, error) {
	options.setDefaults()
	target, params, codes, err := options.check()
	policy, policyErr := compilePolicy(options.PrivateIPs)
	if err := errors.Join(err, policyErr); err != nil {
		return nil, fmt.Errorf("configure gateway %q: %w", options.Name, err)
	}
	g := &Gateway{
		name:       options.Name,
		method:     options.Method,
		target:     withoutUser(target),
		header:     staticHeader(&options, target),
		template:   options.Template,
		query:      options.Query,
		signer:     options.Signer,
		lookup:     options.Lookup,
		params:     params,
		receiptURL: options.ReceiptURL,
		timeout:    options.Timeout,
		rules:      defaultRules(),
		masked:     newSecretSet(&options, target),
		nowFunc:    options.NowFunc,
	}
	if g.template != nil && g.template.requestFunc != nil {
		g.requestFunc, g.template, g.query = g.template.requestFunc, nil, nil
	}
	if options.Response != nil {
		g.response = &responseRules{template: options.Response.Template, errors: codes, faults: faultLog{logger: options.Logger}}
	}
	g.kind = kindOf(g.header.Get("Content-Type"))
	g.network = newNetwork(&options, policy)
	return g, nil
}

// Name returns the gateway's name.
func (g *Gateway) Name() string { return g.name }

// Close ends the idle connections. Attempts under way go on.
func (g *Gateway) Close() { g.network.close() }

// withoutUser drops the userinfo, which travels in a header.
func withoutUser(target *url.URL) *url.URL {
	bare := *target
	bare.User = nil
	return &bare
}
