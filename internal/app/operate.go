package app

import (
	"cmp"
	"context"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"courier/internal/action"
	"courier/internal/config"
	"courier/internal/httpapi"
	"courier/internal/store"
)

// described are the gateways of a configuration as the API shows them.
type described struct {
	config   *config.Config
	gateways []httpapi.GatewaySettings
}

// Gateways implements httpapi.Gateways.
func (a *App) Gateways() ([]httpapi.GatewaySettings, error) {
	cfg := a.reload.inForce.Load()
	if known := a.described.Load(); known != nil && known.config == cfg {
		return known.gateways, nil
	}
	infos, err := Gateways(cfg, false)
	settings := make([]httpapi.GatewaySettings, len(infos))
	for i := range infos {
		g := &infos[i]
		settings[i] = httpapi.GatewaySettings{
			ID: g.ID, Preset: g.Preset, Provider: g.Title, Method: g.Method, URL: g.URL, From: g.From, Receipts: g.Receipts,
			ReceiptURL: g.ReceiptURL, Timeout: g.Timeout, MaxInFlight: g.MaxInFlight, RateLimit: g.RateLimit, OnUnknown: g.OnUnknown,
			Routes: g.Routes, Docs: g.Docs,
		}
	}
	if err == nil {
		a.described.Store(&described{cfg, settings})
	}
	return settings, err
}

// SetPaused implements httpapi.Gateways.
func (a *App) SetPaused(gateways []string) { a.engine.SetPaused(gateways) }

// queues tells of what waits what holds it up.
func (a *App) queues(of []store.Waiting) []httpapi.Waiting {
	queues := a.engine.QueueStates(of)
	waiting := make([]httpapi.Waiting, len(queues))
	for i, q := range queues {
		waiting[i] = httpapi.Waiting{
			Gateway: q.Gateway, Lane: q.Lane, Count: q.Count, OldestDueAt: q.OldestDueAt, Hold: string(q.Hold), Class: q.Class,
		}
	}
	return waiting
}

// startActions carries out what is done to many messages, until the courier stops.
func (a *App) startActions(ctx context.Context) error {
	a.actions = action.New(action.Options{
		Store: a.store, Node: a.nodeName, GatewayFunc: a.intake.Gateway, WakeFunc: a.engine.Wake, NowFunc: a.store.Now, Logger: a.logger,
	})
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.actions.Run(ctx)
	}()
	a.cleanups.add("actions", actionsShare, func(context.Context) error {
		stop()
		<-done
		return nil
	})
	return nil
}

// auditReload enters a configuration that was put in force in the audit log, with the
// names of what changed.
func (a *App) auditReload(ctx context.Context, before, after *config.Config) {
	changed := changedSections(before, after)
	if len(changed) == 0 {
		return
	}
	err := a.store.Audit(ctx, store.Entry{
		At: a.store.Now(), Who: "node " + a.nodeName, Action: store.AuditConfiguration, Detail: "changed: " + strings.Join(changed, ", "),
	})
	if err != nil {
		a.logger.WarnContext(ctx, "could not enter the changed configuration in the audit log", slog.String("error", err.Error()))
	}
}

// changedSections names what differs between two configurations, in order.
func changedSections(before, after *config.Config) []string {
	changed := differing(reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem())
	slices.Sort(changed)
	return slices.Compact(changed)
}

// differing names the sections that differ, those within embedded structs by their own names.
func differing(was, is reflect.Value) (names []string) {
	for i := range was.NumField() {
		field := was.Type().Field(i)
		switch {
		case !field.IsExported() || field.Name == "Warnings" || field.Name == "IgnoredSections":
		case field.Anonymous:
			names = append(names, differing(was.Field(i), is.Field(i))...)
		case !reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface()):
			names = append(names, cmp.Or(field.Tag.Get("key"), strings.ToLower(field.Name)))
		}
	}
	return names
}
