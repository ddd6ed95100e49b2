package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"courier/internal/cli"
	"courier/internal/jsonnet"
)

// TestMain runs a helper or the courier instead of the tests in the processes
// that the program makes of this binary.
func TestMain(m *testing.M) {
	jsonnet.ServeIfChild()
	if done, err := serveIfHelper(); done {
		finish(err)
	}
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		os.Exit(serveCourier())
	}
	m.Run()
}

func serveCourier() int {
	ctx, stop := notify(context.Background())
	defer stop()
	return cli.Run(ctx, cli.Process{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()})
}

// TestRun takes every measurement in a small size, so that none can rot unseen.
func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatalf("find the test binary: %v", err)
	}
	written := filepath.Join(dir, "benchmarks.md")
	s, err := parseFlags([]string{"-quick", "-courier", self, "-dir", dir, "-cpuprofile", dir, "-out", written})
	if err != nil {
		t.Fatalf("parseFlags: %v", err)
	}
	s.capacity = filepath.Join(dir, "capacity.md")
	if err := os.WriteFile(s.capacity, []byte("# Capacity\n"+capacityBegin+"old\n"+capacityEnd+"tail\n"), 0o600); err != nil {
		t.Fatalf("write document: %v", err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), s, &out); err != nil {
		t.Fatalf("run: %v", err)
	}
	text, err := os.ReadFile(written)
	if err != nil {
		t.Fatalf("read what was written: %v", err)
	}
	for _, name := range rowNames(s.size) {
		if !strings.Contains(out.String(), name) {
			t.Errorf("the table has no row %q", name)
		}
		if result := documentResult(string(text), name); result == "" {
			t.Errorf("the document has no row %q", name)
		}
	}
	computed, err := os.ReadFile(s.capacity)
	if want := readCapacity(t, string(text)); err != nil || !strings.Contains(string(computed), want) {
		t.Errorf("the document of capacity is\n%s\n(%v) and not what follows from the table:\n%s", computed, err, want)
	}
	profiles, err := filepath.Glob(filepath.Join(dir, "*.pprof"))
	if err != nil || len(profiles) == 0 {
		t.Errorf("found the profiles %v, %v", profiles, err)
	}
}

// TestDocument wants that the committed document has a result in each row that
// a whole run takes.
func TestDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		t.Fatalf("read document: %v", err)
	}
	names := rowNames(fullSize())
	for _, name := range names {
		if documentResult(string(text), name) == "" {
			t.Errorf("%s has no row %q; write it with: make bench", document, name)
		}
	}
	if got := strings.Count(string(text), "\n| "+"SQLite: "); got < 10 {
		t.Errorf("%s has %d rows of SQLite", document, got)
	}
}

// TestDocument_Capacity wants that the two committed documents belong together.
func TestDocument_Capacity(t *testing.T) {
	t.Parallel()
	benchmarks, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		t.Fatalf("read document: %v", err)
	}
	capacity, err := os.ReadFile(filepath.Join(root, capacityDocument))
	if err != nil {
		t.Fatalf("read document: %v", err)
	}
	part := capacityBegin + readCapacity(t, string(benchmarks)) + capacityEnd
	if !strings.Contains(string(capacity), part) {
		t.Errorf("%s does not follow from %s; write both with: make bench. It should hold\n%s", capacityDocument, document, part)
	}
}

func readCapacity(t *testing.T, benchmarks string) string {
	t.Helper()
	text, err := capacityText(benchmarks)
	if err != nil {
		t.Fatalf("capacityText: %v", err)
	}
	return text
}

// TestCapacityText works one line out by hand.
func TestCapacityText(t *testing.T) {
	t.Parallel()
	const table = `| measurement | result |
| PostgreSQL: API, single requests | 900/s | 0.1 |  | 2.00 | 300.0 | 240.0 | 1 | 1 | 80 |
| PostgreSQL: long load through the API, batches of 100, retention at work | 900/s (x) |  |  |  | 150.0 | 60.0 |  |  | 80 |
| PostgreSQL: work of the database in the long load | 1000 bytes of WAL |  |  |  |  |  |  |  |
| PostgreSQL: disk for a stored message | 500 bytes (of 5 MiB) |  |  |  |  |  |  |  |
`
	text := readCapacity(t, table)
	for _, want := range []string{
		// 10,000 × 300 µs / 0.6 = 5 cores, / 4 = 2 nodes and one to spare; 10,000 × 240 µs / 0.6 = 4 cores; 10,000 × (1000 + 2 × 500) bytes = 20 MB.
		"| 10,000 | single requests | 5.0 | 3 | 4.0 | 20 | 432 |",
		// 16 cores × 0.6 / 240 µs, and / 60 µs.
		"| 16 cores, 60 % busy | 40,000 | 160,000 |",
		"| 200 MB/s written | 100,000 | 100,000 |",
		// 2 TB / (500 bytes × 86,400 s) = 46,296/s, which is less than 160,000/s; 40,000/s is less still.
		"100,000 messages/s take 3 PostgreSQL of that kind when each is sent alone, and\n3 when",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the computed part has no line %q:\n%s", want, text)
		}
	}
	for _, bad := range []string{"", strings.ReplaceAll(table, "240.0", "")} {
		if _, err := capacityText(bad); err == nil {
			t.Errorf("capacityText finds figures in %q", bad)
		}
	}
}

// TestReadme wants that each line of the README with a figure of speed names the
// command that measures it, and that the document is linked.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatalf("read README: %v", err)
	}
	figure, found := regexp.MustCompile(`[0-9] (messages/s|ms)\b`), 0
	for line := range strings.Lines(string(text)) {
		if !figure.MatchString(line) {
			continue
		}
		found++
		if !strings.Contains(line, "`make bench`") {
			t.Errorf("this line of the README does not say how it was measured: %s", line)
		}
	}
	if found == 0 || !strings.Contains(string(text), "("+document+")") {
		t.Errorf("the README has %d figures, or does not link %s", found, document)
	}
}

// rowNames are the names of all rows of a run.
func rowNames(s size) []string {
	var names []string
	for _, under := range conditions(measurements(s)) {
		names = append(names, under.bareName())
	}
	for _, m := range measurements(s) {
		for _, goal := range m.goals {
			names = append(names, goal.name)
		}
	}
	return names
}

// documentResult returns the result of a row of the document.
func documentResult(text, name string) string {
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) > 3 && strings.TrimSpace(cells[1]) == name {
			return strings.TrimSpace(cells[2])
		}
	}
	return ""
}

// TestRun_SameRequest wants that the bare client sends what the courier sends,
// or else the comparison would say nothing.
func TestRun_SameRequest(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatalf("find the test binary: %v", err)
	}
	b := newBench(settings{courier: self, dir: t.TempDir(), size: quickSize()})
	if b.gateway, err = startProvider(t.Context(), b.dir); err != nil {
		t.Fatalf("start gateway: %v", err)
	}
	defer func() {
		if err := b.gateway.stop(); err != nil {
			t.Errorf("stop gateway: %v", err)
		}
	}()
	for _, w := range wires() {
		under := condition{w, b.size.inFlight}
		if err := b.measureBare(t.Context(), under); err != nil {
			t.Fatalf("measureBare: %v", err)
		}
		rows, err := drain(kinds()[0], "", under, placingTemplate).run(t.Context(), b)
		if err != nil {
			t.Fatalf("drain: %v", err)
		}
		bare, sent := masked(b.bare[under][0].first), masked(rows[0].first)
		if bare != sent {
			t.Errorf("over %s the bare client sends\n%s\nand the courier\n%s", w, bare, sent)
		}
	}
}

// masked replaces digits, which differ from message to message.
func masked(request string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '0'
		}
		return r
	}, request)
}

func TestMeasure_Only(t *testing.T) {
	t.Parallel()
	cases := []struct {
		only string
		want int
	}{{"", len(measurements(fullSize()))}, {"SQLite: API", 2}, {"^none$", 0}}
	for _, test := range cases {
		s, err := parseFlags([]string{"-only", test.only})
		if err != nil {
			t.Fatalf("parseFlags: %v", err)
		}
		got := 0
		for _, m := range measurements(s.size) {
			if m.asked(s.only) {
				got++
			}
		}
		if got != test.want {
			t.Errorf("-only %q takes %d measurements, want %d", test.only, got, test.want)
		}
	}
}

func TestParseFlags_Document(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-quick"}, {"-only", "x"}, {"-messages", "5"}} {
		if s, err := parseFlags(args); err != nil || s.out != "" {
			t.Errorf("parseFlags(%q) writes %q (%v), want nothing", args, s.out, err)
		}
	}
	if s, err := parseFlags([]string{"-courier", "x"}); err != nil || s.out != filepath.Join(root, document) {
		t.Errorf("a whole run writes %q (%v), want %q", s.out, err, document)
	}
}

// TestLedger_Repeat wants that a message counts once, however often it comes.
func TestLedger_Repeat(t *testing.T) {
	t.Parallel()
	var seen ledger
	body := gatewayBody(1234)
	if got := messageNumber(body); got != 1234 {
		t.Fatalf("messageNumber(%s) = %d, want 1234", body, got)
	}
	for at, want := range []bool{true, false, false} {
		if got := seen.mark(messageNumber(body)); got != want {
			t.Errorf("mark %d = %v, want %v", at, got, want)
		}
	}
	if distinct, repeated := seen.count(); distinct != 1 || repeated != 2 {
		t.Errorf("counts = %d, %d, want 1, 2", distinct, repeated)
	}
	if seen.mark(messageNumber([]byte(`{"body":"no number"}`))) {
		t.Error("a request without a number counts as a message")
	}
}
