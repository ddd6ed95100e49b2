package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"courier"
	"courier/internal/config"
	"courier/internal/curl"
	"courier/internal/dispatch"
	"courier/internal/gateway"
	"courier/internal/gateway/preset"
	"courier/internal/hook"
	"courier/internal/intake"
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
	// presets are read once they are needed.
	presets *preset.Set
	// edited are templates in the place of those that a gateway has.
	edited []template
	// requests make the requests of some gateways in the place of templates.
	requests map[string]gateway.RequestFunc
	// inbox takes the messages of test numbers, nil where nothing is sent.
	inbox *testInbox
	// messages takes those of hooks, nil where nothing is sent.
	messages hook.Messages
}

// gatewaySet is what one configuration sends through. Its templates are
// followed, and its connections kept warm, from follow until close.
type gatewaySet struct {
	senders   []sender
	receivers receivers
	templates []*liveTemplate
	lanes     []dispatch.GatewayOptions
	// texts and hooks are what messages come from, as they are built and swapped with
	// what they go through.
	texts texts
	hooks map[string]hookAt
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
	set := &gatewaySet{keepWarm: b.config.Dispatch.KeepWarm && !isDry(b.config), stop: func() {}, receivers: receivers{}}
	var problems []config.Problem
	if err := intakePolicy(b.config, texts{}).Check(); err != nil {
		problems = append(problems, b.config.Problem("recipients.default_region", err.Error()))
	}
	problems = slices.Concat(problems, checkCountries(b.config), checkWebhooks(b.config))
	if err := privateIPs(b.config).Check(); err != nil && len(b.config.Gateways) == 0 {
		problems = append(problems, fieldProblems(b.config, func(string) string { return "clients.http" }, err)...)
	}
	made, faults := buildTexts(ctx, b.config)
	problems = append(problems, faults...)
	set.texts = made
	if set.hooks, faults = buildHooks(b.config, made, b.messages); len(faults) > 0 {
		problems = append(problems, faults...)
	}
	for i := range b.config.Gateways {
		problems = append(problems, b.add(ctx, set, &b.config.Gateways[i])...)
	}
	problems = append(problems, b.addInbox(ctx, set)...)
	if len(set.receivers) > 0 && b.config.Public.URL == "" {
		warning := b.config.Problem("public.url", "the key is missing, so gateways are given no address for receipts, and signatures over the address do not fit; "+
			"set it to the address at which they reach the public listener, such as https://sms.example.com")
		b.logger.WarnContext(ctx, "configuration warning", slog.String("key", warning.Path), slog.String("warning", warning.Message))
		set.warnings = append(set.warnings, warning)
	}
	if len(problems) > 0 {
		set.close()
		return nil, &config.InvalidError{Problems: problems, Warnings: slices.Concat(b.config.Warnings, set.warnings)}
	}
	return set, nil
}

// checkCountries reports the recipients of routes that are no countries: nothing would ever
// go there.
func checkCountries(cfg *config.Config) (problems []config.Problem) {
	for _, route := range cfg.Routes {
		for i, to := range route.To {
			if !strings.HasPrefix(to, "+") && (intake.Policy{DefaultRegion: to}).Check() != nil {
				problems = append(problems, cfg.Problem(fmt.Sprintf("%s.to[%d]", route.Path, i),
					fmt.Sprintf("%q is not the code of a country with telephone numbers; give one such as DE, or the beginning of numbers such as \"+49\"", to)))
			}
		}
	}
	return problems
}

// add builds one gateway, and says what is wrong with it.
func (b *gatewayBuilder) add(ctx context.Context, set *gatewaySet, from *config.Gateway) []config.Problem {
	d, problems := b.design(from)
	if d == nil {
		return problems
	}
	report := func(err error) []config.Problem {
		return append(problems, fieldProblems(b.config, func(field string) string { return keyOf(from, field) }, err)...)
	}
	built, err := gateway.New(d.options)
	if err != nil {
		return report(err)
	}
	through := sender{built, from.From}
	set.senders = append(set.senders, through)
	var taking *gateway.Receiver
	if d.receiver != nil {
		d.receiver.Logger = b.logger
		if taking, err = gateway.NewReceiver(*d.receiver); err != nil {
			return report(err)
		}
		set.receivers[from.Name] = receiver{taking, from.ReceiptSecret.Reveal(), b.config.Public.URL}
	}
	texts, tried := map[role][]byte{}, &trials{built: built, taking: taking}
	for _, t := range d.templates {
		live := &liveTemplate{template: t, gateway: from.Name, pool: b.pool, logger: b.logger, tryFunc: tried.of(t.role)}
		set.templates = append(set.templates, live)
		text, warnings, err := b.load(ctx, live)
		if err != nil {
			problems = append(problems, b.config.Problem(t.key, err.Error()))
		}
		texts[t.role] = text
		for _, warning := range warnings {
			set.warnings = append(set.warnings, b.config.Problem(t.key, warning))
		}
	}
	delete(texts, receiptRole) // what receipts are read by does not decide what a gateway takes
	lane := d.lane
	lane.Gateway = through
	if isDry(b.config) {
		lane.Gateway, lane.Receipts = dryGateway{through}, false
	}
	if lane.Fingerprint, err = d.fingerprint(texts); err != nil {
		return report(err)
	}
	lane.Fingerprint += b.config.Dispatch.Mode
	set.lanes = append(set.lanes, lane)
	return problems
}

// load reads a template and puts it in force.
func (b *gatewayBuilder) load(ctx context.Context, t *liveTemplate) (text []byte, warnings []string, err error) {
	if text, err = b.readTemplate(ctx, t); err != nil || text == nil {
		return text, nil, err
	}
	if warnings, err = t.apply(ctx, text); err != nil {
		return nil, nil, err
	}
	logTemplateWarnings(ctx, b.logger, t.name, warnings)
	return text, warnings, nil
}

// sender is a gateway as the engine sees it.
type sender struct {
	*gateway.Gateway
	// from is the sender of messages that have none: which one it is depends on the
	// gateway that takes them.
	from string
}

// Render implements dispatch.Gateway.
func (s sender) Render(ctx context.Context, m *courier.Message) (dispatch.Request, error) {
	request, err := s.render(ctx, m)
	if err != nil {
		return nil, err
	}
	return request, nil
}

func (s sender) render(ctx context.Context, m *courier.Message) (*gateway.Request, error) {
	if m.From == "" && s.from != "" {
		filled := *m
		filled.From = s.from
		m = &filled
	}
	return s.Gateway.Render(ctx, m)
}

// shown returns the request of a message, which is not sent.
func (s sender) shown(ctx context.Context, m *courier.Message) (*curl.Request, error) {
	request, err := s.render(ctx, m)
	if err != nil {
		return nil, err
	}
	return curl.Of(request.HTTP(ctx))
}

// fieldProblems gives what a part says of its options a place in the configuration: each
// fault at the key of its field, or with all keys at that of none.
func fieldProblems(cfg *config.Config, keyOf func(field string) string, err error) []config.Problem {
	return problemsOf(cfg, keyOf(""), err, func(fault *gateway.OptionError) (path, text string) {
		path = fault.Field
		if !strings.HasPrefix(path, "clients.") { // a setting of all gateways
			path = keyOf(path)
		}
		return path, fault.Err.Error()
	})
}

// problemsOf gives the faults of a type, of which a part may report several, a place each.
// An error without one has the place of the whole.
func problemsOf[T error](cfg *config.Config, whole string, err error, place func(fault T) (path, text string)) (problems []config.Problem) {
	var visit func(error)
	visit = func(err error) {
		switch err := err.(type) { //nolint:errorlint // it walks the tree of errors itself
		case T:
			problems = append(problems, cfg.Problem(place(err)))
		case interface{ Unwrap() []error }:
			for _, one := range err.Unwrap() {
				visit(one)
			}
		case interface{ Unwrap() error }:
			visit(err.Unwrap())
		}
	}
	visit(err)
	if err != nil && problems == nil {
		return []config.Problem{cfg.Problem(whole, err.Error())}
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
		for _, g := range s.senders {
			s.following.Go(func() { g.KeepWarm(ctx) })
		}
	}
}

// close ends the following and the idle connections. Attempts under way go on.
func (s *gatewaySet) close() {
	s.stop()
	s.following.Wait()
	for _, template := range s.templates {
		if template.server != nil {
			template.server.Close()
		}
	}
	for _, g := range s.senders {
		g.Close()
	}
}
