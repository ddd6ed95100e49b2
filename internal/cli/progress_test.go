package cli

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// newShown returns a progress with a clock that is moved by hand.
func newShown(drawn bool, share float64) (*progress, *strings.Builder, *time.Time) {
	var out strings.Builder
	now := time.Unix(1000, 0)
	shown := newProgress(progressOptions{
		Out: &out, Drawn: drawn,
		ShareFunc: func() float64 { return share },
		NowFunc:   func() time.Time { return now },
	})
	return shown, &out, &now
}

func TestProgress_DrawsBar(t *testing.T) {
	t.Parallel()
	shown, out, now := newShown(true, 0.5)
	*now = now.Add(2 * time.Second)
	shown.update(tally{Rows: 400, Refused: 3})
	shown.update(tally{Rows: 401})
	want := "[============            ]  50%  400 rows, 3 refused, 200 rows/s"
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

func TestProgress_DrawsNoBarWithoutSize(t *testing.T) {
	t.Parallel()
	shown, out, now := newShown(true, -1)
	*now = now.Add(time.Second)
	shown.update(tally{Rows: 100})
	if out.String() != "100 rows, 0 refused, 100 rows/s" {
		t.Errorf("got %q", out)
	}
}

func TestProgress_PrintsPlainLines(t *testing.T) {
	t.Parallel()
	shown, out, now := newShown(false, 0.5)
	*now = now.Add(time.Second)
	for rows := 100; rows <= 25_000; rows += 100 {
		shown.update(tally{Rows: rows})
	}
	shown.onRetry(errors.New("away"), 1500*time.Millisecond)
	shown.onRetry(errors.New("away"), 2*time.Second)
	*now = now.Add(tellEvery)
	shown.onRetry(errors.New("still away"), time.Second)
	shown.finish()
	want := "10000 rows, 0 refused, 10000 rows/s\n20000 rows, 0 refused, 20000 rows/s\nserver is away, trying again in 1.5s: away\n" +
		"server is away, trying again in 1s: still away\n"
	if out.String() != want {
		t.Errorf("got %q", out)
	}
}
