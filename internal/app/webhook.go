package app

import (
	"context"
	"strings"

	"courier/internal/config"
	"courier/internal/webhook"
)

// startWebhooks comes before the engine, so that it stops after it: what the last
// attempts came to is told too.
func (a *App) startWebhooks(ctx context.Context) (err error) {
	a.webhooks, err = webhook.New(webhook.Options{
		Settings: webhookSettings(a.options.Config),
		Store:    a.store,
		DutyFunc: func() bool {
			node := a.node.Load()
			return node != nil && node.OnDuty()
		},
		Version:    a.options.Version,
		NowFunc:    a.store.Now,
		Logger:     a.logger,
		Registerer: a.registry,
	})
	if err != nil {
		return err
	}
	a.cleanups.add("webhooks", webhooksShare, a.webhooks.Stop)
	return a.webhooks.Start(ctx)
}

func webhookSettings(cfg *config.Config) webhook.Settings {
	var settings webhook.Settings
	for _, from := range cfg.Webhooks {
		settings.Endpoints = append(settings.Endpoints, webhook.Endpoint{
			ID: from.ID, URL: from.URL.Reveal(), Secrets: strings.Fields(from.Secret.Reveal()), Events: from.Events,
			IncludeRecipient: from.IncludeRecipient, AllowPrivate: from.AllowPrivate,
		})
	}
	if secrets := strings.Fields(cfg.Callbacks.Secret.Reveal()); len(secrets) > 0 {
		settings.Callback = &webhook.Endpoint{
			Secrets: secrets, IncludeRecipient: cfg.Callbacks.IncludeRecipient, AllowPrivate: cfg.Callbacks.AllowPrivate,
		}
	}
	return settings
}

// told returns whom a listener tells of a message, as the configuration is now.
func (a *App) told(listener, callbackURL string) (id, host string) {
	settings := webhookSettings(a.reload.inForce.Load())
	return settings.Target(listener, callbackURL)
}

// checkWebhooks lets the endpoints judge their settings.
func checkWebhooks(cfg *config.Config) (problems []config.Problem) {
	settings := webhookSettings(cfg)
	for i := range settings.Endpoints {
		problems = append(problems, endpointProblems(cfg, cfg.Webhooks[i].Path, settings.Endpoints[i].Check())...)
	}
	if settings.Callback != nil {
		settings.Callback.URL = "https://any.example/" // each message has its own
		problems = append(problems, endpointProblems(cfg, "callbacks", settings.Callback.Check())...)
	}
	return problems
}

func endpointProblems(cfg *config.Config, path string, err error) []config.Problem {
	return problemsOf(cfg, path, err, func(fault *webhook.OptionError) (at, text string) {
		return path + "." + fault.Field, fault.Err.Error()
	})
}
