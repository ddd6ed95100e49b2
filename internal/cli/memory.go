package cli

import (
	"os"
	"runtime/debug"

	"courier/internal/config"
)

const (
	// heapGrowth is how much the heap may grow between two collections, in percent.
	// What lives in it is small, the messages in flight, and at Go's default of 100
	// a busy courier spends a tenth of its time on collecting.
	heapGrowth = 400
	// memoryBase and memoryAttempt, in bytes, are from where on memory counts for
	// more than time: what a courier needs at all, and what an attempt in flight does.
	memoryBase    = 72 << 20
	memoryAttempt = 48 << 10
)

// tuneMemory fits the garbage collector to a courier of this configuration. The
// environment variables GOGC and GOMEMLIMIT of Go have the last word.
func tuneMemory(cfg *config.Config) {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(heapGrowth)
	}
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		attempts := max(1, len(cfg.Gateways)) * cfg.Dispatch.MaxInFlight
		debug.SetMemoryLimit(int64(memoryBase + attempts*memoryAttempt))
	}
}
