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
	bare []row
	// started counts couriers, number the messages.
	started, number int
}

func newBench(s settings) *bench {
	return &bench{settings: s, engines: map[string]engine{sqliteName: &sqliteEngine{dir: s.dir}}}
}

// run takes the measurements in turn, with the bare client before, between and
// after them, prints the table and writes the document.
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
	if b.gateway, err = startProvider(ctx); err != nil {
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
// others standing, and is told of at the end.
func (b *bench) measureAll(ctx context.Context, asked []measurement) ([]row, error) {
	var rows []row
	var errs []error
	if err := b.measureBare(ctx); err != nil {
		return nil, err
	}
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
	return append([]row{b.bareRow()}, rows...), errors.Join(errs...)
}

// take runs one measurement, and the bare client after it if it compares with it.
func (b *bench) take(ctx context.Context, m measurement) ([]row, error) {
	rows, err := m.run(ctx, b)
	if err != nil {
		return nil, err
	}
	if len(rows) != len(m.goals) {
		return nil, fmt.Errorf("got %d rows, want %d", len(rows), len(m.goals))
	}
	if m.compares {
		if err := b.measureBare(ctx); err != nil {
			return nil, err
		}
	}
	for at := range rows {
		rows[at].goal = m.goals[at]
		if m.compares && rows[at].rate > 0 {
			beside := b.bare[len(b.bare)-2:]
			rows[at].share = rows[at].rate / ((beside[0].rate + beside[1].rate) / 2)
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

// measureBare runs the bare client once.
func (b *bench) measureBare(ctx context.Context) error {
	count := b.size.bare
	first := b.numbers(count)
	gateway := treeCPU(b.gateway.cmd.Process.Pid)
	if err := b.gateway.open(ctx, count, 0); err != nil {
		return err
	}
	cmd, err := helper(ctx, roleClient, b.gateway.url(), strconv.Itoa(b.size.inFlight), strconv.Itoa(first), strconv.Itoa(count))
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
	b.bare = append(b.bare, row{
		rate: rate(count, result.Took), first: told.First,
		cost: usage{courier: used / messages, gateway: (treeCPU(b.gateway.cmd.Process.Pid) - gateway) / messages},
	})
	b.progress("bare client: %.0f/s", rate(count, result.Took))
	return nil
}

// bareRow is the mean of all runs of the bare client.
func (b *bench) bareRow() row {
	mean := row{goal: goal{name: bareName}, first: b.bare[0].first}
	lowest, highest := b.bare[0].rate, b.bare[0].rate
	runs := len(b.bare)
	for _, one := range b.bare {
		mean.rate += one.rate / float64(runs)
		mean.cost.add(one.cost, runs)
		lowest, highest = min(lowest, one.rate), max(highest, one.rate)
	}
	mean.note = fmt.Sprintf("%d runs, %s to %s", len(b.bare), grouped(lowest), grouped(highest))
	return mean
}
