package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// newShown returns a progress on a terminal of a width, 0 for none, with a clock that is
// moved by hand.
func newShown(width int) (*progress, *strings.Builder, *time.Time) {
	var out strings.Builder
	now := time.Unix(1000, 0)
	return &progress{
		out: &out, began: now, widthFunc: func() int { return width }, nowFunc: func() time.Time { return now },
	}, &out, &now
}

func TestProgress_DrawsBar(t *testing.T) {
	t.Parallel()
	shown, out, now := newShown(80)
	*now = now.Add(2 * time.Second)
	shown.update(400, 0.5, "400 rows, 3 refused")
	shown.update(401, 0.5, "401 rows, 3 refused")
	want := "[============            ]  50%  400 rows, 3 refused, 200/s"
	if out.String() != want {
		t.Errorf("got %q", out)
	}
	out.Reset()
	shown.line("line 7: bad\x1b[2J")
	if !strings.HasPrefix(out.String(), "\r\x1b[Kline 7: bad [2J\n[===") {
		t.Errorf("got %q", out)
	}
	out.Reset()
	shown.finish()
	shown.finish()
	if out.String() != "\r\x1b[K" {
		t.Errorf("got %q", out)
	}
}

// TestProgress_FitsAnyWidth draws over the same line again and again, so none may wrap.
func TestProgress_FitsAnyWidth(t *testing.T) {
	t.Parallel()
	for width := 1; width < 120; width++ {
		for _, share := range []float64{-1, 0, 0.33, 1} {
			shown, out, now := newShown(width)
			*now = now.Add(time.Second)
			shown.update(123_456, share, "123456 rows, 1000 refused")
			line := []rune(out.String())
			if len(line) >= width && width > 1 || width == 1 && len(line) > 0 {
				t.Errorf("width %d, share %v: %d columns: %q", width, share, len(line), out)
			}
			if width >= 80 && share >= 0 && line[0] != '[' {
				t.Errorf("width %d, share %v: no bar: %q", width, share, out)
			}
		}
	}
}

func TestProgress_DrawsNoBarWithoutSize(t *testing.T) {
	t.Parallel()
	shown, out, now := newShown(80)
	*now = now.Add(time.Second)
	shown.update(100, -1, "100 rows")
	if out.String() != "100 rows, 100/s" {
		t.Errorf("got %q", out)
	}
}

func TestProgress_PrintsPlainLines(t *testing.T) {
	t.Parallel()
	shown, out, now := newShown(0)
	*now = now.Add(time.Second)
	for rows := 100; rows <= 25_000; rows += 100 {
		shown.update(rows, 0.5, fmt.Sprintf("%d rows", rows))
	}
	shown.onRetry(errors.New("away"), 1500*time.Millisecond)
	shown.onRetry(errors.New("away"), 2*time.Second)
	*now = now.Add(retryEvery)
	shown.onRetry(errors.New("still away"), time.Second)
	shown.finish()
	want := "10000 rows, 10000/s\n20000 rows, 20000/s\nserver is away, trying again in 1.5s: away\n" +
		"server is away, trying again in 1s: still away\n"
	if out.String() != want {
		t.Errorf("got %q", out)
	}
}
