package gateway

import (
	"context"
	"log/slog"
	"sync"
)

// faultLog tells of each fault of a template once: the same answers and receipts come
// again and again.
type faultLog struct {
	logger *slog.Logger

	mu   sync.Mutex
	seen map[string]struct{}
}

// maxFaults bounds what is remembered, and so what is logged.
const maxFaults = 20

// report logs the fault of a template, which is called by its key in the configuration.
func (l *faultLog) report(ctx context.Context, gateway, key, fault string) {
	l.mu.Lock()
	_, seen := l.seen[fault]
	if seen || len(l.seen) == maxFaults {
		l.mu.Unlock()
		return
	}
	if l.seen == nil {
		l.seen = map[string]struct{}{}
	}
	l.seen[fault] = struct{}{}
	l.mu.Unlock()
	l.logger.ErrorContext(ctx, "a template failed for what the gateway sent; correct it (each fault is logged once)",
		slog.String("gateway", gateway), slog.String("template", key), slog.String("error", fault))
}
