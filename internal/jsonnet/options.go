package jsonnet

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options configures a Pool. The zero value of a field means its default.
type Options struct {
	// InProcess evaluates in this process and starts no other: for a program that the
	// courier is a part of, whose main does not call ServeIfChild. Workers, StartTimeout
	// and MaxMemory mean nothing then, memory is not bounded, and an evaluation that does
	// not end keeps a goroutine busy.
	InProcess bool
	// Workers is the greatest number of child processes; default: the number of
	// CPUs Go uses, at most 4.
	Workers int
	// Timeout bounds one evaluation and one compilation in wall time; default
	// 1 s, as in Ory Kratos.
	Timeout time.Duration
	// StartTimeout bounds the start of a child process; default 10 s.
	StartTimeout time.Duration
	// MaxMemory bounds the memory of a child process above what it has at its
	// start, in bytes; default 256 MiB, at least 32 MiB.
	MaxMemory int
	// MaxStack bounds the depth of Jsonnet calls; default 500, as in the jsonnet
	// command.
	MaxStack int
	// MaxSource bounds a template, in bytes; default 256 KiB.
	MaxSource int
	// MaxInput bounds the ctx document, in bytes; default 2 MiB.
	MaxInput int
	// MaxOutput bounds the JSON result, in bytes; default 1 MiB.
	MaxOutput int
	// Logger receives worker failures; never a template or a message. Default: none.
	Logger *slog.Logger
	// Registerer receives the metrics of the pool; default: none.
	Registerer prometheus.Registerer
}

// withDefaults returns the options with every unset field filled in.
func (o Options) withDefaults() Options {
	setDefault(&o.Workers, min(runtime.GOMAXPROCS(0), 4))
	setDefault(&o.Timeout, time.Second)
	setDefault(&o.StartTimeout, 10*time.Second)
	setDefault(&o.MaxMemory, 256<<20)
	o.MaxMemory = max(o.MaxMemory, 32<<20)
	setDefault(&o.MaxStack, 500)
	setDefault(&o.MaxSource, 256<<10)
	if o.InProcess {
		o.MaxSource = min(o.MaxSource, maxOwnSource)
	}
	setDefault(&o.MaxInput, 2<<20)
	setDefault(&o.MaxOutput, 1<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}
