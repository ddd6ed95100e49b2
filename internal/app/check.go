package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"courier"
	"courier/internal/config"
	"courier/internal/curl"
	"courier/internal/dispatch"
	"courier/internal/intake"
	"courier/internal/jsonnet"
)

// Check lets every part judge its settings: it builds what the configuration sends
// through, templates included, and takes it down again. Nothing is sent and no database
// is opened. Warnings about templates are added to those of the configuration. An error
// is a *config.InvalidError.
func Check(ctx context.Context, cfg *config.Config) error {
	err := withGateways(ctx, cfg, func(set *gatewaySet) error {
		cfg.Warnings = append(cfg.Warnings, set.warnings...)
		return nil
	})
	_, tlsErr := loadCertificate(cfg, slog.New(slog.DiscardHandler))
	problems := slices.Concat(config.Problems(checkStore(cfg)), config.Problems(tlsErr), config.Problems(err))
	if len(problems) == 0 {
		return err
	}
	return &config.InvalidError{Problems: problems, Warnings: cfg.Warnings}
}

// Render returns the request that the configuration makes of a draft, for the first
// gateway of its route, without sending it. Errors are *config.InvalidError, *courier.Error, *courier.RenderError
// or courier.ErrTemplateCanceled.
func Render(ctx context.Context, cfg *config.Config, draft courier.Draft) (*curl.Request, error) {
	var wire *curl.Request
	err := withGateways(ctx, cfg, func(set *gatewaySet) error {
		message, err := intake.New(intake.Options{Policy: intakePolicy(cfg, set.texts)}).Accept(draft)
		if err != nil {
			return err
		}
		if !message.OnlyGateway {
			routes := engineRoutes(cfg.Routes)
			if at := slices.IndexFunc(routes, func(r dispatch.Route) bool { return r.Fits(message) }); at >= 0 {
				message.Gateway = routes[at].Gateways[0].Gateway
			}
		}
		at := slices.IndexFunc(set.senders, func(s sender) bool { return s.Name() == message.Gateway })
		if at < 0 {
			return errors.New("render request: no gateway takes the message")
		}
		wire, err = set.senders[at].shown(ctx, message)
		return err
	})
	return wire, err
}

// withGateways runs do with the gateways of a configuration.
func withGateways(ctx context.Context, cfg *config.Config, do func(*gatewaySet) error) (err error) {
	logger := slog.New(slog.DiscardHandler)
	pool := jsonnet.NewPool(jsonnet.Options{Logger: logger, Workers: 1})
	defer func() { err = errors.Join(err, pool.Close(context.WithoutCancel(ctx))) }()
	set, err := (&gatewayBuilder{config: cfg, pool: pool, logger: logger}).build(ctx)
	if err != nil {
		return err
	}
	defer set.close()
	return do(set)
}
