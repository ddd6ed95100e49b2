// Package couriertest runs a courier inside a test: its messages are kept in memory, and
// its one gateway is a fake phone, the inbox, from which the test reads the codes. Nothing
// leaves the machine, no file is made, and nothing is left when the test ends.
//
//	func TestLogin(t *testing.T) {
//		sms := couriertest.Start(t)
//		app := newApp(sms.URL) // code under test, which sends to the API of a courier
//		app.RequestCode("+12065550100")
//		app.Login("+12065550100", sms.WaitCode(t, "+12065550100"))
//	}
package couriertest

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"courier/embed"
	"courier/internal/inbox"
)

// TB is the part of testing.TB that is needed.
type TB interface {
	Helper()
	Cleanup(f func())
	Context() context.Context
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Timeout is how long WaitCode and WaitMessage wait.
const Timeout = 10 * time.Second

// Message is what the phone received.
type Message struct {
	To, From, Text string
	// Code is the one-time code in Text, empty for none.
	Code       string
	ReceivedAt time.Time
}

// Courier is a running courier with the phone. It is safe for concurrent use.
type Courier struct {
	// URL is the address of the API, for code that speaks HTTP, and PublicURL that of the
	// public listener, for hooks. Both are without a slash at the end.
	URL, PublicURL string
	// Courier is the courier itself.
	Courier *embed.Courier

	phone *inbox.Inbox

	mu sync.Mutex
	// read are the ids of the messages that were waited for.
	read map[string]bool
}

// settings make retries so fast that a test can wait for them.
const settings = `
api: { port: 0 }
public: { port: 0 }
dispatch: { grace_period: 1s, retry: { initial: 10ms, max: 100ms } }
`

// Start starts a courier, and stops it when the test ends. yaml are configurations, as a file of
// courier serve has them, for what the test needs but the gateway: hooks, templates of codes,
// recipients. The log is that of the test, from warnings on.
func Start(tb TB, yaml ...string) *Courier {
	tb.Helper()
	c := &Courier{read: map[string]bool{}}
	server, err := inbox.Listen(tb.Context(), "127.0.0.1:0", inbox.Options{Keep: 100_000})
	if err != nil {
		tb.Fatalf("start the phone: %v", err)
	}
	c.phone = server.Inbox
	tb.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(tb.Context())); err != nil {
			tb.Logf("stop the phone: %v", err)
		}
	})
	options := embed.Options{
		YAML: append([]string{settings}, yaml...), Store: embed.Memory, Listen: true,
		Logger:   slog.New(slog.NewTextHandler(logWriter{tb}, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Gateways: []embed.Gateway{{ID: "inbox", From: "Courier", URL: server.URL() + "/messages", RequestFunc: request}},
	}
	if c.Courier, err = embed.New(options); err != nil {
		tb.Fatalf("configure the courier: %v", err)
	}
	tb.Cleanup(func() {
		c.phone.Close() // lets go what hangs
		if err := c.Courier.Stop(context.WithoutCancel(tb.Context())); err != nil {
			tb.Logf("stop the courier: %v", err)
		}
	})
	if err := c.Courier.Start(tb.Context()); err != nil {
		tb.Fatalf("start the courier: %v", err)
	}
	c.URL, c.PublicURL = "http://"+c.Courier.AdminAddr(), "http://"+c.Courier.PublicAddr()
	return c
}
