// Package inbox is the development inbox: a fake SMS gateway that takes every
// request on any path and method, and shows what a phone would have received.
package inbox

import (
	"context"
	"net"
	"net/http"
	"strings"
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
	// OnMessageFunc sees each message before it is answered, nil for none.
	OnMessageFunc func(Message)
	// NowFunc is the clock, nil is time.Now.
	NowFunc func() time.Time
}

// The bounds of what the inbox takes and remembers.
const (
	maxBody   = 16 << 20
	keepBody  = 1 << 20
	keep      = 1000
	keepBytes = 64 << 20
)

// messagesPath lists and empties the inbox.
const messagesPath = "/_inbox/messages"

// Inbox is an http.Handler. It is safe for concurrent use.
type Inbox struct {
	*gatewaytest.Handler
	// containerNames also takes names of one label, by which containers call each other.
	containerNames bool
}

// New returns an empty inbox.
func New(options Options) *Inbox { return &Inbox{Handler: gatewaytest.New(options.handler())} }

// handler are the options of the handler below.
func (options *Options) handler() gatewaytest.Options {
	settings := gatewaytest.Options{
		Default: gatewaytest.Behavior{
			Status:     options.Status,
			Latency:    options.Latency,
			FailRate:   options.FailRate,
			RetryAfter: options.RetryAfter,
		},
		MaxBody:   maxBody,
		KeepBody:  keepBody,
		Keep:      keep,
		KeepBytes: keepBytes,
		NowFunc:   options.NowFunc,
	}
	switch {
	case options.Hang:
		settings.Default.Fault = gatewaytest.FaultHang
	case options.Reset:
		settings.Default.Fault = gatewaytest.FaultResetAfterRead
	}
	if options.OnMessageFunc != nil {
		settings.OnRequestFunc = func(request gatewaytest.Request) {
			options.OnMessageFunc(newMessage(&request))
		}
	}
	return settings
}

// ServeHTTP implements http.Handler.
func (i *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	own := strings.HasPrefix(r.URL.Path, "/_inbox/")
	switch {
	case !own && !isPage(r):
		i.Handler.ServeHTTP(w, r)
	case !i.isOwnHost(r.Host):
		problem(w, http.StatusForbidden, "name the inbox by its IP address or as localhost; by a name without dots only where it listens with --host for other machines")
	case own:
		i.serveOwn(w, r)
	default:
		i.servePage(w)
	}
}

// Messages returns what is kept, the oldest first.
func (i *Inbox) Messages() []Message {
	requests := i.Requests()
	messages := make([]Message, len(requests))
	for n := range requests {
		messages[n] = newMessage(&requests[n])
	}
	return messages
}

// Server is an inbox on a port of its own.
type Server struct {
	*Inbox
	*gatewaytest.Server
}

// Listen starts an inbox on an address such as "127.0.0.1:0".
func Listen(ctx context.Context, address string, options Options) (*Server, error) {
	return listen(ctx, address, New(options), func() {})
}

// listen serves an inbox. At the end closing releases what it runs.
func listen(ctx context.Context, address string, inbox *Inbox, closing func()) (*Server, error) {
	host, _, _ := net.SplitHostPort(address) // Listen says what is wrong with it
	inbox.containerNames = !isLoopback(host)
	server, err := gatewaytest.Listen(ctx, address, inbox, func() {
		inbox.Close()
		closing()
	})
	if err != nil {
		return nil, err
	}
	return &Server{inbox, server}, nil
}
