package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"
)

// bench is one run of the program.
type bench struct {
	settings
	gateway *provider
	engines map[string]engine
	// bare are the runs of the bare client so far.
	bare map[condition][]row
	// started counts couriers, number the messages.
	started, number int
}

func newBench(s settings) *bench {
	return &bench{settings: s, bare: make(map[condition][]row), engines: map[string]engine{sqliteName: &sqliteEngine{dir: s.dir}}}
}

// run takes the measurements in turn, with the bare client before and after each
// that compares with it, prints the table and writes the document.
func run(ctx context.Context, s settings, out io.Writer) (err error) {
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "courier-bench-"); err != nil {
			return fmt.Errorf("make a folder for the databases: %w", err)
		}
		defer func() { _ = os.RemoveAll(s.dir) }()
	}
	b, asked := newBench(s), measurements(s.size)
	asked = slices.DeleteFunc(asked, func(m measurement) bool { return !m.asked(s.only) })
	machine, err := readMachine(ctx, s)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(asked, func(m measurement) bool { return m.engine == postgresName }) {
		server, started := startPostgres(ctx)
		if started != nil {
			return started
		}
		defer func() { err = errors.Join(err, server.server.Stop()) }()
		b.engines[postgresName] = server
		machine.add("PostgreSQL", server.version)
	}
	if b.gateway, err = startProvider(ctx, s.dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.gateway.stop()) }()
	rows, failed := b.measureAll(ctx, asked)
	if _, err := fmt.Fprint(out, machine.text()+"\n"+tableText(rows)); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	if failed != nil {
		return failed
	}
	return s.write(documentText(machine, rows))
}

// write writes the document, if it is asked for, and what follows from it.
func (s settings) write(text string) error {
	if s.out == "" {
		return nil
	}
	if err := os.WriteFile(s.out, []byte(text), 0o644); err != nil { //nolint:gosec // a document
		return fmt.Errorf("write the table: %w", err)
	}
	if s.capacity == "" {
		return nil
	}
	return writeCapacity(text, s.capacity)
}

// measureAll returns the rows of the measurements. One that fails leaves the
// others standing, and is reported at the end.
func (b *bench) measureAll(ctx context.Context, asked []measurement) ([]row, error) {
	var rows []row
	var errs []error
	for _, m := range asked {
		taken, err := b.take(ctx, m)
		if err != nil {
			err = fmt.Errorf("measure %s: %w", m.goals[0].name, err)
			b.progress("%v", err)
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
		rows = append(rows, taken...)
	}
	return append(b.bareRows(asked), rows...), errors.Join(errs...)
}

// take runs one measurement, with the bare client before and after it if it compares with it.
func (b *bench) take(ctx context.Context, m measurement) ([]row, error) {
	if m.compares {
		if err := b.measureBare(ctx, m.under); err != nil {
			return nil, err
		}
	}
	rows, err := m.run(ctx, b)
	if err != nil {
		return nil, err
	}
	if len(rows) != len(m.goals) {
		return nil, fmt.Errorf("got %d rows, want %d", len(rows), len(m.goals))
	}
	if m.compares {
		if err := b.measureBare(ctx, m.under); err != nil {
			return nil, err
		}
	}
	for at := range rows {
		rows[at].goal = m.goals[at]
		if m.compares && rows[at].rate > 0 {
			runs := b.bare[m.under]
			before, after := runs[len(runs)-2], runs[len(runs)-1]
			rows[at].share = rows[at].rate / ((before.rate + after.rate) / 2)
			rows[at].effort = float64(2*rows[at].cost.courier) / float64(before.cost.courier+after.cost.courier)
		}
		b.progress("%s: %s", rows[at].goal.name, rows[at].text())
	}
	return rows, nil
}

func (b *bench) progress(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
}

// numbers reserves the numbers of new messages and returns the first.
func (b *bench) numbers(count int) int {
	first := b.number
	b.number += count
	return first
}

// measureBare runs the bare client once under a condition.
func (b *bench) measureBare(ctx context.Context, under condition) error {
	count := b.size.bare
	first := b.numbers(count)
	gateway := treeCPU(b.gateway.cmd.Process.Pid)
	if err := b.gateway.open(ctx, count, 0); err != nil {
		return err
	}
	cmd, err := helper(ctx, roleClient, b.gateway.url(under.wire),
		strconv.Itoa(under.inFlight), strconv.Itoa(first), strconv.Itoa(count), b.gateway.certificate)
	if err != nil {
		return err
	}
	output, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("run the bare client: %w", err)
	}
	var result clientResult
	if err := json.Unmarshal(output, &result); err != nil {
		return fmt.Errorf("read the result of the bare client: %w", err)
	}
	told, err := b.gateway.tally(ctx)
	if err != nil {
		return err
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	messages := time.Duration(count)
	b.bare[under] = append(b.bare[under], row{
		rate: rate(count, result.Took), first: told.First,
		cost: usage{courier: used / messages, gateway: (treeCPU(b.gateway.cmd.Process.Pid) - gateway) / messages},
	})
	b.progress("%s: %.0f/s", under.bareName(), rate(count, result.Took))
	return nil
}

// bareRows are the means of the runs of the bare client under each condition.
func (b *bench) bareRows(asked []measurement) []row {
	var rows []row
	for _, under := range conditions(asked) {
		runs := b.bare[under]
		if len(runs) == 0 {
			continue // the one measurement that asked failed before
		}
		mean := row{goal: goal{name: under.bareName()}, first: runs[0].first}
		lowest, highest := runs[0].rate, runs[0].rate
		for _, one := range runs {
			mean.rate += one.rate / float64(len(runs))
			mean.cost.add(one.cost, len(runs))
			lowest, highest = min(lowest, one.rate), max(highest, one.rate)
		}
		mean.note = fmt.Sprintf("%d runs, %s to %s", len(runs), grouped(lowest), grouped(highest))
		rows = append(rows, mean)
	}
	return rows
}

// conditions are those under which measurements compare, each once.
func conditions(of []measurement) []condition {
	var all []condition
	for _, m := range of {
		if m.compares && !slices.Contains(all, m.under) {
			all = append(all, m.under)
		}
	}
	return all
}
