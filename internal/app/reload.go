package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"courier/internal/config"
)

// reloader puts a changed configuration in force while the courier runs. What
// is wrong with one is logged, and the last good one stays.
type reloader struct {
	app *App

	mu      sync.Mutex
	config  *config.Config
	current *gatewaySet
}

func newReloader(app *App, cfg *config.Config, set *gatewaySet) *reloader {
	return &reloader{app: app, config: cfg, current: set}
}

// startReload watches the files of the configuration and its templates.
func (a *App) startReload(ctx context.Context) error {
	if len(a.options.Watch.Files) == 0 {
		return nil
	}
	watchCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	watcher, err := config.Watch(watchCtx, a.options.Watch, a.options.Config, func(cfg *config.Config, err error) {
		a.reload.apply(watchCtx, cfg, err)
	})
	if err != nil {
		cancel()
		return fmt.Errorf("watch configuration: %w", err)
	}
	a.cleanups.add("reload", func(context.Context) error {
		cancel()
		watcher.Wait()
		return nil
	})
	return nil
}

// apply is called with each configuration that was read anew, or with why it is not valid.
func (r *reloader) apply(ctx context.Context, cfg *config.Config, err error) {
	if err == nil {
		err = r.swap(ctx, cfg)
	}
	if err != nil {
		r.app.logger.ErrorContext(ctx, "the changed configuration is not valid and the last good one stays in force; mend it, the courier reads it again",
			slog.String("error", err.Error()))
		return
	}
	logWarnings(ctx, r.app.logger, cfg)
	warnDisabled(ctx, r.app.logger, cfg)
	r.app.logger.InfoContext(ctx, "the changed configuration is in force")
}

func (r *reloader) swap(ctx context.Context, cfg *config.Config) error {
	set, err := r.app.gateways(cfg).build(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.app.engine.Reconfigure(engineSettings(cfg, set)); err != nil {
		set.close()
		return err
	}
	r.app.intake.SetPolicy(intakePolicy(cfg))
	r.setKeys(cfg)
	r.warnRestart(ctx, cfg)
	set.follow(ctx)
	r.current.close()
	r.config, r.current = cfg, set
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
		{"api.host, api.port", cfg.API.Listener != r.config.API.Listener},
		{"api.auth", cfg.API.OpenAccess != r.config.API.OpenAccess},
		{"api.max_body_size", cfg.API.MaxBodySize != r.config.API.MaxBodySize},
		{"public", cfg.Public != r.config.Public},
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
