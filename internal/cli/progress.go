package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// How often progress is shown: drawn anew on a terminal, as a line elsewhere,
// and how often at most it says that the server is away.
const (
	drawEvery = 100 * time.Millisecond
	tellEvery = 5 * time.Second
	lineEvery = 10_000
	barWidth  = 24
)

type progressOptions struct {
	Out io.Writer
	// Drawn is true when Out is a terminal, so that a bar can be drawn over.
	Drawn bool
	// ShareFunc returns how much is done, from 0 to 1, or less than 0 when nobody knows.
	ShareFunc func() float64
	NowFunc   func() time.Time
}

// progress shows how far a long run has come. Its methods may be called from
// several goroutines.
type progress struct {
	options progressOptions
	began   time.Time

	mutex sync.Mutex
	// shownAt is when the bar was drawn last, shownRows how many rows the last line told of.
	shownAt   time.Time
	shownRows int
	toldAt    time.Time
	total     tally
	onScreen  bool
}

func newProgress(options progressOptions) *progress {
	return &progress{options: options, began: options.NowFunc()}
}

// update tells of the rows done so far.
func (p *progress) update(total tally) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.total = total
	now := p.options.NowFunc()
	switch {
	case p.options.Drawn && now.Sub(p.shownAt) >= drawEvery:
		p.shownAt = now
		p.draw()
	case !p.options.Drawn && total.Rows/lineEvery > p.shownRows/lineEvery:
		p.shownRows = total.Rows
		tell(p.options.Out, "%s\n", p.text())
	}
}

// line prints a line above the bar.
func (p *progress) line(text string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.erase()
	tell(p.options.Out, "%s\n", printable(text))
	if p.options.Drawn {
		p.draw()
	}
}

// onRetry tells why nothing moves. All batches in flight meet the same server.
func (p *progress) onRetry(err error, delay time.Duration) {
	p.mutex.Lock()
	now := p.options.NowFunc()
	told := now.Sub(p.toldAt) < tellEvery
	if !told {
		p.toldAt = now
	}
	p.mutex.Unlock()
	if told {
		return
	}
	p.line(fmt.Sprintf("server is away, trying again in %s: %v", delay.Round(time.Millisecond), err))
}

// finish takes the bar away.
func (p *progress) finish() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.erase()
}

func (p *progress) draw() {
	p.erase()
	tell(p.options.Out, "%s%s", p.bar(), p.text())
	p.onScreen = true
}

// erase clears the line of the bar (ECMA-48, 8.3.41 EL).
func (p *progress) erase() {
	if p.onScreen {
		tell(p.options.Out, "\r\x1b[K")
		p.onScreen = false
	}
}

func (p *progress) bar() string {
	share := p.options.ShareFunc()
	if share < 0 {
		return ""
	}
	done := int(share * barWidth)
	return fmt.Sprintf("[%s%s] %3d%%  ", strings.Repeat("=", done), strings.Repeat(" ", barWidth-done), int(share*100))
}

func (p *progress) text() string {
	rate := 0.0
	if took := p.options.NowFunc().Sub(p.began).Seconds(); took > 0 {
		rate = float64(p.total.Rows) / took
	}
	return fmt.Sprintf("%d rows, %d refused, %.0f rows/s", p.total.Rows, p.total.Refused, rate)
}
