package client

import "time"

// Node is one running courier of those that share a database. Times are UTC.
type Node struct {
	// Name is new for each start.
	Name      string    `json:"name"`
	Host      string    `json:"host"`
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
	// SeenAt is when it last told the others that it is alive.
	SeenAt time.Time `json:"seen_at"`
	// Alive is false once it was not heard of for too long.
	Alive bool `json:"alive"`
	// Keeper is true for the one that does the housekeeping.
	Keeper bool `json:"keeper"`
	// InFlight is how many messages it held when it was last seen.
	InFlight int      `json:"in_flight"`
	Gateways []string `json:"gateways"`
}
