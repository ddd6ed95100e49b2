package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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
	completeFlag(cmd, "format", string(formatTable), string(formatJSON))
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

// entry is one row of a table: its cells, and notes that are printed below it.
type entry struct {
	cells []string
	notes []string
}

// defaultWidth is the width of a table that is not printed on a terminal.
const defaultWidth = 80

// printTable prints rows below a header in aligned columns. Columns without content are
// left out, and the last ones where there is no room for them.
func printTable(out io.Writer, header []string, rows []entry) error {
	widths := make([]int, len(header))
	for _, row := range rows {
		for i, cell := range row.cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	const gap = 2
	limit, used := cmp.Or(terminalWidth(out), defaultWidth), -gap
	for i, title := range header {
		if widths[i] == 0 && len(rows) > 0 {
			continue
		}
		widths[i] = max(widths[i], len(title))
		if used += gap + widths[i]; used > limit && i > 0 {
			clear(widths[i:])
			break
		}
	}
	var text strings.Builder
	for _, row := range append([]entry{{cells: header}}, rows...) {
		var line strings.Builder
		for i, cell := range row.cells {
			if widths[i] > 0 {
				fmt.Fprintf(&line, "%-*s", widths[i]+gap, printable(cell))
			}
		}
		fmt.Fprintln(&text, strings.TrimRight(line.String(), " "))
		for _, note := range row.notes {
			for _, line := range wrap(note, limit-4) {
				fmt.Fprintln(&text, "    "+line)
			}
		}
	}
	return printText(out, text.String())
}

// printFields prints names and values, one pair a line, without the values that are
// empty. Long values go on below.
func printFields(out io.Writer, fields [][2]string) error {
	width := 0
	for _, field := range fields {
		if field[1] != "" {
			width = max(width, len(field[0])+2)
		}
	}
	var text strings.Builder
	for _, field := range fields {
		name := field[0]
		for _, line := range wrap(field[1], cmp.Or(terminalWidth(out), defaultWidth)-width) {
			fmt.Fprintf(&text, "%-*s%s\n", width, name, line)
			name = ""
		}
	}
	return printText(out, text.String())
}

func printText(out io.Writer, text string) error {
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("print answer: %w", err)
	}
	return nil
}

// wrap cuts a text into lines at spaces, and words that are longer than a line anywhere.
func wrap(text string, width int) []string {
	var lines []string
	rest := []rune(strings.TrimSpace(printable(text)))
	for width = max(width, 20); len(rest) > width; {
		at := width
		for at > 0 && rest[at] != ' ' {
			at--
		}
		if at == 0 {
			at = width
		}
		lines = append(lines, strings.TrimRight(string(rest[:at]), " "))
		rest = []rune(strings.TrimLeft(string(rest[at:]), " "))
	}
	if len(rest) > 0 {
		lines = append(lines, string(rest))
	}
	return lines
}

// cut shortens a text to a number of characters.
func cut(text string, width int) string {
	if chars := []rune(text); len(chars) > width {
		return string(chars[:width-1]) + "…"
	}
	return text
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

// printAge prints how long ago a time is, in the largest whole unit.
func printAge(at, now time.Time) string {
	switch age := max(now.Sub(at), 0); {
	case at.IsZero():
		return ""
	case age < time.Minute:
		return fmt.Sprintf("%ds", age/time.Second)
	case age < time.Hour:
		return fmt.Sprintf("%dm", age/time.Minute)
	case age < 24*time.Hour:
		return fmt.Sprintf("%dh", age/time.Hour)
	default:
		return fmt.Sprintf("%dd", age/(24*time.Hour))
	}
}

// isTerminal reports whether a person may be asked.
func isTerminal(in io.Reader) bool {
	file, ok := in.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// terminalWidth returns the columns of the terminal that out is, or 0 when it is none.
func terminalWidth(out io.Writer) int {
	file, ok := out.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}
