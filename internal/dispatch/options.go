package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
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
	Render(ctx context.Context, m *courier.Message) (Request, error)
}

// Request is the request of one message.
type Request interface {
	// Send sends it and judges the answer. It returns soon after the context ends.
	Send(ctx context.Context) courier.Attempt
}

// Store is the part of store.Store that the engine needs.
type Store interface {
	queueStore
	keeperStore
	retentionStore
	memberStore
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

// memberStore lets the nodes that share the store know of each other, and share
// the rates of the gateways.
type memberStore interface {
	Beat(ctx context.Context, beat store.Beat) (store.Standing, error)
	Leave(ctx context.Context, node string) error
	Reserve(ctx context.Context, reservation store.Reservation) (store.Grant, error)
	// Wakes is nil when no other node can use the store.
	Wakes() <-chan string
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
	DefaultPollInterval  = time.Second
	DefaultBeatInterval  = time.Second
	DefaultLapse         = 6 * time.Second
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
	// MaxRate is the most attempts in a second of all nodes together; 0 is no limit.
	MaxRate float64
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

	// Host and Version tell an operator which machine and program the node is.
	Host, Version string
	// BeatInterval is how often the node tells the others that it is alive. 0 is
	// DefaultBeatInterval.
	BeatInterval time.Duration
	// Lapse is how long after a beat the others take it for dead. It is a few times
	// BeatInterval. 0 is DefaultLapse.
	Lapse time.Duration

	// NowFunc is the clock of the store, which all nodes share; time.Now when nil.
	NowFunc func() time.Time
	// TickFunc is the clock of this machine, with a monotonic reading; time.Now when nil.
	TickFunc func() time.Time
	// TokenFunc returns the token of a lease, from any goroutine: above 0 and such
	// that no two of any nodes are the same. Random when nil.
	TokenFunc func() int64
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
	setDefault(&o.BeatInterval, DefaultBeatInterval)
	setDefault(&o.Lapse, DefaultLapse)
	if o.NowFunc == nil {
		o.NowFunc = time.Now
	}
	if o.TickFunc == nil {
		o.TickFunc = time.Now
	}
	if o.TokenFunc == nil {
		o.TokenFunc = randomToken
	}
	if o.RandFunc == nil {
		o.RandFunc = rand.Float64
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err == nil && o.Lapse < 3*o.BeatInterval {
		err = fmt.Errorf("dispatch options: lapse %s is below three times the beat interval %s; raise it", o.Lapse, o.BeatInterval)
	}
	return o, err
}

// randomToken returns one of so many tokens that none comes twice. It leaves the
// upper half of the numbers to stores that count on from the highest.
func randomToken() int64 {
	return 1 + rand.Int64N(1<<62)
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
		if !(lane.MaxRate >= 0) || math.IsInf(lane.MaxRate, 0) {
			return fmt.Errorf("dispatch settings: gateway %q: max_rate is %v; give attempts per second, or 0 for no limit", name, lane.MaxRate)
		}
		seen[name] = true
	}
	return nil
}
