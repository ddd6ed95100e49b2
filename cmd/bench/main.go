// Command bench measures the courier beside a bare HTTP client in one run and
// prints one table. It runs real processes of the courier and of its inbox on
// loopback addresses.
//
//	go run ./cmd/bench -courier bin/courier
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// settings are the flags of the command.
type settings struct {
	courier  string
	messages int
	callers  int
	idle     int
	dir      string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, parseFlags())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseFlags() settings {
	var s settings
	flag.StringVar(&s.courier, "courier", "bin/courier", "the courier's binary")
	flag.IntVar(&s.messages, "messages", 20_000, "messages for the bare client and for the drained queue")
	flag.IntVar(&s.callers, "callers", 64, "concurrent callers, and the courier's attempts in flight")
	flag.IntVar(&s.idle, "idle", 200, "messages of the idle latency measurement")
	flag.StringVar(&s.dir, "dir", "", "folder for the database (default: a temporary one)")
	flag.Parse()
	return s
}

// run takes the measurements in turn and prints them.
func run(ctx context.Context, s settings) error {
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "courier-bench-")
		if err != nil {
			return fmt.Errorf("make a folder for the database: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		s.dir = dir
	}
	var out table
	for _, measure := range []func(context.Context, settings, *table) error{measureThroughput, measureIdle} {
		if err := measure(ctx, s, &out); err != nil {
			return err
		}
	}
	out.print(os.Stdout)
	return nil
}

// rate returns events per second.
func rate(count int, took time.Duration) float64 { return float64(count) / took.Seconds() }
