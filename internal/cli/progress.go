package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// How often progress is shown: drawn again on a terminal, as a line elsewhere,
// and how often at most it says that the server is away.
const (
	drawEvery  = 100 * time.Millisecond
	retryEvery = 5 * time.Second
	lineEvery  = 10_000
)

// The widest bar, and the narrowest that is worth its room.
const maxBar, minBar = 24, 6

// progress shows how far a long run has come. Its methods may be called from
// several goroutines.
type progress struct {
	out io.Writer
	// widthFunc returns the columns of the terminal, 0 when lines cannot be drawn over.
	widthFunc func() int
	nowFunc   func() time.Time
	began     time.Time

	mutex sync.Mutex
	// shownAt is when the bar was drawn last, shownCount the count in the last line.
	shownAt    time.Time
	shownCount int
	// retryShownAt is when a line last said that the server is away.
	retryShownAt time.Time
	share        float64
	text         string
	onScreen     bool
}

func (s *shared) newProgress(out io.Writer) *progress {
	width := func() int { return terminalWidth(out) }
	if s.getenv("TERM") == "dumb" {
		width = func() int { return 0 }
	}
	return &progress{out: out, widthFunc: width, nowFunc: time.Now, began: time.Now()}
}

// update says how much is done: a count, the share of it from 0 to 1, or less than 0
// when nobody knows, and a text for people.
func (p *progress) update(count int, share float64, text string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	now := p.nowFunc()
	rate := 0.0
	if took := now.Sub(p.began).Seconds(); took > 0 {
		rate = float64(count) / took
	}
	p.share, p.text = share, fmt.Sprintf("%s, %.0f/s", text, rate)
	switch drawn := p.widthFunc() > 0; {
	case drawn && now.Sub(p.shownAt) >= drawEvery:
		p.shownAt = now
		p.draw()
	case !drawn && count/lineEvery > p.shownCount/lineEvery:
		p.shownCount = count
		tell(p.out, "%s\n", p.text)
	}
}

// line prints a line above the bar.
func (p *progress) line(text string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.erase()
	tell(p.out, "%s\n", printable(text))
	p.draw()
}

// onRetry says why nothing moves. All requests in flight meet the same server.
func (p *progress) onRetry(err error, delay time.Duration) {
	p.mutex.Lock()
	now := p.nowFunc()
	shown := now.Sub(p.retryShownAt) < retryEvery
	if !shown {
		p.retryShownAt = now
	}
	p.mutex.Unlock()
	if !shown {
		p.line(fmt.Sprintf("server is away, trying again in %s: %v", delay.Round(time.Millisecond), err))
	}
}

// finish takes the bar away.
func (p *progress) finish() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.erase()
}

// draw draws the bar, as wide as there is room next to the text. The last column stays
// free: a line that fills it wraps on some terminals, and could not be drawn over.
func (p *progress) draw() {
	room := p.widthFunc() - 1
	if room <= 0 || p.text == "" {
		return
	}
	p.erase()
	bar := min(maxBar, room-len(p.text)-len("[] 100%  "))
	text := p.text
	if p.share >= 0 && bar >= minBar {
		done := int(p.share * float64(bar))
		text = fmt.Sprintf("[%s%s] %3d%%  %s", strings.Repeat("=", done), strings.Repeat(" ", bar-done), int(p.share*100), p.text)
	}
	tell(p.out, "%s", cut(text, room))
	p.onScreen = true
}

// erase clears the line of the bar (ECMA-48, 8.3.41 EL).
func (p *progress) erase() {
	if p.onScreen {
		tell(p.out, "\r\x1b[K")
		p.onScreen = false
	}
}
