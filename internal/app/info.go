package app

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"courier/internal/config"
	"courier/internal/dispatch"
	"courier/internal/mask"
)

// GatewayInfo is what an operator wants to know of a configured gateway. It holds no secret,
// unless that of ReceiptURL is asked for.
type GatewayInfo struct {
	ID     string `json:"id"`
	Preset string `json:"preset,omitempty"`
	// Title is the provider's name.
	Title  string `json:"provider,omitempty"`
	Method string `json:"method"`
	URL    string `json:"url"`
	From   string `json:"from,omitempty"`
	// Receipts says in a few words whether receipts come, and how.
	Receipts    string   `json:"receipts"`
	ReceiptURL  string   `json:"receipt_url,omitempty"`
	Timeout     string   `json:"timeout"`
	MaxInFlight int      `json:"max_in_flight"`
	RateLimit   string   `json:"rate_limit,omitempty"`
	OnUnknown   string   `json:"on_unknown"`
	Routes      []string `json:"routes,omitempty"`
	// Notes say what to set at the provider, in Markdown.
	Notes string   `json:"notes,omitempty"`
	Docs  []string `json:"docs,omitempty"`
}

// Gateways describes the gateways of a configuration. An error is a *config.InvalidError.
func Gateways(cfg *config.Config, reveal bool) ([]GatewayInfo, error) {
	b := &gatewayBuilder{config: cfg, logger: slog.New(slog.DiscardHandler)}
	infos := make([]GatewayInfo, 0, len(cfg.Gateways))
	var problems []config.Problem
	for i := range cfg.Gateways {
		from := &cfg.Gateways[i]
		d, faults := b.design(from)
		if problems = append(problems, faults...); len(faults) > 0 {
			continue
		}
		info := GatewayInfo{
			ID: from.Name, Preset: from.Preset, Method: d.options.Method, URL: mask.URL(d.options.URL), From: from.From,
			Receipts: d.receipts(), ReceiptURL: d.options.ReceiptURL, Timeout: d.lane.Timeout.String(), MaxInFlight: d.lane.MaxInFlight,
			OnUnknown: string(cmp.Or(d.lane.OnUnknown, dispatch.UnknownPolicy(cfg.Dispatch.OnUnknown))),
		}
		if secret := from.ReceiptSecret.Reveal(); !reveal && secret != "" {
			info.ReceiptURL = strings.TrimSuffix(info.ReceiptURL, url.PathEscape(secret)) + "***"
		}
		switch {
		case d.rate.Per > 0:
			info.RateLimit = fmt.Sprintf("%d in %s", d.rate.Count, d.rate.Per)
		case d.lane.MaxRate > 0:
			info.RateLimit = fmt.Sprintf("%g in 1s", d.lane.MaxRate)
		}
		for _, route := range cfg.Routes {
			if slices.ContainsFunc(route.Gateways, func(g config.RouteGateway) bool { return g.ID == from.Name }) {
				info.Routes = append(info.Routes, route.Name)
			}
		}
		if from.Preset != "" {
			if p, err := b.presets.Get(from.Preset); err == nil {
				info.Title, info.Notes, info.Docs = p.Title, p.Notes, p.Docs
			}
		}
		infos = append(infos, info)
	}
	if len(problems) > 0 {
		return nil, &config.InvalidError{Problems: problems, Warnings: cfg.Warnings}
	}
	return infos, nil
}

// receipts says in a few words whether receipts come, and how.
func (d *design) receipts() string {
	switch {
	case d.receiver == nil:
		return "none"
	case d.options.ReceiptURL == "":
		return "none without public.url"
	case d.registered:
		return "register the address with the provider"
	}
	return "yes"
}
