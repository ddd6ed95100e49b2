package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
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

// Request is the request of one message, to be sent once.
type Request interface {
	// Send writes the request and judges the answer. It returns when the answer is
	// read, and soon after the context ends. The engine fills in the Number, the
	// Gateway, StartedAt and the Duration.
	Send(ctx context.Context) courier.Attempt
}

// Store is the part of store.Store that the engine needs.
type Store interface {
	Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error)
	Claim(ctx context.Context, claim store.Claim) ([]*courier.Message, error)
	Settle(ctx context.Context, settlements []store.Settlement) ([]bool, error)
	Message(ctx context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error)
	Messages(ctx context.Context, query store.Query) (store.Page, error)
	Receive(ctx context.Context, receipts []courier.Receipt) ([]store.Received, error)
	NextDue(ctx context.Context, gateway string, lane courier.Lane) (time.Time, error)
	Waiting(ctx context.Context, query store.WaitingQuery) ([]*courier.Message, error)
	Move(ctx context.Context, moves []store.Move, now time.Time) (int, error)
	Tallies(ctx context.Context, since time.Time) ([]store.Tally, error)
	Weights(ctx context.Context) ([]store.Weight, error)
	SetWeight(ctx context.Context, weight store.Weight) error
	Stats(ctx context.Context, now time.Time) (store.Stats, error)
	Check(ctx context.Context) error
}

// Cluster is this node among those that share the store.
type Cluster interface {
	// Join makes the node known before it leases anything. The context of every
	// attempt is attempts or derived from it.
	Join(ctx, attempts context.Context) error
	// Run tells the others that the node is alive, and does what is to be done for
	// all, until ctx ends.
	Run(ctx context.Context)
	// Leave signs off: nothing is leased any more.
	Leave(ctx context.Context)
	// Changed says that the gateways of the engine or its settings are others now, or
	// that it left messages to nobody.
	Changed()
	// Ready returns why the node may begin nothing, or nil.
	Ready() error
	// Term is the time for which leases hold, and false when the node may begin
	// nothing. What was leased in an earlier one may be another node's by now.
	Term() (term uint64, ok bool)
	// Holds reports whether what was leased in a term is this node's for sure.
	Holds(term uint64) bool
	// Attempts is the context of attempts that begin now. It ends when another node
	// may take their messages over.
	Attempts() context.Context
	// Nodes counts the nodes that are alive, this one included.
	Nodes() int
	// OnDuty reports whether what is done for all nodes is this one's to do.
	OnDuty() bool
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
	DefaultRetryInitial  = 500 * time.Millisecond
	DefaultRetryMax      = 30 * time.Second

	DefaultBreakerFailures = 5
	DefaultBreakerShare    = 0.5
	DefaultBreakerWindow   = 10 * time.Second
)

// Retention says how long messages are kept after their last change, once they
// are sent or final. 0 keeps them for ever.
type Retention struct {
	// ScrubAfter is when the content is taken out.
	ScrubAfter time.Duration
	// DeleteAfter is when the message is deleted. A scrub counts as a change.
	DeleteAfter time.Duration
}

// GatewayOptions describe one gateway and how hard it may be driven.
type GatewayOptions struct {
	Gateway Gateway
	// Fingerprint changes with everything that decides whether the gateway takes
	// messages: while it is the same, a Reconfigure keeps what was learnt. Empty is
	// always another.
	Fingerprint string
	// MaxInFlight is the most attempts at one time. As many outcomes may wait to be
	// written, so a crash can repeat twice as many. 0 is DefaultMaxInFlight.
	MaxInFlight int
	// Timeout bounds one attempt. 0 is DefaultTimeout.
	Timeout time.Duration
	// MaxRate is the most attempts in a second of all nodes together, each of which gets
	// the same part; 0 is no limit.
	MaxRate float64
	// OnUnknown and Retry are those of the Settings when zero.
	OnUnknown UnknownPolicy
	Retry     Retry
	Breaker   Breaker
	// Receipts is true when the gateway reports what became of a message that it took.
	Receipts bool
}

// Breaker says when trouble (time-outs, broken connections, answers of an overloaded
// server) opens a gateway's breaker. Zero fields stand for the defaults.
type Breaker struct {
	// Failures is how many attempts have to fail within the window, of three recipients
	// at least. 0 is DefaultBreakerFailures.
	Failures int
	// Share is the share of the attempts in the window that has to fail, above 0 to 1.
	// 0 is DefaultBreakerShare.
	Share float64
	// Window is how long failures count. 0 is DefaultBreakerWindow.
	Window time.Duration
}

// Route says through which gateways a part of the messages goes. A message belongs to
// it when it fits each of To, Channel and TemplateType that is not empty.
type Route struct {
	Name string
	// To are beginnings of numbers ("+1") or countries ("DE").
	To           []string
	Channel      string
	TemplateType string
	// Gateways are in order: a message goes to the first that takes messages, and on to
	// the next when that one fails. When some have a weight, chance decides by it where
	// a message begins, and those without only stand in.
	Gateways []RouteGateway
	// Demote lets the engine give a gateway that delivers less or slower than the others
	// a smaller part.
	Demote bool
}

// RouteGateway is one gateway of a route.
type RouteGateway struct {
	Gateway string
	Weight  int
}

// Settings are what Reconfigure can change while the engine runs.
type Settings struct {
	// Gateways are those that messages are sent through. The first takes the messages
	// of a gateway that is not among them. With none, Enqueue refuses.
	Gateways []GatewayOptions
	// Routes say which gateways serve a message: the first that fits it. With none, and
	// for a message that no route fits, all gateways serve it in order, beginning with
	// its own if it names one.
	Routes []Route
	// Only names, by recipient, a gateway through which the messages of those recipients
	// go, whatever routes and callers say, and no others.
	Only map[string]string
	// MessageRetries is how often a message is attempted again; 0 is one attempt.
	MessageRetries int
	// SupersedeWait bounds how long a message waits for an older one with its
	// SupersedeKey that is in flight; 0 is not at all.
	SupersedeWait time.Duration
	Retry         Retry
	// OnUnknown is ResendUnknown when empty.
	OnUnknown UnknownPolicy
	Retention Retention
}

// Options are what New needs. Store, Node and ClusterFunc are mandatory.
type Options struct {
	Settings

	Store Store
	// Node names this process among all that ever held a lease: it is new for
	// each start, so that the leases of a crashed process are not taken for its own.
	Node string
	// LeaseDuration is how long a claimed message is this node's. 0 is DefaultLeaseDuration.
	LeaseDuration time.Duration
	// GracePeriod is how long Stop lets attempts in flight finish. 0 is
	// DefaultGracePeriod, a negative one none.
	GracePeriod time.Duration
	// PollInterval is how often a queue looks for messages that it was not told
	// of. 0 is DefaultPollInterval.
	PollInterval time.Duration

	// ClusterFunc returns this process among those that share the store. Mandatory.
	ClusterFunc func(e *Engine) (Cluster, error)

	// NowFunc is the clock of the store, which all nodes share; time.Now when nil.
	NowFunc func() time.Time
	// TickFunc is the clock of this machine, with a monotonic reading, for all that is
	// waited for; time.Now when nil.
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
	if o.ClusterFunc == nil {
		return o, errors.New("dispatch options: ClusterFunc is mandatory")
	}
	settings, err := o.Settings.withDefaults()
	o.Settings = settings
	setDefault(&o.LeaseDuration, DefaultLeaseDuration)
	setDefault(&o.GracePeriod, DefaultGracePeriod)
	setDefault(&o.PollInterval, DefaultPollInterval)
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
	s.Gateways = slices.Clone(s.Gateways)
	for i := range s.Gateways {
		g := &s.Gateways[i]
		setDefault(&g.MaxInFlight, DefaultMaxInFlight)
		setDefault(&g.Timeout, DefaultTimeout)
		setDefault(&g.OnUnknown, s.OnUnknown)
		setDefault(&g.Retry.Initial, s.Retry.Initial)
		setDefault(&g.Retry.Max, max(s.Retry.Max, g.Retry.Initial))
		g.Breaker = g.Breaker.withDefaults()
	}
	return s, s.validate()
}

func (b Breaker) withDefaults() Breaker {
	setDefault(&b.Failures, DefaultBreakerFailures)
	setDefault(&b.Share, DefaultBreakerShare)
	setDefault(&b.Window, DefaultBreakerWindow)
	return b
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
	if s.SupersedeWait < 0 {
		return fmt.Errorf("dispatch settings: the wait for a superseded message is %s; give 0s or more", s.SupersedeWait)
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
	if err := validateGateways(s.Gateways); err != nil {
		return err
	}
	return validateRoutes(s.Routes, s.Gateways)
}

func validateGateways(gateways []GatewayOptions) error {
	seen := make(map[string]bool, len(gateways))
	for i, g := range gateways {
		if g.Gateway == nil {
			return fmt.Errorf("dispatch settings: gateways[%d] has no gateway", i)
		}
		name := g.Gateway.Name()
		if name == "" || seen[name] {
			return fmt.Errorf("dispatch settings: gateways[%d] is named %q; give each its own name", i, name)
		}
		if err := g.validate(); err != nil {
			return fmt.Errorf("dispatch settings: gateway %q: %w", name, err)
		}
		seen[name] = true
	}
	return nil
}

// validate says what is wrong with how hard a gateway may be driven.
func (g *GatewayOptions) validate() error {
	switch b := g.Breaker; {
	case g.MaxInFlight < 0 || g.Timeout < 0:
		return errors.New("max_in_flight and timeout must be positive")
	case !(g.MaxRate >= 0) || math.IsInf(g.MaxRate, 0):
		return fmt.Errorf("max_rate is %v; give attempts per second, or 0 for no limit", g.MaxRate)
	case g.OnUnknown != ResendUnknown && g.OnUnknown != HoldUnknown:
		return fmt.Errorf("on_unknown is %q; give resend or hold", g.OnUnknown)
	case g.Retry.Initial < 0 || g.Retry.Max < g.Retry.Initial:
		return fmt.Errorf("retry.max %s is below retry.initial %s; raise it", g.Retry.Max, g.Retry.Initial)
	case b.Failures < 1 || !(b.Share > 0 && b.Share <= 1) || b.Window < time.Second:
		return fmt.Errorf("breaker is %+v; give at least 1 failure, a share above 0 to 1, and a window of 1s or more", b)
	}
	return nil
}

func validateRoutes(routes []Route, gateways []GatewayOptions) error {
	for i := range routes {
		r := &routes[i]
		if len(r.Gateways) == 0 {
			return fmt.Errorf("dispatch settings: route %q has no gateways; name one", r.Name)
		}
		seen := make(map[string]bool, len(r.Gateways))
		for _, to := range r.Gateways {
			known := slices.ContainsFunc(gateways, func(g GatewayOptions) bool { return g.Gateway.Name() == to.Gateway })
			if !known || seen[to.Gateway] || to.Weight < 0 {
				return fmt.Errorf("dispatch settings: route %q: gateway %q is unknown, is there twice, or has a negative weight", r.Name, to.Gateway)
			}
			seen[to.Gateway] = true
		}
	}
	return nil
}
