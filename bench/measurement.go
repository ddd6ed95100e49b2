package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// measurement yields rows of the table.
type measurement struct {
	// engine is the name of the one that it needs.
	engine string
	goals  []goal
	// compares says that rates are compared with the bare client, which then does
	// the same: over the same wire, with as many requests in flight.
	compares bool
	under    condition
	run      func(ctx context.Context, b *bench) ([]row, error)
}

// condition is what courier and bare client do alike.
type condition struct {
	wire wire
	// inFlight are attempts of a courier and callers of the bare client.
	inFlight int
}

func (c condition) String() string { return fmt.Sprintf("%s, %d in flight", c.wire, c.inFlight) }

// bareName is the name of the bare client's row.
func (c condition) bareName() string { return "bare client, " + c.String() }

// goal is the name of a row and what it should come to, if that is said.
type goal struct{ name, target string }

// row is one result.
type row struct {
	goal goal
	// result is the text of a row that is no rate.
	result string
	rate   float64
	// took is the time over which the rate was taken.
	took time.Duration
	// share is the rate as a part of the limit, and effort the courier's processor
	// time for a message as a multiple of the bare client's.
	share, effort float64
	note          string
	cost          usage
	rss           float64
	// first is the first request at the gateway.
	first string
}

// asked reports whether one of the rows is wanted.
func (m measurement) asked(only *regexp.Regexp) bool {
	for _, goal := range m.goals {
		if only.MatchString(goal.name) {
			return true
		}
	}
	return false
}

// The engines by name.
const (
	sqliteName   = "SQLite"
	postgresName = "PostgreSQL"
)

// measurements are all that a run takes, in order.
func measurements(s size) []measurement {
	var all []measurement
	for _, k := range kinds() {
		of := append(throughput(k, s), slowGateway(k, s)...)
		of = append(of, idle(k), depth(k, s))
		if k.name == postgresName {
			of = append(append(of, nodes(k, s)...), endurance(k, s))
		}
		for _, m := range of {
			m.engine = k.name
			all = append(all, m)
		}
	}
	return all
}

// kind is an engine in the table and what is asked of it.
type kind struct {
	name string
	// The least parts of the bare client's rate: of a drain with the default limit
	// in flight and with many, of the API in batches and in single requests.
	drain, drainMany, batch, single string
}

func kinds() []kind {
	return []kind{
		{name: sqliteName, drain: "≥ 0.50", drainMany: "≥ 0.60", batch: "≥ 0.40", single: "≥ 0.27"},
		{name: postgresName, drain: "≥ 0.40", drainMany: "≥ 0.50"},
	}
}

func (k kind) row(format string, values ...any) string {
	return k.name + ": " + fmt.Sprintf(format, values...)
}

func (b *bench) engine(k kind) engine { return b.engines[k.name] }

// grouped writes a number with a comma between thousands.
func grouped(value float64) string {
	digits := fmt.Sprintf("%.0f", value)
	var out strings.Builder
	for at, digit := range digits {
		if left := len(digits) - at; at > 0 && left%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(digit)
	}
	return out.String()
}
