package main

import (
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
)

// table collects the rows that the command prints at the end.
type table struct{ rows [][2]string }

func (t *table) add(name, format string, values ...any) {
	t.rows = append(t.rows, [2]string{name, fmt.Sprintf(format, values...)})
}

func (t *table) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "measurement\tresult\t(%s/%s, %d cores shared by courier, gateway and load)\n",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, row := range t.rows {
		_, _ = fmt.Fprintf(w, "%s\t%s\t\n", row[0], row[1])
	}
	_ = w.Flush()
}
