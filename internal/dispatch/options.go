package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"courier"
	"courier/internal/store"
)

// Gateway is one account at one SMS provider, as the engine sees it. It is
// called concurrently.
type Gateway interface {
	// Name is the gateway's name, the same for its whole life.
	Name() string
	// Render builds the request of a message without sending anything. Its
	// errors are courier.ErrTemplateCanceled or *courier.RenderError.
	Render(ctx context.Context, m *courier.Message) (*http.Request, error)
	// Send writes the request and judges the answer. It returns soon after the
	// context of the request ends.
	Send(request *http.Request) courier.Attempt
}

// Store is the part of store.Store that the engine needs.
type Store interface {
	queueStore
	keeperStore
	retentionStore
}

// queueStore moves messages through the queue.
type queueStore interface {
	Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error)
	Claim(ctx context.Context, claim store.Claim) ([]*courier.Message, error)
	Settle(ctx context.Context, settlements []store.Settlement) ([]bool, error)
	NextDue(ctx context.Context, gateway string) (time.Time, error)
}

// keeperStore keeps the queue in order.
type keeperStore interface {
	Reclaim(ctx context.Context, reclaim store.Reclaim) (int, error)
	Expire(ctx context.Context, now time.Time, limit int) (int, error)
	Reroute(ctx context.Context, known []string, to string, now time.Time) (int, error)
	Stats(ctx context.Context, now time.Time) (store.Stats, error)
}

// retentionStore forgets what is old.
type retentionStore interface {
	Scrub(ctx context.Context, sweep store.Sweep) (int, error)
	Purge(ctx context.Context, sweep store.Sweep) (int, error)
}

// UnknownPolicy says what becomes of a message whose request was written and
// whose answer was not read.
type UnknownPolicy string

// The policies for an unknown outcome.
const (
	// ResendUnknown attempts the message again: at least once.
	ResendUnknown UnknownPolicy = "resend"
	// HoldUnknown leaves the message to an operator: at most once.
	HoldUnknown UnknownPolicy = "hold"
)

// The values that stand for zero fields.
const (
	DefaultMaxInFlight   = 64
	DefaultTimeout       = 10 * time.Second
	DefaultLeaseDuration = 2 * time.Minute
	DefaultGracePeriod   = 20 * time.Second
	DefaultPollInterval  = 5 * time.Second
	DefaultRetryInitial  = 500 * time.Millisecond
	DefaultRetryMax      = 30 * time.Second
)

// LaneOptions describe one gateway and how hard it may be driven.
type LaneOptions struct {
	Gateway Gateway
	// MaxInFlight is the most messages of the gateway that are leased and not
	// yet settled, which bounds the requests in flight and what a crash can
	// repeat. 0 is DefaultMaxInFlight.
	MaxInFlight int
	// Timeout bounds one attempt. 0 is DefaultTimeout.
	Timeout time.Duration
}

// Settings are what Reconfigure can change while the engine runs.
type Settings struct {
	// Gateways are the lanes. The first takes the messages of a gateway that is
	// not among them. With none, Enqueue refuses.
	Gateways []LaneOptions
	// MessageRetries is how often a message is attempted again; 0 is one attempt.
	MessageRetries int
	Retry          Retry
	// OnUnknown is ResendUnknown when empty.
	OnUnknown UnknownPolicy
	Retention Retention
}

// Options are what New needs. Store and Node are mandatory.
type Options struct {
	Settings

	Store Store
	// Node names this process among all that ever held a lease: it is new for
	// each start, so that the leases of a crashed process are told apart.
	Node string
	// LeaseDuration is how long a claimed message is this node's. 0 is DefaultLeaseDuration.
	LeaseDuration time.Duration
	// GracePeriod is how long Stop lets attempts in flight finish. 0 is
	// DefaultGracePeriod, a negative one none.
	GracePeriod time.Duration
	// PollInterval is how often a lane looks for messages that it was not told
	// of. 0 is DefaultPollInterval.
	PollInterval time.Duration

	// NowFunc is time.Now when nil.
	NowFunc func() time.Time
	// RandFunc returns a number in [0, 1) for jitter, from any goroutine.
	RandFunc func() float64
	// Logger discards when nil.
	Logger *slog.Logger
	// Registerer gets the metrics of the engine; nil keeps them to itself.
	Registerer prometheus.Registerer
	// TracerProvider makes a span per attempt; nil makes none.
	TracerProvider trace.TracerProvider
}

// withDefaults returns the options with every zero field filled in, or what is
// wrong with them.
func (o Options) withDefaults() (Options, error) {
	if o.Store == nil {
		return o, errors.New("dispatch options: Store is mandatory")
	}
	if o.Node == "" {
		return o, errors.New("dispatch options: Node is mandatory; name this process")
	}
	settings, err := o.Settings.withDefaults()
	o.Settings = settings
	setDefault(&o.LeaseDuration, DefaultLeaseDuration)
	setDefault(&o.GracePeriod, DefaultGracePeriod)
	setDefault(&o.PollInterval, DefaultPollInterval)
	if o.NowFunc == nil {
		o.NowFunc = time.Now
	}
	if o.RandFunc == nil {
		o.RandFunc = rand.Float64
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, err
}

func (s Settings) withDefaults() (Settings, error) {
	setDefault(&s.Retry.Initial, DefaultRetryInitial)
	setDefault(&s.Retry.Max, max(DefaultRetryMax, s.Retry.Initial))
	setDefault(&s.OnUnknown, ResendUnknown)
	lanes := make([]LaneOptions, len(s.Gateways))
	for i, lane := range s.Gateways {
		setDefault(&lane.MaxInFlight, DefaultMaxInFlight)
		setDefault(&lane.Timeout, DefaultTimeout)
		lanes[i] = lane
	}
	s.Gateways = lanes
	return s, s.validate()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (s Settings) validate() error {
	if s.MessageRetries < 0 {
		return fmt.Errorf("dispatch settings: message retries are %d; give 0 or more", s.MessageRetries)
	}
	if s.OnUnknown != ResendUnknown && s.OnUnknown != HoldUnknown {
		return fmt.Errorf("dispatch settings: on_unknown is %q; give resend or hold", s.OnUnknown)
	}
	if s.Retry.Initial < 0 || s.Retry.Max < s.Retry.Initial {
		return fmt.Errorf("dispatch settings: retry.max %s is below retry.initial %s; raise it", s.Retry.Max, s.Retry.Initial)
	}
	if s.Retention.ScrubAfter < 0 || s.Retention.DeleteAfter < 0 {
		return fmt.Errorf("dispatch settings: retention is %s and %s; give times of 0 or more", s.Retention.ScrubAfter, s.Retention.DeleteAfter)
	}
	return validateLanes(s.Gateways)
}

func validateLanes(lanes []LaneOptions) error {
	seen := make(map[string]bool, len(lanes))
	for i, lane := range lanes {
		if lane.Gateway == nil {
			return fmt.Errorf("dispatch settings: gateways[%d] has no gateway", i)
		}
		name := lane.Gateway.Name()
		if name == "" || seen[name] {
			return fmt.Errorf("dispatch settings: gateways[%d] is named %q; give each its own name", i, name)
		}
		if lane.MaxInFlight < 0 || lane.Timeout < 0 {
			return fmt.Errorf("dispatch settings: gateway %q: max_in_flight and timeout must be positive", name)
		}
		seen[name] = true
	}
	return nil
}
