package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// format is how a command prints data.
type format string

const (
	formatTable format = "table"
	formatJSON  format = "json"
)

// String implements pflag.Value.
func (f *format) String() string { return string(*f) }

// Set implements pflag.Value.
func (f *format) Set(text string) error {
	if !slices.Contains([]format{formatTable, formatJSON}, format(text)) {
		return fmt.Errorf("it must be %s or %s", formatTable, formatJSON)
	}
	*f = format(text)
	return nil
}

// Type implements pflag.Value.
func (f *format) Type() string { return "FORMAT" }

func addFormat(cmd *cobra.Command) *format {
	chosen := formatTable
	cmd.Flags().Var(&chosen, "format", "how to print: table for people, json for machines")
	return &chosen
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("print answer: %w", err)
	}
	return nil
}

// printTable prints rows in aligned columns.
func printTable(out io.Writer, rows [][]string) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = printable(cell)
		}
		if _, err := fmt.Fprintln(table, strings.TrimRight(strings.Join(cells, "\t"), "\t")); err != nil {
			return fmt.Errorf("print table: %w", err)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	return nil
}

// printable replaces what could move the cursor or change the terminal: texts
// and answers come from strangers.
func printable(text string) string {
	return strings.Map(func(char rune) rune {
		if unicode.IsPrint(char) {
			return char
		}
		return ' '
	}, text)
}

// tell writes something for a person to read. One who is gone is no fault.
func tell(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(out, format, args...)
}

func printTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04:05.000Z")
}

// isTerminal reports whether lines written to out can be drawn over.
func isTerminal(out io.Writer, dumb bool) bool {
	file, ok := out.(*os.File)
	return ok && !dumb && term.IsTerminal(int(file.Fd()))
}
