package courier_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"courier"
)

// transitions is the state machine written out a second time: what each status
// may become.
func transitions() map[courier.Status][]courier.Status {
	return map[courier.Status][]courier.Status{
		"queued":      {"processing", "sent", "delivered", "expired", "canceled"},
		"processing":  {"queued", "sent", "rejected", "expired", "abandoned", "canceled", "unknown"},
		"sent":        {"delivered", "undelivered", "rejected", "expired", "canceled", "unknown"},
		"delivered":   nil,
		"undelivered": {"queued"},
		"rejected":    {"queued"},
		"expired":     {"queued"},
		"abandoned":   {"queued"},
		"canceled":    nil,
		"unknown":     {"queued", "sent", "delivered", "undelivered", "rejected", "expired", "canceled"},
	}
}

func TestStatus_CanBecome(t *testing.T) {
	t.Parallel()
	want := transitions()
	if len(want) != len(courier.Statuses()) {
		t.Fatalf("the matrix has %d rows for %d statuses", len(want), len(courier.Statuses()))
	}
	for _, from := range courier.Statuses() {
		for _, next := range courier.Statuses() {
			if got := from.CanBecome(next); got != slices.Contains(want[from], next) {
				t.Errorf("%s.CanBecome(%s) = %t", from, next, got)
			}
			if before := slices.Contains(next.Before(), from); before != from.CanBecome(next) {
				t.Errorf("%s.Before() names %s: %t, but CanBecome says %t", next, from, before, !before)
			}
		}
	}
}

func TestStatus_Final(t *testing.T) {
	t.Parallel()
	open := []courier.Status{"queued", "processing", "sent", "unknown"}
	for _, status := range courier.Statuses() {
		if got, want := status.Final(), !slices.Contains(open, status); got != want {
			t.Errorf("%s.Final() = %t", status, got)
		}
		for _, next := range courier.Statuses() {
			if status.Final() && status.CanBecome(next) && next != courier.StatusQueued {
				t.Errorf("final status %s may become %s", status, next)
			}
		}
	}
}

func TestStatus_Unknown(t *testing.T) {
	t.Parallel()
	for _, status := range []courier.Status{"", "Queued", "queued ", "done"} {
		if status.Valid() || status.Final() || status.CanBecome(courier.StatusQueued) || len(status.Before()) > 0 {
			t.Errorf("%q is treated as a status", status)
		}
	}
	for _, status := range courier.Statuses() {
		if !status.Valid() {
			t.Errorf("%s is not valid", status)
		}
	}
}

// The tables of docs/state-machine.md say what the code does.
func TestStatus_Document(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("docs/state-machine.md")
	if err != nil {
		t.Fatal(err)
	}
	statuses := texts(courier.Statuses())
	matrix := tableAfter(string(document), "## The transitions")
	if len(matrix) != len(statuses)+1 {
		t.Fatalf("the table of transitions has %d rows, want %d", len(matrix), len(statuses)+1)
	}
	if columns := matrix[0][1:]; !slices.Equal(columns, statuses) {
		t.Fatalf("the columns are %v, want %v", columns, statuses)
	}
	for row, cells := range matrix[1:] {
		from := courier.Status(cells[0])
		if cells[0] != statuses[row] {
			t.Errorf("row %d is %s, want %s", row+1, from, statuses[row])
		}
		for column, cell := range cells[1:] {
			next := courier.Status(statuses[column])
			if (cell == "yes") != from.CanBecome(next) || (cell != "yes" && cell != "") {
				t.Errorf("the table says %q for %s to %s", cell, from, next)
			}
		}
	}
	meanings := tableAfter(string(document), "## The statuses")
	if len(meanings) != len(statuses)+1 {
		t.Fatalf("the table of statuses has %d rows, want %d", len(meanings), len(statuses)+1)
	}
	for row, cells := range meanings[1:] {
		final := map[bool]string{true: "yes", false: "no"}[courier.Status(cells[0]).Final()]
		if cells[0] != statuses[row] || cells[2] != final {
			t.Errorf("row %d is %s, final %s; want %s, %s", row+1, cells[0], cells[2], statuses[row], final)
		}
	}
}

// The drawing shows no transition that the table forbids.
func TestStatus_Diagram(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("docs/state-machine.md")
	if err != nil {
		t.Fatal(err)
	}
	arrows := 0
	for line := range strings.Lines(string(document)) {
		left, right, ok := strings.Cut(strings.TrimSpace(line), " --> ")
		if !ok || left == "[*]" {
			continue
		}
		next, _, _ := strings.Cut(right, ":")
		if from := courier.Status(left); !from.CanBecome(courier.Status(next)) {
			t.Errorf("the drawing shows %s to %s, which is no legal transition", from, next)
		}
		arrows++
	}
	if arrows < len(courier.Statuses()) {
		t.Errorf("found %d arrows", arrows)
	}
}

// tableAfter returns the cells of the first Markdown table below a heading,
// without its rule and without backquotes.
func tableAfter(document, heading string) [][]string {
	_, rest, _ := strings.Cut(document, heading+"\n")
	var rows [][]string
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "|---"):
		case strings.HasPrefix(line, "|"):
			rows = append(rows, cells(line))
		case len(rows) > 0:
			return rows
		}
	}
	return rows
}

func cells(line string) []string {
	var out []string
	for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
		out = append(out, strings.Trim(strings.TrimSpace(cell), "`"))
	}
	return out
}
