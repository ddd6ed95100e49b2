package app

import (
	"context"
	"log/slog"
	"slices"
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
			problems = append(problems, fieldProblems(b.config, from.Path+key, err)...)
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
	if from.Body.Kind != config.BodyNone {
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
		warnings, err := b.loadTemplate(ctx, template, from.Body)
		if err != nil {
			return ".body", err
		}
		logTemplateWarnings(ctx, b.logger, template.name, warnings)
		for _, warning := range warnings {
			set.warnings = append(set.warnings, b.config.Problem(from.Path+".body", warning))
		}
		if read := template.text.Load(); read != nil {
			text = *read
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
		Timeout:     b.config.Dispatch.Timeout,
		MaxInFlight: b.config.Dispatch.MaxInFlight,
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
		return nil
	}
	return nil
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
