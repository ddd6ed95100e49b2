package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"courier"
	"courier/internal/config"
	"courier/internal/dispatch"
)

// dryWarning is with every message and every attempt while dispatch.mode is dry.
const dryWarning = "dispatch.mode is dry: the message is not sent"

func isDry(cfg *config.Config) bool { return cfg.Dispatch.Mode == "dry" }

func dryNotice(cfg *config.Config) string {
	if isDry(cfg) {
		return dryWarning
	}
	return ""
}

// dryGateway makes the requests of a gateway and sends none of them.
type dryGateway struct{ through sender }

// Name implements dispatch.Gateway.
func (d dryGateway) Name() string { return d.through.Name() }

// Render implements dispatch.Gateway.
func (d dryGateway) Render(ctx context.Context, m *courier.Message) (dispatch.Request, error) {
	_, err := d.through.render(ctx, m)
	return dryRequest{}, err
}

type dryRequest struct{}

// Send implements dispatch.Request.
func (dryRequest) Send(context.Context) courier.Attempt {
	return courier.Attempt{Outcome: courier.OutcomeAccepted, Warning: dryWarning}
}

// versionAndMode tells the other nodes what runs here.
func (a *App) versionAndMode() string {
	if a.dry.Load() {
		return a.options.Version + " (dry: sends nothing)"
	}
	return a.options.Version
}

// newDryGauge tells an alert that nothing is sent.
func (a *App) newDryGauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "courier_dry", Help: "1 while dispatch.mode is dry and nothing is sent, else 0.",
	}, func() float64 {
		if a.dry.Load() {
			return 1
		}
		return 0
	})
}
