package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// capacityDocument has a part that is computed from the table of the document.
const (
	capacityDocument = "docs/capacity.md"
	capacityBegin    = "<!-- computed by make bench: begin -->\n"
	capacityEnd      = "<!-- computed by make bench: end -->\n"
)

// cost is what one message takes, as measured.
type cost struct {
	way, row string
	// courier and database are seconds of processor time.
	courier, database float64
}

// space is what one message takes in bytes: in the write-ahead log, and in the
// table and its indexes.
type space struct{ log, stored float64 }

// written is what reaches the disk for a message: the log, and its pages again
// when they are cleaned of old versions and when they are checkpointed.
func (s space) written() float64 { return s.log + pageWrites*s.stored }

// The rows that tell them.
func spaceRows() (log, stored string) {
	k := kind{name: postgresName}
	return workRow(k), storedRow(k)
}

// The assumptions of the computed part, which docs/capacity.md explains.
const (
	// usable is the part of a core that may be busy, so that bursts find room.
	usable = 0.6
	// nodeCores are those of one machine with a courier.
	nodeCores = 4
	// spareNodes may fail or be replaced.
	spareNodes = 1
	// pageWrites is how often the pages of a message are written, in addition to the log.
	pageWrites = 2
	// keptDays is how long rows are kept.
	keptDays      = 1
	secondsPerDay = 86_400
)

func targetRates() []float64 { return []float64{1_000, 10_000, 100_000} }

// writeCapacity puts what the document says into the computed part of docs/capacity.md.
func writeCapacity(benchmarks, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the document of capacity: %w", err)
	}
	computed, err := capacityText(benchmarks)
	if err != nil {
		return err
	}
	before, rest, begun := strings.Cut(string(text), capacityBegin)
	_, after, ended := strings.Cut(rest, capacityEnd)
	if !begun || !ended {
		return fmt.Errorf("%s has no computed part", path)
	}
	whole := before + capacityBegin + computed + capacityEnd + after
	if err := os.WriteFile(path, []byte(whole), 0o644); err != nil { //nolint:gosec // a document
		return fmt.Errorf("write the document of capacity: %w", err)
	}
	return nil
}

// capacityText computes what a message costs and what a rate needs.
func capacityText(benchmarks string) (string, error) {
	var out strings.Builder
	single, batch, err := readCosts(benchmarks)
	if err != nil {
		return "", err
	}
	out.WriteString("\n| row of benchmarks.md | courier µs | database µs | bytes |\n|---|--:|--:|--:|\n")
	for _, c := range []cost{single, batch} {
		fmt.Fprintf(&out, "| %s | %.1f | %.1f | |\n", c.row, c.courier*1e6, c.database*1e6)
	}
	taken, err := readSpace(benchmarks)
	if err != nil {
		return "", err
	}
	logRow, storedRow := spaceRows()
	fmt.Fprintf(&out, "| %s | | | %s |\n| %s | | | %s |\n", logRow, grouped(taken.log), storedRow, grouped(taken.stored))
	out.WriteString("\n| messages/s | sent as | courier cores | nodes | PostgreSQL cores | disk MB/s | GB a day |\n|--:|---|--:|--:|--:|--:|--:|\n")
	for _, rate := range targetRates() {
		for _, c := range []cost{single, batch} {
			out.WriteString(needs(rate, c, taken))
		}
	}
	out.WriteString("\n| one PostgreSQL ends at | single requests, messages/s | batches, messages/s |\n|---|--:|--:|\n")
	for _, line := range limits(taken) {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", line.name, grouped(line.rateFunc(single)), grouped(line.rateFunc(batch)))
	}
	most := targetRates()[len(targetRates())-1]
	fmt.Fprintf(&out, "\nSo %s messages/s take %d PostgreSQL of that kind when each is sent alone, and\n%d when they come in batches.\n\n",
		grouped(most), servers(most, single, taken), servers(most, batch, taken))
	return out.String(), nil
}

// servers is how many of the limited PostgreSQL a rate takes.
func servers(rate float64, c cost, taken space) int {
	most := 0
	for _, line := range limits(taken) {
		most = max(most, ceil(rate/line.rateFunc(c)))
	}
	return most
}

// The PostgreSQL whose end is computed.
const (
	serverCores    = 16
	diskPerSecond  = 200e6
	roomForStorage = 2e12
)

// limit is what stops one PostgreSQL, and at what rate.
type limit struct {
	name     string
	rateFunc func(c cost) float64
}

func limits(taken space) []limit {
	return []limit{
		{fmt.Sprintf("%d cores, %.0f %% busy", serverCores, usable*100), func(c cost) float64 { return serverCores * usable / c.database }},
		{fmt.Sprintf("%.0f MB/s written", diskPerSecond/1e6), func(cost) float64 { return diskPerSecond / taken.written() }},
		{fmt.Sprintf("%.0f TB of rows, kept for %d day", roomForStorage/1e12, keptDays), func(cost) float64 {
			return roomForStorage / (taken.stored * keptDays * secondsPerDay)
		}},
	}
}

// needs is the line of what a rate needs.
func needs(rate float64, c cost, taken space) string {
	couriers, database := rate*c.courier/usable, rate*c.database/usable
	nodes := ceil(couriers/nodeCores) + spareNodes
	return fmt.Sprintf("| %s | %s | %.1f | %d | %.1f | %s | %s |\n", grouped(rate), c.way, couriers, nodes, database,
		grouped(rate*taken.written()/1e6), grouped(rate*taken.stored*keptDays*secondsPerDay/1e9))
}

func ceil(value float64) int {
	whole := int(value)
	if float64(whole) < value {
		whole++
	}
	return whole
}

// readSpace reads what a message takes. The log is that of the long load: in a
// short one it is longer, since PostgreSQL logs a page whole that changes for the
// first time after a checkpoint.
func readSpace(benchmarks string) (taken space, err error) {
	logRow, storedRow := spaceRows()
	if taken.log, err = figure(benchmarks, logRow, "result"); err != nil {
		return taken, err
	}
	taken.stored, err = figure(benchmarks, storedRow, "result")
	return taken, err
}

// readCosts reads what a message costs that is sent alone and in a batch.
func readCosts(benchmarks string) (single, batch cost, err error) {
	single = cost{way: "single requests", row: singleRow(kind{name: postgresName})}
	batch = cost{way: fmt.Sprintf("batches of %d", batchSize), row: enduranceRow(kind{name: postgresName})}
	for _, c := range []*cost{&single, &batch} {
		for column, into := range map[string]*float64{"courier µs": &c.courier, "database µs": &c.database} {
			if *into, err = figure(benchmarks, c.row, column); err != nil {
				return single, batch, err
			}
			*into /= 1e6
		}
	}
	return single, batch, nil
}

// figure reads the number that a cell of the document begins with.
func figure(benchmarks, row, column string) (float64, error) {
	at := -1
	for place, name := range header() {
		if name == column {
			at = place
		}
	}
	for line := range strings.Lines(benchmarks) {
		cells := strings.Split(line, " | ")
		if at < 0 || len(cells) <= at || strings.TrimPrefix(cells[0], "| ") != row {
			continue
		}
		number, _, _ := strings.Cut(strings.TrimSpace(cells[at]), " ")
		value, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
		if err != nil {
			return 0, fmt.Errorf("read %s of %q in %s: %w", column, row, document, err)
		}
		return value, nil
	}
	return 0, fmt.Errorf("%s has no row %q with a column %q", document, row, column)
}
