package app

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"courier/internal/config"
)

// A reload that failed is tried again after a wait that doubles: what it lacked,
// such as a template server or a secret that is still to be mounted, may be there.
const (
	firstReloadWait   = 2 * time.Second
	longestReloadWait = time.Minute
)

// reloader puts a changed configuration in force while the courier runs. What
// is wrong with one is logged, and the last good one stays.
type reloader struct {
	app *App
	// life ends with the courier, and with it what a reload waits for.
	life context.Context
	end  context.CancelFunc

	// inForce is config, for those who do not wait for a reload.
	inForce atomic.Pointer[config.Config]
	// sending is config and the gateways of current, for the same.
	sending atomic.Pointer[sending]

	mu      sync.Mutex
	config  *config.Config
	current *gatewaySet
	// retry runs while the last reload has failed, wait is its present delay and
	// logged the last error, so that each is logged once.
	retry  *time.Timer
	wait   time.Duration
	logged string
}

func newReloader(ctx context.Context, app *App, cfg *config.Config, set *gatewaySet) *reloader {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	r := &reloader{app: app, life: life, end: end, config: cfg, current: set}
	r.show(cfg, set)
	return r
}

// sending are gateways and the configuration that they were made of.
type sending struct {
	config  *config.Config
	senders []sender
}

// show tells those who do not wait for a reload what is in force.
func (r *reloader) show(cfg *config.Config, set *gatewaySet) {
	r.inForce.Store(cfg)
	r.sending.Store(&sending{cfg, set.senders})
}

// Reload reads the configuration with all that it names, keys, templates and
// secrets, and puts it in force as a change of a file would, also when nothing has
// changed. When it fails the last good one stays in force, and it is tried again.
func (a *App) Reload(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.reload.life, cancel)() //nolint:contextcheck // it is the life of the courier
	cfg, err := config.Load(a.options.Watch)
	return a.reload.apply(ctx, cfg, err)
}

// startReload watches the files of the configuration and its templates.
func (a *App) startReload(context.Context) error {
	var watching sync.WaitGroup
	watching.Go(func() {
		config.Watch(a.reload.life, a.options.Watch, a.options.Config, func(cfg *config.Config, err error) {
			_ = a.reload.apply(a.reload.life, cfg, err) // it has logged the error
		})
	})
	a.cleanups.add("reload", reloadShare, func(context.Context) error {
		a.reload.end()
		watching.Wait()
		a.reload.mu.Lock() // waits for a reload that is under way
		defer a.reload.mu.Unlock()
		a.reload.stopRetry()
		return nil
	})
	return nil
}

// apply puts a configuration that was read anew in force, or says why it is not valid.
func (r *reloader) apply(ctx context.Context, cfg *config.Config, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() != nil {
		return nil
	}
	if err == nil {
		err = r.swap(ctx, cfg)
	}
	if err != nil {
		r.failed(ctx, err)
		return err
	}
	r.stopRetry()
	logWarnings(ctx, r.app.logger, cfg)
	r.app.logger.InfoContext(ctx, "the changed configuration is in force")
	return nil
}

// failed logs a new error and sees to it that the reload is tried again.
func (r *reloader) failed(ctx context.Context, err error) {
	if text := err.Error(); text != r.logged {
		r.logged = text
		r.app.logger.ErrorContext(ctx, "the changed configuration is not valid and the last good one stays in force; "+
			"correct it, the courier tries it again by itself", slog.String("error", text))
	}
	if r.retry != nil {
		r.retry.Stop()
	}
	r.wait = min(max(2*r.wait, firstReloadWait), longestReloadWait)
	r.retry = time.AfterFunc(r.wait, func() { _ = r.app.Reload(r.life) }) // it has logged the error
}

// stopRetry forgets what failed before. The caller holds mu.
func (r *reloader) stopRetry() {
	if r.retry != nil {
		r.retry.Stop()
	}
	r.retry, r.wait, r.logged = nil, 0, ""
}

func (r *reloader) swap(ctx context.Context, cfg *config.Config) error {
	set, err := r.app.gateways(cfg).build(ctx)
	if err != nil {
		return err
	}
	if err := r.app.webhooks.Set(ctx, webhookSettings(cfg)); err != nil {
		set.close()
		return err
	}
	if err := r.app.engine.Reconfigure(engineSettings(cfg, set)); err != nil {
		set.close()
		return err
	}
	r.app.receipts.current.Store(&set.receivers)
	r.app.publicPath.Store(pathOf(cfg.Public.URL))
	r.app.hooks.current.Store(&set.hooks)
	r.app.dry.Store(isDry(cfg))
	r.app.intake.SetPolicy(intakePolicy(cfg, set.texts))
	r.setKeys(cfg)
	if r.app.certificate != nil {
		r.app.certificate.Reload(ctx)
	}
	r.warnRestart(ctx, cfg)
	set.follow(ctx)
	r.current.close()
	r.app.auditReload(ctx, r.config, cfg)
	r.config, r.current = cfg, set
	r.show(cfg, set)
	return nil
}

// setKeys puts other keys in force. Keys that the listener was started with are
// not replaced by none: whether that is safe was judged for an address that is
// listened on from the next start only.
func (r *reloader) setKeys(cfg *config.Config) {
	if cfg.API.OpenAccess && !r.app.options.Config.API.OpenAccess {
		return
	}
	r.app.api.SetKeys(apiKeys(cfg))
}

// warnRestart names the settings that only a restart changes.
func (r *reloader) warnRestart(ctx context.Context, cfg *config.Config) {
	for _, setting := range []struct {
		key     string
		changed bool
	}{
		{"store.dsn", cfg.Store.DSN != r.config.Store.DSN},
		{"api.host, api.port, api.max_connections", cfg.API.Listener != r.config.API.Listener},
		{"api.auth", cfg.API.OpenAccess != r.config.API.OpenAccess},
		{"api.max_body_size", cfg.API.MaxBodySize != r.config.API.MaxBodySize},
		{"tls", cfg.TLS != r.config.TLS},
		{"public.host, public.port, public.max_connections", cfg.Public.Listener != r.config.Public.Listener},
		{"inbox", cfg.Inbox != r.config.Inbox},
		{"log", cfg.Log != r.config.Log},
		{"tracing", cfg.Tracing != r.config.Tracing},
		{"dispatch.grace_period", cfg.Dispatch.GracePeriod != r.config.Dispatch.GracePeriod},
		{"dispatch.poll_interval", cfg.Dispatch.PollInterval != r.config.Dispatch.PollInterval},
	} {
		if setting.changed {
			r.app.logger.WarnContext(ctx, "a changed setting takes effect at the next start", slog.String("key", setting.key))
		}
	}
}

func (r *reloader) closeGateways(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current.close()
	return nil
}
