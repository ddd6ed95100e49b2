package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// header names the columns of the table. The processor times are those of one
// message, in microseconds.
func header() []string {
	return []string{"measurement", "result", "part", "target", "CPU ×", "courier µs", "database µs", "gateway µs", "load µs", "RSS MiB"}
}

// cells are the texts of a row.
func (r row) cells() []string {
	share := ""
	if r.share > 0 {
		share = fmt.Sprintf("%.2f", r.share)
	}
	rss := ""
	if r.rss > 0 {
		rss = fmt.Sprintf("%.0f", r.rss)
	}
	effort := ""
	if r.effort > 0 {
		effort = fmt.Sprintf("%.2f", r.effort)
	}
	return []string{
		r.goal.name, r.text(), share, r.goal.target, effort,
		micros(r.cost.courier), micros(r.cost.database), micros(r.cost.gateway), micros(r.cost.load), rss,
	}
}

// text is what the row came to.
func (r row) text() string {
	text := r.result
	if r.rate > 0 {
		text = grouped(r.rate) + "/s"
	}
	if r.note != "" {
		text += " (" + r.note + ")"
	}
	return text
}

func micros(used time.Duration) string {
	if used == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", float64(used)/float64(time.Microsecond))
}

// tableText is the table for a terminal.
func tableText(rows []row) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, strings.Join(header(), "\t"))
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, strings.Join(row.cells(), "\t"))
	}
	_ = w.Flush()
	return out.String()
}

// tableMarkdown is the table for the document.
func tableMarkdown(rows []row) string {
	var out strings.Builder
	line := func(cells []string) { out.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(header())
	out.WriteString("|---|---|---|---|" + strings.Repeat("--:|", len(header())-4) + "\n")
	for _, row := range rows {
		line(row.cells())
	}
	return out.String()
}
