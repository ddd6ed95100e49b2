package dispatch

import "slices"

// Reconfigure swaps the gateways, their limits and the retry rules while the
// engine runs. Attempts in flight finish on the gateway they began with. Every
// breaker is closed anew, as the new configuration may have mended what was
// wrong, and the queued messages of gateways that are gone move to the first
// one. An error means that the settings are wrong and nothing was changed.
func (e *Engine) Reconfigure(settings Settings) error {
	settings, err := settings.withDefaults()
	if err != nil {
		return err
	}
	t := &e.lifetime
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase == phaseStopping {
		return errStopping
	}
	before := e.route.Load()
	after := e.newRoute(before, settings)
	e.route.Store(after)
	e.retire(before, after)
	if t.phase == phaseRunning {
		e.startNew(before, after)
	}
	e.cluster.Changed()
	return nil
}

// retire ends the lanes that are gone. Their attempts in flight go on.
func (e *Engine) retire(before, after *route) {
	now := e.now()
	e.retired = slices.DeleteFunc(e.retired, func(l *lane) bool { return l.slots.snapshot(now).inUse == 0 })
	for name, l := range before.lanes {
		if after.lanes[name] != nil {
			continue
		}
		l.slots.retire()
		if l.cancel != nil {
			l.cancel()
		}
		e.retired = append(e.retired, l)
	}
}

// startNew begins the lanes that were not there before.
func (e *Engine) startNew(before, after *route) {
	for name, l := range after.lanes {
		if before.lanes[name] == nil {
			l.start(e.lifetime.loopCtx, &e.lifetime.loops)
		}
	}
}
