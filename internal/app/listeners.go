package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"courier/internal/config"
	"courier/internal/httpapi"
	"courier/internal/web"
)

// startListeners takes messages. The admin listener comes last, so that it is
// the first to stop.
func (a *App) startListeners(ctx context.Context) error {
	cfg := a.options.Config
	pages, err := web.New(web.Options{Version: a.options.Version, NowFunc: a.store.Now})
	if err != nil {
		return err
	}
	api, err := httpapi.New(httpapi.Options{
		Intake:   a.intake,
		Engine:   a.engine,
		Store:    a.store,
		Receipts: &a.receipts,
		Hooks:    &a.hooks,
		Pages:    pages,
		Operation: httpapi.Operation{
			Gateways: a, WakeActionsFunc: a.actions.Wake, QueuesFunc: a.queues, ToldFunc: a.told, Workbench: newWorkbench(a),
		},
		Checks:         a.checks(),
		DryFunc:        a.dry.Load,
		Keys:           apiKeys(cfg),
		AnyHost:        cfg.API.OpenAccess && !isLoopback(cfg.API.Host),
		MaxBodySize:    cfg.API.MaxBodySize,
		Version:        httpapi.Version{Version: a.options.Version},
		Gatherer:       a.registry,
		Registerer:     a.registry,
		TracerProvider: a.tracer,
		Logger:         a.logger,
		NowFunc:        a.store.Now,
	})
	if err != nil {
		return err
	}
	a.api = api
	if a.certificate, err = loadCertificate(cfg, a.logger); err != nil {
		return err
	}
	if a.options.Host != nil && !a.options.Host.Listen {
		a.cleanups.add("pages", listenerShare, func(context.Context) error {
			api.EndStreams()
			return nil
		})
		return nil
	}
	a.public = a.newServer("public", "public", cfg.Public.Listener, a.Public())
	a.admin = a.newServer("admin", "api", cfg.API.Listener, api.Admin())
	for _, server := range []*httpapi.Server{a.public, a.admin} {
		if err := server.Start(ctx); err != nil {
			return err
		}
		a.cleanups.add("listener", listenerShare, func(ctx context.Context) error {
			api.EndStreams()
			return server.Stop(ctx)
		})
	}
	return nil
}

func (a *App) newServer(name, setting string, at config.Listener, handler http.Handler) *httpapi.Server {
	return httpapi.NewServer(httpapi.ServerOptions{
		Name:           name,
		Address:        net.JoinHostPort(at.Host, strconv.Itoa(at.Port)),
		Setting:        setting,
		Handler:        handler,
		MaxConnections: at.MaxConnections,
		Certificate:    a.certificate,
		Logger:         a.logger,
		OnFailureFunc:  a.fail,
	})
}

// loadCertificate reads the certificate of the listeners, nil when they speak plain
// HTTP. An error is a *config.InvalidError.
func loadCertificate(cfg *config.Config, logger *slog.Logger) (*httpapi.Certificate, error) {
	if cfg.TLS == (config.TLS{}) {
		return nil, nil //nolint:nilnil // none is asked for
	}
	certificate, err := httpapi.LoadCertificate(cfg.TLS.Cert, cfg.TLS.Key, logger)
	if err != nil {
		return nil, &config.InvalidError{Problems: []config.Problem{cfg.Problem("tls.cert", err.Error())}, Warnings: cfg.Warnings}
	}
	return certificate, nil
}

// checks are what must work for the courier to be ready.
func (a *App) checks() []httpapi.Check {
	shared := &sharedCheck{checkFunc: a.store.Check, nowFunc: time.Now}
	return []httpapi.Check{
		// The engine knows at once when its node is cut off from the database.
		{Name: "engine", CheckFunc: func(context.Context) error { return a.engine.Ready() }},
		{Name: "store", CheckFunc: shared.check},
	}
}

// apiKeys are the keys in force; with open access nobody has to show one.
func apiKeys(cfg *config.Config) []httpapi.Key {
	if cfg.API.OpenAccess {
		return nil
	}
	keys := make([]httpapi.Key, len(cfg.API.Keys))
	for i, key := range cfg.API.Keys {
		keys[i] = httpapi.Key{Name: key.Name, Hash: key.Hash}
		for _, scope := range key.Scopes {
			keys[i].Scopes = append(keys[i].Scopes, httpapi.Scope(scope))
		}
	}
	return keys
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
