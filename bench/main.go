// Command bench measures the courier next to a bare HTTP client. It runs the
// gateway, the bare client and the couriers as processes of their own on
// loopback addresses, prints one table and writes it to docs/benchmarks.md.
//
//	make bench
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
)

// The command runs in its own folder, a module of its own: docs/ and bin/ are
// those of the project above it.
const (
	root = ".."
	// document is where the table of a whole run goes.
	document = "docs/benchmarks.md"
)

// settings are the flags of the command.
type settings struct {
	// courier is the binary that is measured.
	courier string
	// dir holds the databases and logs.
	dir string
	// profiles is the folder for CPU profiles of the couriers, if any.
	profiles string
	// out is the document to write, if any, and capacity the one whose computed
	// part follows from it.
	out, capacity string

	only *regexp.Regexp
	size size
}

func main() {
	if done, err := serveIfHelper(); done {
		finish(err)
	}
	ctx, stop := notify(context.Background())
	s, err := parseFlags(os.Args[1:])
	if err == nil {
		err = run(ctx, s, os.Stdout)
	}
	stop()
	finish(err)
}

// notify ends the context when the process is asked to end.
func notify(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

func finish(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// parseFlags reads the arguments. Only a whole run writes the document unasked.
func parseFlags(args []string) (settings, error) {
	s := settings{size: fullSize()}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "take only the measurements with a row that matches this `REGEXP`")
	quick := flags.Bool("quick", false, "take every measurement in a small size, to see that it works")
	messages := flags.Int("messages", s.size.messages, "messages of a measurement of throughput; the long load grows and shrinks with it")
	flags.StringVar(&s.courier, "courier", filepath.Join(root, "bin", "courier"), "the `BINARY` that is measured")
	flags.StringVar(&s.dir, "dir", "", "`FOLDER` for databases and logs (default a temporary one)")
	flags.StringVar(&s.profiles, "cpuprofile", "", "`FOLDER` for a CPU profile of each courier")
	flags.StringVar(&s.out, "out", "", "the `FILE` to write (default "+document+" after a whole run)")
	if err := flags.Parse(args); err != nil {
		return s, fmt.Errorf("read flags: %w", err)
	}
	partly := *quick || *only != "" || *messages != s.size.messages
	if s.out == "" && !partly {
		s.out, s.capacity = filepath.Join(root, document), filepath.Join(root, capacityDocument)
	}
	if *quick {
		s.size = quickSize()
	} else {
		s.size.steady = s.size.steady * *messages / s.size.messages
		s.size.messages = *messages
	}
	var err error
	if s.only, err = regexp.Compile(*only); err != nil {
		return s, fmt.Errorf("read -only: %w", err)
	}
	return s, nil
}

// size says how much each measurement does.
type size struct {
	// messages are those of a measurement of throughput.
	messages int
	// bare are the requests of one run of the bare client.
	bare int
	// inFlight are the attempts in flight by default, and many are more of them, as
	// an operator may set.
	inFlight, many int
	// slowLimits are the limits in flight at a slow gateway, and waves is how often
	// it answers all that is in flight.
	slowLimits []int
	waves      int
	// idle are the messages of the latency at idle.
	idle int
	// idleSeconds is for how long the CPU of an idle courier is watched.
	idleSeconds int
	// depths are the numbers of waiting messages, of which head are timed.
	depths []int
	head   int
	// steady are the messages of the long load on PostgreSQL.
	steady int
}

func fullSize() size {
	return size{
		messages: 30_000, bare: 60_000, inFlight: 64, many: 512, slowLimits: []int{64, 256, 1000}, waves: 30, idle: 300, idleSeconds: 5,
		depths: []int{10_000, 100_000, 1_000_000}, head: 20_000, steady: 300_000,
	}
}

func quickSize() size {
	return size{
		messages: 400, bare: 400, inFlight: 16, many: 32, slowLimits: []int{4, 8, 16}, waves: 2, idle: 5, idleSeconds: 1,
		depths: []int{100, 200, 400}, head: 100, steady: 1_000,
	}
}
