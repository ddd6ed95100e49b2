package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The measures of a plot, in the units of its drawing.
const (
	plotWidth, plotHeight = 760, 190
	plotLeft, plotRight   = 64, 744
	plotTop, plotBottom   = 12, 164
)

// line is one series of a plot, a value for each step.
type line struct {
	// Class is that of its colour, Label its name.
	Class, Label string
	Values       []float64
}

// mark is something that was changed, on the axis of time.
type mark struct {
	At          time.Time
	Title, Text string
}

// plot draws lines over time. The figures are in a table below it.
type plot struct {
	ID, Title string
	From      time.Time
	Step      time.Duration
	Lines     []line
	Marks     []mark
	// FormatFunc writes a value; whole numbers when nil.
	FormatFunc func(float64) string
}

// steps is the number of values of each line.
func (p *plot) steps() int {
	if len(p.Lines) == 0 {
		return 0
	}
	return len(p.Lines[0].Values)
}

// Empty reports whether there is nothing to draw.
func (p *plot) Empty() bool {
	for _, l := range p.Lines {
		for _, value := range l.Values {
			if value > 0 {
				return false
			}
		}
	}
	return true
}

// ViewBox is the measure of the drawing.
func (p *plot) ViewBox() string { return fmt.Sprintf("0 0 %d %d", plotWidth, plotHeight) }

// top is the value at the upper end: the next round number above the highest.
func (p *plot) top() float64 {
	highest := 0.0
	for _, l := range p.Lines {
		for _, value := range l.Values {
			if !math.IsNaN(value) {
				highest = max(highest, value)
			}
		}
	}
	if highest == 0 {
		return 1
	}
	size := math.Pow(10, math.Floor(math.Log10(highest)))
	for _, times := range []float64{1, 1.2, 1.6, 2, 4, 5, 10} {
		if highest <= times*size {
			return times * size
		}
	}
	return highest
}

func (p *plot) x(step float64) float64 {
	return plotLeft + (plotRight-plotLeft)*step/float64(max(p.steps()-1, 1))
}

func (p *plot) y(value float64) float64 {
	return plotBottom - (plotBottom-plotTop)*value/p.top()
}

// Path is the line of a series up to the step under way, whose counts would look like a
// fall; it breaks off where there is no value.
func (p *plot) Path(l line) string { return p.path(l, 0, p.steps()-1) }

// Tail is the line to the step under way.
func (p *plot) Tail(l line) string { return p.path(l, max(p.steps()-2, 0), p.steps()) }

func (p *plot) path(l line, from, to int) string {
	var path strings.Builder
	pen := "M"
	for i := from; i < to; i++ {
		value := l.Values[i]
		if math.IsNaN(value) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", pen, p.x(float64(i)), p.y(value))
		pen = "L"
	}
	return path.String()
}

// tick is a word on an axis.
type tick struct {
	X, Y float64
	Text string
}

// Levels are the words on the axis of values.
func (p *plot) Levels() (ticks []tick) {
	for _, share := range []float64{0, 0.5, 1} {
		ticks = append(ticks, tick{plotLeft, p.y(share * p.top()), p.format(share * p.top())})
	}
	return ticks
}

// Times are the words on the axis of time, at round times.
func (p *plot) Times() (ticks []tick) {
	span := p.Step * time.Duration(max(p.steps()-1, 1))
	every, layout := 24*time.Hour, "2 Jan"
	switch {
	case span <= 2*time.Hour:
		every, layout = 10*time.Minute, "15:04"
	case span <= 48*time.Hour:
		every, layout = 4*time.Hour, "15:04"
	}
	for at := p.From.Truncate(every); !at.After(p.From.Add(span)); at = at.Add(every) {
		if !at.Before(p.From) {
			ticks = append(ticks, tick{p.x(float64(at.Sub(p.From)) / float64(p.Step)), plotBottom, at.Format(layout)})
		}
	}
	return ticks
}

// Flags are the places of the marks.
func (p *plot) Flags() (ticks []tick) {
	span := p.Step * time.Duration(max(p.steps()-1, 1))
	for i, m := range p.Marks {
		if after := m.At.Sub(p.From); after >= 0 && after <= span {
			ticks = append(ticks, tick{p.x(float64(after) / float64(p.Step)), plotTop, strconv.Itoa(i + 1)})
		}
	}
	return ticks
}

// row is a row of the table of figures.
type row struct {
	At     time.Time
	Values []string
}

// Rows are the figures, the newest first, without the steps in which nothing was.
func (p *plot) Rows() (rows []row) {
	for i := p.steps() - 1; i >= 0; i-- {
		r := row{At: p.From.Add(time.Duration(i) * p.Step)}
		some := false
		for _, l := range p.Lines {
			text := "–"
			if value := l.Values[i]; !math.IsNaN(value) {
				text = p.format(value)
				some = some || value > 0
			}
			r.Values = append(r.Values, text)
		}
		if some {
			rows = append(rows, r)
		}
	}
	return rows
}

func (p *plot) format(value float64) string {
	if p.FormatFunc != nil {
		return p.FormatFunc(value)
	}
	if value != math.Trunc(value) {
		return strconv.FormatFloat(value, 'f', 1, 64)
	}
	return groupDigits(int64(value))
}

// seconds writes a time in seconds as people read it.
func seconds(value float64) string {
	switch {
	case value == 0:
		return "0"
	case value < 1:
		return fmt.Sprintf("%.0f ms", value*1000)
	case value < 10:
		return fmt.Sprintf("%.1f s", value)
	case value < 120:
		return fmt.Sprintf("%.0f s", value)
	}
	return fmt.Sprintf("%.1f min", value/60)
}
