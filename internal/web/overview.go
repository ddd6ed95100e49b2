package web

import (
	"fmt"

	"courier/client"
)

// overview is what the first page shows.
type overview struct {
	Nodes []client.Node
}

func showOverview(v *visit) error {
	nodes, err := v.api.Nodes(v.R.Context())
	if err != nil {
		return fmt.Errorf("show overview: %w", err)
	}
	return v.show("overview", frame{Title: "Overview", Section: "Overview", Live: true, Data: overview{Nodes: nodes}})
}
