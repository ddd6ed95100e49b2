// Package webhook tells applications what becomes of messages, as Standard Webhooks
// (https://github.com/standard-webhooks/standard-webhooks): each change of a status is
// posted to the endpoints that want it and to the callback_url of its message, signed, at
// least once, and the changes of one message in their order.
//
// The store keeps what is to be told: a listener for each endpoint and one for all
// callbacks. The node that does the housekeeping reads their events, posts them and has
// the store note what that came to. An endpoint that fails is asked again with
// growing waits, for a day, and holds up no other.
package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"courier"
	"courier/internal/store"
)

// Store is the part of store.Store that webhooks need.
type Store interface {
	Listen(ctx context.Context, listener string, statuses []courier.Status) error
	Listeners(ctx context.Context) ([]string, error)
	Events(ctx context.Context, listener string, after int64, limit int) ([]store.Event, error)
	Forget(ctx context.Context, events []store.Event) error
	RecordNotices(ctx context.Context, notices []store.Notice) error
	Message(ctx context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error)
}

// Options are what New needs. Store and DutyFunc are mandatory.
type Options struct {
	Settings
	Store Store
	// DutyFunc reports whether this node does the housekeeping. One that does not posts
	// nothing.
	DutyFunc func() bool
	// Version is that of the program, for the header User-Agent.
	Version string
	// NowFunc is the clock of the store; time.Now when nil.
	NowFunc func() time.Time
	// DialFunc makes connections in place of the network, without a look at whether an
	// address is private; nil for none.
	DialFunc   func(ctx context.Context, network, address string) (net.Conn, error)
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Settings say who is told. They may change while running.
type Settings struct {
	Endpoints []Endpoint
	// Callback is how the callback_url of a message is called: an endpoint without ID
	// and URL, nil for not at all.
	Callback *Endpoint
}

// Endpoint is an application that is told what becomes of messages.
type Endpoint struct {
	// ID names it in logs and metrics, and its events in the store.
	ID string
	// URL is absolute, http or https.
	URL string
	// Secrets sign what is posted, each as whsec_ and base64. A receiver may know any one.
	Secrets []string
	// Events are the names of those that it is told of, all of Events() when empty.
	Events []string
	// IncludeRecipient gives the whole number, which is masked otherwise.
	IncludeRecipient bool
	// AllowPrivate lets the URL lead to an address that is not public.
	AllowPrivate bool
}

// eventPrefix and the status that a message came into are the name of an event.
const eventPrefix = "message."

// Events returns the names of all events.
func Events() []string {
	var names []string
	for _, status := range courier.Statuses() {
		if status != courier.StatusQueued && status != courier.StatusProcessing {
			names = append(names, eventPrefix+string(status))
		}
	}
	return names
}

func (e *Endpoint) statuses() []courier.Status {
	names := e.Events
	if len(names) == 0 {
		names = Events()
	}
	statuses := make([]courier.Status, len(names))
	for i, name := range names {
		statuses[i] = courier.Status(strings.TrimPrefix(name, eventPrefix))
	}
	return statuses
}

// The names of the listeners in the store.
const (
	callbackListener = "callback"
	endpointPrefix   = "webhook:"
)

func (s *Settings) listeners() map[string]*Endpoint {
	listeners := make(map[string]*Endpoint, len(s.Endpoints)+1)
	for i := range s.Endpoints {
		listeners[endpointPrefix+s.Endpoints[i].ID] = &s.Endpoints[i]
	}
	if s.Callback != nil {
		listeners[callbackListener] = s.Callback
	}
	return listeners
}

// CallbackID is what the callback_url of a message is called where endpoints have their IDs.
const CallbackID = "callback_url"

// Target returns the ID and the host of whom a listener tells of a message: nothing for
// nobody, and no host for an endpoint that is configured no more. The rest of a URL may
// hold a secret.
func (s *Settings) Target(listener, callbackURL string) (id, host string) {
	address := callbackURL
	switch id = strings.TrimPrefix(listener, endpointPrefix); {
	case listener == callbackListener && callbackURL != "":
		id = CallbackID
	case id == listener:
		return "", ""
	default:
		address = ""
		if endpoint := s.listeners()[listener]; endpoint != nil {
			address = endpoint.URL
		}
	}
	if target, err := url.Parse(address); err == nil {
		host = target.Host
	}
	return id, host
}

// Deliverer posts events. Its methods are safe for concurrent use.
type Deliverer struct {
	options Options
	logger  *slog.Logger
	metrics *metrics

	mu sync.Mutex
	// feeds run until cancel, and their attempts until cutOff; both are nil while stopped.
	cancel, cutOff context.CancelFunc
	running        sync.WaitGroup
}

// New returns a deliverer that does nothing yet. Errors tell what is wrong with the
// settings, or that the registerer already has the metrics.
func New(options Options) (*Deliverer, error) {
	if options.Store == nil || options.DutyFunc == nil {
		return nil, errors.New("webhook options: Store and DutyFunc are mandatory")
	}
	if options.NowFunc == nil {
		options.NowFunc = time.Now
	}
	options.Logger = cmp.Or(options.Logger, slog.New(slog.DiscardHandler))
	d := &Deliverer{options: options, logger: options.Logger, metrics: newMetrics()}
	if err := options.check(); err != nil {
		return nil, err
	}
	if options.Registerer != nil {
		if err := options.Registerer.Register(d.metrics); err != nil {
			return nil, fmt.Errorf("register metrics of webhooks: %w", err)
		}
	}
	return d, nil
}

// check returns what is wrong with the settings.
func (s *Settings) check() error {
	var errs []error
	seen := map[string]bool{}
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		if e.ID == "" || seen[e.ID] {
			errs = append(errs, fmt.Errorf("webhooks[%d].id: it is missing or that of another endpoint; give each its own", i))
		}
		seen[e.ID] = true
		errs = append(errs, e.Check())
	}
	if s.Callback != nil {
		errs = append(errs, s.Callback.checkSecrets())
	}
	return errors.Join(errs...)
}

// Start begins to listen and to post. An error means that the store could not be told
// who listens.
func (d *Deliverer) Start(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		return nil
	}
	return d.start(ctx)
}

func (d *Deliverer) start(ctx context.Context) error {
	listeners := d.options.listeners()
	if err := d.listen(ctx, listeners); err != nil {
		return err
	}
	lasting := context.WithoutCancel(ctx)
	attempts, cutOff := context.WithCancel(lasting)
	feeds, cancel := context.WithCancel(lasting)
	d.cancel, d.cutOff = cancel, cutOff
	for name, endpoint := range listeners {
		d.running.Go(func() { d.keepFeeding(feeds, attempts, name, newSender(*endpoint, &d.options)) })
	}
	return nil
}

// listen tells the store who listens, and that those of before do no more.
func (d *Deliverer) listen(ctx context.Context, listeners map[string]*Endpoint) error {
	known, err := d.options.Store.Listeners(ctx)
	for _, name := range known {
		ours := name == callbackListener || strings.HasPrefix(name, endpointPrefix)
		if err == nil && ours && listeners[name] == nil {
			err = d.options.Store.Listen(ctx, name, nil)
		}
	}
	for name, endpoint := range listeners {
		if err == nil {
			err = d.options.Store.Listen(ctx, name, endpoint.statuses())
		}
	}
	if err != nil {
		return fmt.Errorf("listen for webhooks: %w", err)
	}
	return nil
}

// Set puts other settings in force. After an error those of before are.
func (d *Deliverer) Set(ctx context.Context, settings Settings) error {
	if err := settings.check(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.options.Settings
	if d.cancel == nil || reflect.DeepEqual(before, settings) {
		d.options.Settings = settings
		return nil
	}
	if err := d.listen(ctx, settings.listeners()); err != nil {
		return errors.Join(err, d.listen(ctx, before.listeners()))
	}
	d.stop(ctx)
	d.options.Settings = settings
	d.metrics.reset()
	return d.start(ctx)
}

// Stop begins no more posts, lets those under way finish until ctx ends, and then cuts
// them off. What was not taken is posted after the next start.
func (d *Deliverer) Stop(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		d.stop(ctx)
	}
	return nil
}

func (d *Deliverer) stop(ctx context.Context) {
	d.cancel()
	defer context.AfterFunc(ctx, d.cutOff)()
	d.running.Wait()
	d.cutOff()
	d.cancel, d.cutOff = nil, nil
}

// dutyInterval is how often a node asks whether the housekeeping is its own.
const dutyInterval = time.Second

// keepFeeding feeds an endpoint until ctx ends, while that is this node's to do.
func (d *Deliverer) keepFeeding(ctx, attempts context.Context, listener string, sender *sender) {
	ticker := time.NewTicker(dutyInterval)
	defer ticker.Stop()
	for {
		if d.options.DutyFunc() {
			newFeed(d, listener, sender).run(ctx, attempts)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
