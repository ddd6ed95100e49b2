package httpapi

import (
	"net/http"

	"courier/internal/store"
)

// nodeView is one running courier of those that share the database.
type nodeView struct {
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

// nodesAnswer are the nodes.
type nodesAnswer struct {
	Nodes []nodeView `json:"nodes" nullable:"false" doc:"By name."`
}

func (a *API) listNodes(w http.ResponseWriter, r *http.Request, _ caller) error {
	nodes, err := a.options.Store.Nodes(r.Context())
	if err != nil {
		return err
	}
	answer := nodesAnswer{Nodes: make([]nodeView, len(nodes))}
	for i := range nodes {
		answer.Nodes[i] = newNodeView(&nodes[i])
	}
	return a.writeJSON(w, http.StatusOK, answer)
}

func newNodeView(n *store.Node) nodeView {
	return nodeView{
		Name: n.Name, Host: n.Host, Version: n.Version, StartedAt: moment(n.StartedAt), SeenAt: moment(n.SeenAt),
		Alive: n.Alive, Keeper: n.Keeper, InFlight: n.InFlight, Gateways: append([]string{}, n.Gateways...),
	}
}
