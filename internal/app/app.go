// Package app is the composition root: it builds the store, the gateways, the
// engine and the listeners from a configuration, starts them in order and stops
// them in reverse. It is the only package that constructs adapters.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"courier"
	"courier/internal/action"
	"courier/internal/cluster"
	"courier/internal/config"
	"courier/internal/dispatch"
	"courier/internal/gateway"
	"courier/internal/httpapi"
	"courier/internal/intake"
	"courier/internal/jsonnet"
	"courier/internal/store"
	"courier/internal/webhook"
)

// Options are what an App needs to run.
type Options struct {
	// Config is what it starts with.
	Config *config.Config
	// Watch is where Config came from; its files are watched, and a valid change
	// takes effect while the courier runs. Without files nothing is watched.
	Watch config.Options
	// LogOutput receives the log; default standard error.
	LogOutput io.Writer
	// Version is shown at /version and in traces.
	Version string
	// Host is nil for a courier that is a program of its own.
	Host *Host
}

// Host is what a Go program gives a courier that is a part of it. Such a courier starts
// no other process, changes nothing of the program, and leaves the metrics of the process
// to it.
type Host struct {
	// Memory keeps the messages in this process, with which they are lost, and not in
	// store.dsn.
	Memory bool
	// Listen opens the listeners. Without it the host serves Admin and Public.
	Listen bool
	// Requests make the requests of gateways, by their names, in the place of templates.
	Requests map[string]gateway.RequestFunc
	// Logger is mandatory; the log keys of the configuration count for nothing.
	Logger *slog.Logger
	// TracerProvider makes the spans, nil for none; the tracing keys count for nothing.
	TracerProvider trace.TracerProvider
}

// App is a courier: store, engine, gateways and listeners.
type App struct {
	options  Options
	log      *logWriter
	logger   *slog.Logger
	registry *prometheus.Registry
	cleanups cleanups

	pool   *jsonnet.Pool
	tracer trace.TracerProvider
	store  store.Store
	engine *dispatch.Engine
	intake *intake.Intake
	listening
	reload *reloader
	inbound
	webhooks *webhook.Deliverer
	operating
	// node is this process among those that share the store, nil until the engine is made.
	node atomic.Pointer[cluster.Node]

	failed   chan error
	stopping sync.Once
	stopErr  error
}

// operating is what operators use.
type operating struct {
	actions *action.Runner
	// nodeName is the name of this process among those that share the store.
	nodeName string
	// described are the gateways as the API shows them.
	described atomic.Pointer[described]
	// dry is true while dispatch.mode is dry.
	dry atomic.Bool
}

// inbound is what others bring over the public listener.
type inbound struct {
	receipts receipts
	hooks    hooks
	inbox    testInbox
	// publicPath is that of public.url, empty where it has none.
	publicPath atomic.Pointer[string]
}

// listening is what speaks HTTP.
type listening struct {
	api    *httpapi.API
	admin  *httpapi.Server
	public *httpapi.Server
	// certificate is that of both listeners, nil without TLS.
	certificate *httpapi.Certificate
}

// New returns a courier that is not started.
func New(options Options) (*App, error) {
	if options.Config == nil {
		return nil, errors.New("app options: Config is mandatory")
	}
	if options.LogOutput == nil {
		options.LogOutput = os.Stderr
	}
	log := newLogWriter(options.LogOutput)
	a := &App{
		options:  options,
		log:      log,
		logger:   NewLogger(log, options.Config.Log.Level, options.Config.Log.Format),
		registry: prometheus.NewRegistry(),
		failed:   make(chan error, 1),
	}
	a.registry.MustRegister(a.newDryGauge())
	if options.Host != nil {
		a.logger = options.Host.Logger
		return a, nil
	}
	a.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return a, nil
}

// Start builds and starts everything in order. When a part does not start,
// those before it are stopped and the error says what to do. Once Start
// returns, messages are taken and dispatched.
func (a *App) Start(ctx context.Context) error {
	a.logStart(ctx)
	for _, start := range []func(context.Context) error{
		a.startTracing, a.startTemplates, a.startInbox, a.startGateways, a.startStore, a.startWebhooks, a.startEngine, a.startActions, a.startListeners, a.startReload,
	} {
		if err := start(ctx); err != nil {
			return errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
		}
	}
	return nil
}

// Stop ends everything in reverse order: no message is taken any more, attempts
// in flight finish within the grace time and leases are given back. It takes at
// most the grace time and stopMargin, and is idempotent; later calls return the
// error of the first.
func (a *App) Stop(ctx context.Context) error {
	a.stopping.Do(func() {
		began := time.Now()
		a.logger.InfoContext(ctx, "stopping: nothing more is taken, attempts in flight may finish",
			slog.Int("in_flight", a.inFlight()), slog.Duration("grace_period", a.options.Config.Dispatch.GracePeriod))
		a.stopErr = a.cleanups.run(ctx, a.logger)
		if a.stopErr == nil {
			a.logger.InfoContext(ctx, "stopped", slog.Duration("duration", time.Since(began)))
		} else {
			a.logger.ErrorContext(ctx, "stopped, but not in order", slog.Duration("duration", time.Since(began)),
				slog.String("error", a.stopErr.Error()))
		}
		a.stopErr = errors.Join(a.stopErr, cleanup{"log", logShare, a.log.flush}.bounded(ctx))
	})
	return a.stopErr
}

// inFlight returns how many attempts are under way, of all gateways.
func (a *App) inFlight() int {
	families, err := a.registry.Gather()
	if err != nil {
		return 0
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() == "courier_in_flight" {
			for _, metric := range family.GetMetric() {
				sum += metric.GetGauge().GetValue()
			}
		}
	}
	return int(sum)
}

// Failed reports a part that ended by itself while the courier ran. Stop is
// still to be called.
func (a *App) Failed() <-chan error { return a.failed }

func (a *App) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

// AdminAddr returns the address of the admin listener, host:port, after Start; empty when
// there is none.
func (a *App) AdminAddr() string { return addrOf(a.admin) }

// PublicAddr returns the address of the public listener, host:port, after Start; empty when
// there is none.
func (a *App) PublicAddr() string { return addrOf(a.public) }

func addrOf(server *httpapi.Server) string {
	if server == nil {
		return ""
	}
	return server.Addr().String()
}

// logStart says what starts, of the store its kind alone, as its address may hold a password.
func (a *App) logStart(ctx context.Context) {
	cfg := a.options.Config
	gateways := make([]string, len(cfg.Gateways))
	for i := range cfg.Gateways {
		gateways[i] = GatewaySummary(&cfg.Gateways[i])
	}
	a.logger.InfoContext(ctx, "courier starts", slog.String("version", a.options.Version),
		slog.String("store", a.storeKind()), slog.Any("gateways", gateways))
	if len(cfg.IgnoredSections) > 0 {
		a.logger.InfoContext(ctx, "sections of the configuration that belong to other programs are ignored",
			slog.Any("sections", cfg.IgnoredSections))
	}
	logWarnings(ctx, a.logger, cfg)
}

// GatewaySummary says in a few words what a gateway does, without a secret:
// "sms sends POST to api.example.com", "main is twilio".
func GatewaySummary(g *config.Gateway) string {
	if g.Preset != "" {
		return g.Name + " is " + g.Preset
	}
	host := ""
	if target, err := url.Parse(g.URL.Reveal()); err == nil {
		host = target.Host
	}
	return fmt.Sprintf("%s sends %s to %s", g.Name, g.Method, host)
}

func logWarnings(ctx context.Context, logger *slog.Logger, cfg *config.Config) {
	for _, warning := range cfg.Warnings {
		logger.WarnContext(ctx, "configuration warning", slog.String("warning", warning.Message),
			slog.String("position", warning.Position.String()), slog.String("key", warning.Path))
	}
	if !cfg.SMSEnabled() {
		logger.WarnContext(ctx, "sending text messages is disabled and messages are refused; "+
			"give a gateway in courier.gateways, or set courier.sms.enabled and courier.sms.request_config, or a channel with the id sms in courier.channels")
	}
}

func (a *App) startTracing(ctx context.Context) error {
	if host := a.options.Host; host != nil {
		if a.tracer = host.TracerProvider; a.tracer == nil {
			a.tracer = noop.NewTracerProvider()
		}
		return nil
	}
	provider, stop, err := newTracing(ctx, a.options.Config.Tracing, a.options.Version, a.logger)
	if err != nil {
		return err
	}
	a.tracer = provider
	a.cleanups.add("tracing", tracingShare, stop)
	return nil
}

func (a *App) startTemplates(context.Context) error {
	a.pool = jsonnet.NewPool(jsonnet.Options{Logger: a.logger, Registerer: a.registry, InProcess: a.options.Host != nil})
	a.cleanups.add("templates", templatesShare, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, templatesShare/2) // killing takes the rest
		defer cancel()
		return a.pool.Close(ctx)
	})
	return nil
}

func (a *App) startStore(ctx context.Context) error {
	opened, err := a.ownStore(ctx)
	if err != nil {
		return err
	}
	a.store = opened
	a.cleanups.add("store", storeShare, func(context.Context) error { return opened.Close() })
	return nil
}

// startGateways comes before the store, so that no database is made or waited for
// when the gateways refuse their settings.
func (a *App) startGateways(ctx context.Context) error {
	set, err := a.gateways(a.options.Config).build(ctx)
	if err != nil {
		return err
	}
	set.follow(ctx)
	a.receipts.current.Store(&set.receivers)
	a.publicPath.Store(pathOf(a.options.Config.Public.URL))
	a.hooks.current.Store(&set.hooks)
	a.dry.Store(isDry(a.options.Config))
	a.reload = newReloader(ctx, a, a.options.Config, set)
	a.cleanups.add("gateways", gatewaysShare, a.reload.closeGateways)
	return nil
}

func (a *App) startEngine(ctx context.Context) (err error) {
	cfg, node := a.options.Config, nodeName()
	a.nodeName = node
	a.engine, err = dispatch.New(dispatch.Options{
		Settings: engineSettings(cfg, a.reload.current),
		Store:    a.store,
		Node:     node,
		ClusterFunc: func(e *dispatch.Engine) (dispatch.Cluster, error) {
			joined, err := cluster.New(cluster.Options{
				Store: a.store, Engine: e, Health: e.Health(), Node: node, Host: hostName(), VersionFunc: a.versionAndMode,
				NowFunc: a.store.Now, Logger: a.logger, Registerer: a.registry,
			})
			a.node.Store(joined)
			return joined, err
		},
		GracePeriod:    cmp.Or(cfg.Dispatch.GracePeriod, -1), // none is negative there
		PollInterval:   cfg.Dispatch.PollInterval,
		NowFunc:        a.store.Now,
		Logger:         a.logger,
		Registerer:     a.registry,
		TracerProvider: a.tracer,
	})
	if err != nil {
		return err
	}
	a.receipts.storeFunc = func(ctx context.Context, receipts []courier.Receipt) error {
		_, err := a.engine.Receipts(ctx, receipts)
		return err
	}
	a.intake = intake.New(intake.Options{Policy: intakePolicy(cfg, a.reload.current.texts), NowFunc: a.store.Now})
	a.hooks.messages = hookMessages{a.intake, a.engine, a.store}
	a.cleanups.add("engine", cfg.Dispatch.GracePeriod+engineShare, a.engine.Stop)
	return a.engine.Start(ctx)
}

func (a *App) gateways(cfg *config.Config) *gatewayBuilder {
	b := &gatewayBuilder{config: cfg, pool: a.pool, logger: a.logger, starting: a.reload == nil, messages: &a.hooks.messages, inbox: &a.inbox}
	if a.options.Host != nil {
		b.requests = a.options.Host.Requests
	}
	if a.reload != nil {
		b.previous = a.reload.current
	}
	return b
}

// nodeName names this process among all that ever held a lease.
func nodeName() string {
	return fmt.Sprintf("%s-%d-%s", hostName(), os.Getpid(), uuid.NewString()[:8])
}

// hostName names this machine to an operator.
func hostName() string {
	host, err := os.Hostname()
	if err != nil {
		return "unnamed"
	}
	return host
}

func engineSettings(cfg *config.Config, set *gatewaySet) dispatch.Settings {
	only := make(map[string]string, len(cfg.Recipients.Test))
	for to := range cfg.Recipients.Test {
		only[to] = config.InboxGateway
	}
	return dispatch.Settings{
		Only:           only,
		Gateways:       set.lanes,
		Routes:         engineRoutes(cfg.Routes),
		MessageRetries: cfg.Courier.MessageRetries,
		SupersedeWait:  cfg.Messages.SupersedeWait,
		Retry:          dispatch.Retry{Initial: cfg.Dispatch.Retry.Initial, Max: cfg.Dispatch.Retry.Max},
		OnUnknown:      dispatch.UnknownPolicy(cfg.Dispatch.OnUnknown),
		Retention:      dispatch.Retention{ScrubAfter: cfg.Retention.ScrubAfter, DeleteAfter: cfg.Retention.DeleteAfter},
	}
}

func engineRoutes(configured []config.Route) []dispatch.Route {
	routes := make([]dispatch.Route, len(configured))
	for i, from := range configured {
		routes[i] = dispatch.Route{Name: from.Name, To: from.To, Channel: from.Channel, TemplateType: from.TemplateType, Demote: from.Demote}
		for _, g := range from.Gateways {
			routes[i].Gateways = append(routes[i].Gateways, dispatch.RouteGateway{Gateway: g.ID, Weight: g.Weight})
		}
	}
	return routes
}

// intakePolicy has one channel, whose messages begin at the first gateway unless a route
// says otherwise. They get a sender at once only where it is the same for every gateway.
func intakePolicy(cfg *config.Config, made texts) intake.Policy {
	policy := intake.Policy{
		TestNumbers:     cfg.Recipients.Test,
		Notice:          dryNotice(cfg),
		DefaultRegion:   cfg.Recipients.DefaultRegion,
		SkipValidation:  !cfg.Recipients.Validate,
		MaxSegments:     cfg.Messages.MaxSegments,
		AllowKinds:      cfg.Recipients.Kinds.Allow,
		AllowCountries:  cfg.Recipients.Countries.Allow,
		DenyCountries:   cfg.Recipients.Countries.Deny,
		PlainTypography: cfg.Messages.Typography == "gsm",
		SkipLint:        !cfg.Messages.Lint,
		Callbacks:       !cfg.Callbacks.Secret.Empty(),
	}
	for _, l := range cfg.Limits {
		limit := intake.Limit{By: courier.LimitBy(l.By), Count: l.Count, Per: l.Per}
		for _, lane := range l.Lanes {
			limit.Lanes = append(limit.Lanes, courier.Lane(lane))
		}
		policy.Limits = append(policy.Limits, limit)
	}
	if made.Texts != nil {
		policy.TextFunc = made.forDraft
	}
	if slices.ContainsFunc(cfg.Routes, func(r config.Route) bool { return r.Lane != "" }) {
		routes := engineRoutes(cfg.Routes)
		policy.LaneFunc = func(m *courier.Message) courier.Lane {
			for i := range routes {
				if routes[i].Fits(m) {
					return courier.Lane(cfg.Routes[i].Lane)
				}
			}
			return ""
		}
	}
	for i, g := range cfg.Gateways {
		if i == 0 {
			policy.Channels = []intake.Channel{{ID: g.Channel, Gateway: g.Name, From: g.From}}
		} else if g.From != policy.Channels[0].From {
			policy.Channels[0].From = ""
		}
		policy.Gateways = append(policy.Gateways, g.Name)
	}
	return policy
}
