package jsonnet

import (
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// guardPeriod is how often a busy worker looks at its memory.
const guardPeriod = 5 * time.Millisecond

// guardIdleTicks is how many looks at an idle worker end the watch until the
// next request: an idle worker uses no CPU.
const guardIdleTicks = 100

// guard ends a worker whose heap or stack outgrows the limit, or whose request
// never ends. It backs the operating system's limit (applyLimits), which is
// coarser and missing on some systems.
type guard struct {
	limit       uint64
	orphanAfter time.Duration
	// busySince is the Unix time in nanoseconds at which the current request
	// began; 0 when idle.
	busySince atomic.Int64
	wake      chan struct{}
}

// applyLimits puts the limits of a worker in force and starts its guard.
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
	g := &guard{limit: limit, orphanAfter: limits.orphanAfter(), wake: make(chan struct{}, 1)}
	go g.watch()
	return g, nil
}

// begin marks the start of a request.
func (g *guard) begin() {
	g.busySince.Store(time.Now().UnixNano())
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// end marks the end of a request.
func (g *guard) end() { g.busySince.Store(0) }

func (g *guard) watch() {
	for range g.wake {
		g.watchBusy()
	}
}

// watchBusy looks at the memory until the worker has been idle for a while.
func (g *guard) watchBusy() {
	ticker := time.NewTicker(guardPeriod)
	defer ticker.Stop()
	for idle := 0; idle < guardIdleTicks; {
		now := <-ticker.C
		since := g.busySince.Load()
		if since == 0 {
			idle++
			continue
		}
		idle = 0
		g.check(now.Sub(time.Unix(0, since)))
	}
}

func (g *guard) check(busy time.Duration) {
	if memoryInUse() > g.limit {
		exit(exitMemory)
	}
	if busy > g.orphanAfter {
		exit(exitOrphaned)
	}
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
