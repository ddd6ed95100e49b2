package jsonnet

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// guardPeriod is how often a busy worker looks at its memory.
const guardPeriod = 5 * time.Millisecond

// guard ends a worker whose heap or stack outgrows the limit, or whose request
// never ends. It backs the operating system's limit (limitProcess), which is
// coarser and missing on some systems.
type guard struct {
	limit uint64
	// orphanAfter is how long one request may take before the worker concludes that
	// the parent, which kills it much earlier, is stopped.
	orphanAfter time.Duration
}

// applyLimits puts the limits of a worker in force.
func applyLimits(limits childLimits) (*guard, error) {
	used := memoryInUse()
	if err := limitProcess(limits.MaxMemory); err != nil {
		return nil, err
	}
	limit := used + uint64(max(limits.MaxMemory, 0))
	const (
		gcPercent     = 200
		stackFraction = 4
	)
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(int64(limit / 4 * 3)) //nolint:gosec // far below the range of int64
	debug.SetMaxStack(limits.MaxMemory / stackFraction)
	return &guard{limit: limit, orphanAfter: 10*time.Duration(limits.TimeoutNanos) + time.Minute}, nil
}

// watch guards one request until it is stopped. An idle worker uses no CPU.
func (g *guard) watch() (stop func()) {
	done := make(chan struct{})
	began := time.Now()
	go func() {
		ticker := time.NewTicker(guardPeriod)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			if memoryInUse() > g.limit {
				exit(exitMemory)
			}
			if time.Since(began) > g.orphanAfter {
				exit(exitOrphaned)
			}
		}
	}()
	return func() { close(done) }
}

// memoryInUse is what debug.SetMemoryLimit counts: all memory Go has mapped
// less what it gave back, in bytes.
func memoryInUse() uint64 {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
