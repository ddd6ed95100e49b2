package gatewaytest

import (
	"context"
	"time"
)

// TB is the part of testing.TB that Start needs.
type TB interface {
	Helper()
	Cleanup(func())
	Context() context.Context
	Fatalf(format string, args ...any)
}

// Start serves a new handler on a free port of the loopback address until the
// test ends, and returns it with its url, http://127.0.0.1:port.
func Start(t TB, options Options) (*Handler, string) {
	t.Helper()
	handler := New(options)
	server, err := Listen(t.Context(), "127.0.0.1:0", handler, handler.Close)
	if err != nil {
		t.Fatalf("start fake gateway: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Fatalf("stop fake gateway: %v", err)
		}
	})
	return handler, server.URL()
}
