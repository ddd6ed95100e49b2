// Package inbox is the development inbox: a fake SMS gateway that takes every
// request on any path and method, and a phone in the browser that shows what came.
package inbox

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"courier/internal/gateway/gatewaytest"
)

// Options says how the inbox answers. The zero value takes every message.
type Options struct {
	// Status is the status of the answers, 0 is 201.
	Status int
	// Latency passes before an answer.
	Latency time.Duration
	// FailRate is the share of requests, 0 to 1, that are answered with 503.
	FailRate float64
	// RetryAfter is asked for in answers that are no success.
	RetryAfter time.Duration
	// Hang never answers, Reset resets the connection after the request was read.
	Hang, Reset bool
	// Emulation makes it behave as a provider, nil is for the answers above.
	Emulation *Emulation
	// ReceiptDelay passes before a receipt that is sent by itself, and between receipts.
	ReceiptDelay time.Duration
	// LateDelay passes before a late receipt, 0 is 30 s.
	LateDelay time.Duration
	// OnMessageFunc sees each message before it is answered, nil for none.
	OnMessageFunc func(Message)
	// OnReceiptFunc is told of each receipt, nil for none.
	OnReceiptFunc func(Receipt)
	// Keep is the number of messages that are kept, 0 is 1000.
	Keep int
	// NowFunc is the clock, nil is time.Now.
	NowFunc func() time.Time
}

// Emulation makes an inbox behave as a provider.
type Emulation struct {
	// Name is that of the preset.
	Name string
	// Emulator describes the provider. Its Options are the inbox's.
	Emulator gatewaytest.EmulatorOptions
}

// The bounds of what the inbox takes and remembers.
const (
	maxBody   = 16 << 20
	keepBody  = 1 << 20
	keep      = 1000
	keepBytes = 64 << 20
)

// Inbox is an http.Handler. It is safe for concurrent use.
type Inbox struct {
	*gatewaytest.Handler
	options  Options
	emulator *gatewaytest.Emulator
	mux      *http.ServeMux
	reporter *reporter
	changes  bell
	// containerNames also takes names of one label, by which containers call each other.
	containerNames bool

	mu sync.Mutex
	// answers and receipts are the names of what is done with the next messages.
	answers, receipts string
}

// New returns an empty inbox. The error is that of a wrong Emulation.
func New(options Options) (*Inbox, error) {
	if options.NowFunc == nil {
		options.NowFunc = time.Now
	}
	if options.LateDelay == 0 {
		options.LateDelay = 30 * time.Second
	}
	i := &Inbox{options: options, answers: answersUsual, receipts: receiptNone}
	i.reporter = newReporter()
	i.mux = i.routes()
	settings := i.handlerOptions()
	if options.Emulation == nil {
		i.Handler = gatewaytest.New(settings)
		return i, nil
	}
	emulator := options.Emulation.Emulator
	emulator.Options = settings
	var err error
	if i.emulator, err = gatewaytest.NewEmulator(emulator); err != nil {
		return nil, fmt.Errorf("emulate %s: %w", options.Emulation.Name, err)
	}
	i.Handler, i.receipts = i.emulator.Handler, receiptDelivered
	return i, nil
}

// handlerOptions are the options of the handler below.
func (i *Inbox) handlerOptions() gatewaytest.Options {
	options := &i.options
	settings := gatewaytest.Options{
		Default: gatewaytest.Behavior{
			Status:     options.Status,
			Latency:    options.Latency,
			FailRate:   options.FailRate,
			RetryAfter: options.RetryAfter,
		},
		MaxBody:   maxBody,
		KeepBody:  keepBody,
		Keep:      options.Keep,
		KeepBytes: keepBytes,
		NoteFunc:  func(request *gatewaytest.Request) any { return &note{reading: read(request)} },
		NowFunc:   options.NowFunc,
		OnRequestFunc: func(request gatewaytest.Request) {
			i.changes.ring()
			if options.OnMessageFunc != nil {
				options.OnMessageFunc(i.message(&request))
			}
			i.reportByItself(&request)
		},
	}
	if settings.Keep == 0 {
		settings.Keep = keep
	}
	switch {
	case options.Hang:
		settings.Default.Fault = gatewaytest.FaultHang
	case options.Reset:
		settings.Default.Fault = gatewaytest.FaultResetAfterRead
	}
	return settings
}

// ServeHTTP implements http.Handler.
func (i *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	own := strings.HasPrefix(r.URL.Path, ownPath)
	if !own && !isPage(r) {
		i.Handler.ServeHTTP(w, r)
		return
	}
	for name, value := range map[string]string{
		"Content-Security-Policy": securityPolicy, "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
	} {
		w.Header().Set(name, value)
	}
	switch {
	case !i.isOwnHost(r.Host):
		problem(w, http.StatusForbidden, "name the inbox by its IP address or as localhost; by a name without dots only where it listens with --host for other machines")
	case isForeign(r):
		problem(w, http.StatusForbidden, "another site asked for it; open the inbox itself")
	case own:
		i.mux.ServeHTTP(w, r)
	default:
		i.page(w, r)
	}
}

// Messages returns what is kept, the oldest first.
func (i *Inbox) Messages() []Message {
	requests := i.Requests()
	messages := make([]Message, len(requests))
	for n := range requests {
		messages[n] = i.message(&requests[n])
	}
	return messages
}

// Clear forgets the messages.
func (i *Inbox) Clear() {
	i.Handler.Clear()
	i.changes.ring()
}

// Close releases what waits or hangs, and waits for the receipts under way. It is idempotent.
func (i *Inbox) Close() {
	i.Handler.Close()
	i.changes.close()
	i.reporter.close()
}

// Server is an inbox on a port of its own.
type Server struct {
	*Inbox
	*gatewaytest.Server
}

// Listen starts an inbox on an address such as "127.0.0.1:0".
func Listen(ctx context.Context, address string, options Options) (*Server, error) {
	inbox, err := New(options)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(address) // Listen says what is wrong with it
	inbox.containerNames = !isLoopback(host)
	server, err := gatewaytest.Listen(ctx, address, inbox, inbox.Close)
	if err != nil {
		inbox.Close()
		return nil, err
	}
	return &Server{inbox, server}, nil
}

// find returns a request that is kept.
func (i *Inbox) find(id string) (*gatewaytest.Request, bool) {
	requests := i.Requests()
	n := slices.IndexFunc(requests, func(r gatewaytest.Request) bool { return r.ID == id })
	if n < 0 {
		return nil, false
	}
	return &requests[n], true
}
