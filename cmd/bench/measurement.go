package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
)

const bareName = "bare client"

// measurement yields rows of the table.
type measurement struct {
	// engine is the name of the one that it needs.
	engine string
	goals  []goal
	// compares says that rates are compared with the bare client.
	compares bool
	run      func(ctx context.Context, b *bench) ([]row, error)
}

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
	// share is the rate as a part of the limit.
	share float64
	note  string
	cost  usage
	rss   float64
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
		of := append(throughput(k), slowGateway(k, s)...)
		of = append(of, idle(k), depth(k, s))
		if k.name == postgresName {
			of = append(append(of, nodes(k)...), endurance(k))
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
	// The least parts of the bare client's rate.
	place, std, batch, single string
}

func kinds() []kind {
	return []kind{
		{name: sqliteName, place: "≥ 0.60", std: "≥ 0.30", batch: "≥ 0.40", single: "≥ 0.25"},
		{name: postgresName, place: "≥ 0.35"},
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
