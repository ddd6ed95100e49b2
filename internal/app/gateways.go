package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"courier"
	"courier/internal/config"
	"courier/internal/dispatch"
	"courier/internal/gateway"
	"courier/internal/jsonnet"
)

// gatewayBuilder builds what one configuration sends through.
type gatewayBuilder struct {
	config *config.Config
	pool   *jsonnet.Pool
	logger *slog.Logger
	// previous is what the courier sends through now, nil when it starts. A start goes
	// on without a template whose server does not answer, a reload does not.
	previous *gatewaySet
	starting bool
}

// gatewaySet is what one configuration sends through. Its templates are
// followed, and its connections kept warm, from follow until close.
type gatewaySet struct {
	gateways  []*gateway.Gateway
	templates []*liveTemplate
	lanes     []dispatch.GatewayOptions
	// warnings say for which messages a template does not work.
	warnings []config.Problem

	// keepWarm is true when a connection to each gateway is kept open.
	keepWarm  bool
	stop      context.CancelFunc
	following sync.WaitGroup
}

// build reads and compiles the templates and builds the gateways. An error is
// a *config.InvalidError, with the place in the configuration.
func (b *gatewayBuilder) build(ctx context.Context) (*gatewaySet, error) {
	set := &gatewaySet{keepWarm: b.config.Dispatch.KeepWarm, stop: func() {}}
	var problems []config.Problem
	if err := intakePolicy(b.config).Check(); err != nil {
		problems = append(problems, b.config.Problem("recipients.default_region", err.Error()))
	}
	if err := privateIPs(b.config).Check(); err != nil && len(b.config.Gateways) == 0 {
		problems = append(problems, fieldProblems(b.config, "clients.http", err)...)
	}
	for i := range b.config.Gateways {
		from := &b.config.Gateways[i]
		if key, err := b.add(ctx, set, from); err != nil {
			problems = append(problems, fieldProblems(b.config, from.RequestPath()+key, err)...)
		}
	}
	if len(problems) > 0 {
		set.close()
		return nil, &config.InvalidError{Problems: problems, Warnings: slices.Concat(b.config.Warnings, set.warnings)}
	}
	return set, nil
}

// add builds one gateway. With an error comes the key that is at fault.
func (b *gatewayBuilder) add(ctx context.Context, set *gatewaySet, from *config.Gateway) (string, error) {
	options := b.options(from)
	if from.Body.Kind != config.TemplateNone {
		options.Template = &gateway.Template{}
	}
	built, err := gateway.New(options)
	if err != nil {
		return "", err
	}
	set.gateways = append(set.gateways, built)
	var text []byte
	if options.Template != nil {
		template := &liveTemplate{gateway: built, holder: options.Template, pool: b.pool, logger: b.logger}
		set.templates = append(set.templates, template)
		if text, err = b.readTemplate(ctx, template, from.Body); err != nil {
			return ".body", err
		}
		var warnings []string
		if text != nil {
			if warnings, err = template.apply(ctx, text); err != nil {
				return ".body", err
			}
		}
		logTemplateWarnings(ctx, b.logger, template.name, warnings)
		for _, warning := range warnings {
			set.warnings = append(set.warnings, b.config.Problem(from.RequestPath()+".body", warning))
		}
	}
	sum, err := fingerprint(&options, text)
	if err != nil {
		return "", err
	}
	set.lanes = append(set.lanes, dispatch.GatewayOptions{
		Gateway: sender{built}, MaxInFlight: b.config.Dispatch.MaxInFlight, Timeout: b.config.Dispatch.Timeout,
		MaxRate: b.config.Dispatch.MaxRate, Fingerprint: sum,
	})
	return "", nil
}

// sender is a gateway as the engine sees it.
type sender struct{ *gateway.Gateway }

// Render implements dispatch.Gateway.
func (s sender) Render(ctx context.Context, m *courier.Message) (dispatch.Request, error) {
	request, err := s.Gateway.Render(ctx, m)
	if err != nil {
		return nil, err
	}
	return request, nil
}

func (b *gatewayBuilder) options(from *config.Gateway) gateway.Options {
	header := make(map[string]string, len(from.Header))
	for name, value := range from.Header {
		header[name] = value.Reveal()
	}
	return gateway.Options{
		Name:        from.Name,
		URL:         from.URL.Reveal(),
		Method:      from.Method,
		Header:      header,
		Auth:        gatewayAuth(from.Auth),
		Timeout:     from.Timeout,
		MaxInFlight: from.MaxInFlight,
		PrivateIPs:  privateIPs(b.config),
	}
}

func privateIPs(cfg *config.Config) gateway.PrivateIPPolicy {
	return gateway.PrivateIPPolicy{
		Disallow:      cfg.Clients.HTTP.DisallowPrivateIPRanges,
		ExceptionURLs: cfg.Clients.HTTP.PrivateIPExceptionURLs,
	}
}

func gatewayAuth(auth config.Auth) gateway.Auth {
	switch auth.Type {
	case config.AuthBasic:
		return gateway.BasicAuth{User: auth.User.Reveal(), Password: auth.Password.Reveal()}
	case config.AuthAPIKey:
		return gateway.APIKey{Name: auth.Name, Value: auth.Value.Reveal(), In: gateway.KeyLocation(auth.In)}
	case config.AuthNone:
	}
	return nil
}

// fingerprint changes with everything that decides whether a gateway takes messages, so
// that a reload keeps what was learnt of one that stays as it is. It is a hash, as what
// goes into it holds secrets. How hard the gateway may be driven is no part of it.
func fingerprint(options *gateway.Options, template []byte) (string, error) {
	content, err := json.Marshal(map[string]any{
		"name": options.Name, "url": options.URL, "method": options.Method, "header": options.Header,
		"auth": options.Auth, "kind": fmt.Sprintf("%T", options.Auth), "params": options.Params,
		"private": options.PrivateIPs, "template": template,
	})
	if err != nil {
		return "", fmt.Errorf("compute fingerprint: %w", err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}

// fieldProblems gives what a part says of its options a place in the configuration: each
// fault at the key of its field below path, or with all keys at path when it names none.
func fieldProblems(cfg *config.Config, path string, err error) []config.Problem {
	var problems []config.Problem
	var visit func(error)
	visit = func(err error) {
		switch err := err.(type) { //nolint:errorlint // it walks the tree of errors itself
		case *gateway.OptionError:
			key := path + "." + err.Field
			if strings.HasPrefix(err.Field, "clients.") { // a setting of all gateways
				key = err.Field
			}
			problems = append(problems, cfg.Problem(key, err.Err.Error()))
		case interface{ Unwrap() []error }:
			for _, one := range err.Unwrap() {
				visit(one)
			}
		case interface{ Unwrap() error }:
			visit(err.Unwrap())
		}
	}
	visit(err)
	if problems == nil {
		return []config.Problem{cfg.Problem(path, err.Error())}
	}
	return problems
}

// textOf returns the template that was read from an address, nil for none.
func (s *gatewaySet) textOf(address string) []byte {
	if s == nil {
		return nil
	}
	for _, template := range s.templates {
		if text := template.text.Load(); template.address == address && text != nil {
			return *text
		}
	}
	return nil
}

// follow keeps the templates current, and the connections warm if asked to, until close.
func (s *gatewaySet) follow(ctx context.Context) {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	for _, template := range s.templates {
		s.following.Go(func() { template.follow(ctx) })
	}
	if s.keepWarm {
		for _, g := range s.gateways {
			s.following.Go(func() { g.KeepWarm(ctx) })
		}
	}
}

// close ends the following and the idle connections. Attempts under way go on.
func (s *gatewaySet) close() {
	s.stop()
	s.following.Wait()
	for _, template := range s.templates {
		if template.source != nil {
			template.source.Close()
		}
	}
	for _, g := range s.gateways {
		g.Close()
	}
}
