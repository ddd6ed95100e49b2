package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"courier"
)

// Check is one thing that must work for the courier to be ready.
type Check struct {
	// Name says what is checked, in one word: "store".
	Name string
	// CheckFunc returns nil when it works. The text of a *courier.Error is shown
	// to the caller, that of any other error is only logged.
	CheckFunc func(ctx context.Context) error
}

// health says that all is well.
type health struct {
	Status string `json:"status" enum:"ok"`
	Mode   string `json:"mode,omitempty" enum:"dry" doc:"dry while dispatch.mode is dry: messages are taken and none is sent. Absent otherwise."`
	Paused int    `json:"paused,omitzero" doc:"How many gateways an operator has take no messages. Absent for none."`
}

// ready answers 200 once messages are taken and dispatched. The log has the first
// of a series of failures: probes come every few seconds.
func (a *API) ready(c *call) (any, error) {
	ctx := c.r.Context()
	for _, check := range a.options.Checks {
		if err := check.CheckFunc(ctx); err != nil {
			if !a.unready.Swap(true) {
				a.options.Logger.WarnContext(ctx, "not ready", slog.String("check", check.Name), slog.Any("error", err))
			}
			fault := notReady(check.Name, err)
			setHeaders(c.w.Header(), fault)
			writeError(c.w, fault)
			return nil, nil
		}
	}
	if a.unready.Swap(false) {
		a.options.Logger.InfoContext(ctx, "ready again")
	}
	answer := health{Status: "ok"}
	if a.options.DryFunc != nil && a.options.DryFunc() {
		answer.Mode = "dry"
	}
	pauses, _ := a.options.Store.Pauses(ctx) // the checks say how the store is
	for _, p := range pauses {
		if has, err := a.hasGateway(p.Gateway); has && err == nil {
			answer.Paused++
		}
	}
	return answer, nil
}

func notReady(name string, err error) *courier.Error {
	fault := FaultOf(err)
	text := fault.Message
	if _, meant := errors.AsType[*courier.Error](err); !meant && fault.Code == courier.CodeInternal {
		text = "it does not work; the log says more"
	}
	code := fault.Code
	if code.HTTPStatus() != http.StatusServiceUnavailable {
		code = courier.CodeStoreUnavailable
	}
	return &courier.Error{Code: code, Message: "the courier is not ready: " + name + ": " + text, Err: err}
}

// Version says what program this is.
type Version struct {
	Version string `json:"version" example:"1.2.3" doc:"The release, or dev."`
	Commit  string `json:"commit,omitempty" doc:"The commit it was built from."`
	// GoVersion is the toolchain's.
	GoVersion string `json:"go_version,omitempty" example:"go1.26.0" doc:"The Go release it was built with."`
}

// node is one running courier of those that share the database.
type node struct {
	Name      string   `json:"name" example:"host-1-4711-1f0c2d3e" doc:"The name under which it holds messages, new for each start."`
	Host      string   `json:"host" example:"host-1" doc:"The machine that it runs on."`
	Version   string   `json:"version" example:"1.2.3" doc:"The release that runs."`
	StartedAt moment   `json:"started_at" doc:"When it started."`
	SeenAt    moment   `json:"seen_at" doc:"When it last told the others that it is alive."`
	Alive     bool     `json:"alive" doc:"False once it was not heard of for too long; its messages are then taken over."`
	Keeper    bool     `json:"keeper" doc:"Whether it does the housekeeping, which one node does for all."`
	InFlight  int      `json:"in_flight" doc:"How many messages it held when it was last seen."`
	Gateways  []string `json:"gateways" nullable:"false" doc:"The gateways it sends through; the first takes messages that name none."`
}

type nodeList struct {
	Nodes []node `json:"nodes" nullable:"false" doc:"By name."`
}

func (a *API) listNodes(c *call) (any, error) {
	nodes, err := a.options.Store.Nodes(c.r.Context())
	if err != nil {
		return nil, err
	}
	list := nodeList{Nodes: make([]node, len(nodes))}
	for i, n := range nodes {
		list.Nodes[i] = node{
			Name: n.Name, Host: n.Host, Version: n.Version, StartedAt: moment(n.StartedAt), SeenAt: moment(n.SeenAt),
			Alive: n.Alive, Keeper: n.Keeper, InFlight: n.InFlight, Gateways: n.Gateways,
		}
	}
	return list, nil
}

func (a *API) metricsHandler() handler {
	metrics := promhttp.HandlerFor(a.options.Gatherer, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4, Timeout: a.options.Timeout, EnableOpenMetrics: true,
	})
	return func(c *call) (any, error) {
		metrics.ServeHTTP(c.w, c.r)
		return nil, nil
	}
}

// document serves the OpenAPI document in one of its spellings.
func (a *API) document(contentType string, spelling func(*specification) []byte) handler {
	return func(c *call) (any, error) {
		spec, err := a.specFunc()
		if err != nil {
			return nil, fmt.Errorf("build openapi document: %w", err)
		}
		writeContent(c.w, http.StatusOK, contentType, spelling(&spec))
		return nil, nil
	}
}
