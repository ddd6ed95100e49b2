package store

import "time"

// Beat is a node's sign of life.
type Beat struct {
	// Node is the name under which it holds leases.
	Node string
	// Host and Version tell an operator which machine and program it is.
	Host, Version string
	StartedAt     time.Time
	// InFlight is how many messages it holds now.
	InFlight int
	// Gateways are the ones it sends through; the first takes messages that name none.
	Gateways []string
	// Lapse is how long this beat holds.
	Lapse time.Duration
	// Unable gives the housekeeping to another node that can do it, where there may
	// be one.
	Unable bool
}

// Standing is how a node stands among those that are alive.
type Standing struct {
	// Keeper is true for the one node that does the housekeeping.
	Keeper bool
	// Nodes counts the nodes alive.
	Nodes int
	// Gateways are those of all nodes alive, by name.
	Gateways []string
}

// Node is one node as an operator sees it.
type Node struct {
	Name, Host, Version string
	StartedAt, SeenAt   time.Time
	// Alive is false once its last beat has lapsed.
	Alive    bool
	Keeper   bool
	InFlight int
	Gateways []string
}
