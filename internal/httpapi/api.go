package httpapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"courier"
	"courier/internal/store"
)

// Intake judges and completes messages. Errors are *courier.Error.
type Intake interface {
	// Accept returns the message that a draft asks for.
	Accept(draft courier.Draft) (*courier.Message, error)
	// Expiry returns when a message that is due now expires, zero for never.
	Expiry(lifetime courier.Lifetime) (time.Time, error)
	// Recipient returns a recipient as messages have it.
	Recipient(text string) (string, error)
	// Gateway returns the gateway that messages of a channel wait for.
	Gateway(channel string) (string, error)
}

// Engine stores messages durably and sees to it that they are sent.
type Engine interface {
	Enqueue(ctx context.Context, messages []*courier.Message) ([]store.Enqueued, error)
	// Wake says that a message may have become due.
	Wake()
}

// Store is what the API needs of the message store.
type Store interface {
	Message(ctx context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error)
	Receipts(ctx context.Context, id courier.ID) ([]courier.Receipt, error)
	Notices(ctx context.Context, id courier.ID) ([]store.Notice, error)
	Messages(ctx context.Context, query store.Query) (store.Page, error)
	Cancel(ctx context.Context, id courier.ID, now time.Time) (*courier.Message, error)
	Requeue(ctx context.Context, requeue store.Requeue) (*courier.Message, error)
	Resolve(ctx context.Context, resolve store.Resolve) (*courier.Message, error)
	Nodes(ctx context.Context) ([]store.Node, error)
	Stats(ctx context.Context, now time.Time) (store.Stats, error)
	Series(ctx context.Context, since, until time.Time) ([]store.Point, error)
	CountryTallies(ctx context.Context, since time.Time) ([]store.Tally, error)
	Faults(ctx context.Context, since time.Time) ([]store.Fault, error)
	Weights(ctx context.Context) ([]store.Weight, error)
	WeightHistory(ctx context.Context, route string, limit int) ([]store.Weight, error)
	Pause(ctx context.Context, pause store.Pause) error
	Resume(ctx context.Context, gateway string) (bool, error)
	Pauses(ctx context.Context) ([]store.Pause, error)
	Audit(ctx context.Context, entry store.Entry) error
	Audits(ctx context.Context, query store.AuditQuery) ([]store.Entry, error)
	StartAction(ctx context.Context, action store.Action) error
	StopAction(ctx context.Context, id courier.ID, now time.Time) (*store.Action, error)
	Action(ctx context.Context, id courier.ID) (*store.Action, error)
	Actions(ctx context.Context, limit int) ([]store.Action, error)
	// The sessions of visitors of the pages. An unknown one is store.ErrNotFound, or no error to end.
	PutSession(ctx context.Context, session store.Session) error
	UseSession(ctx context.Context, id [sha256.Size]byte, at time.Time) error
	Session(ctx context.Context, id [sha256.Size]byte) (store.Session, error)
	EndSession(ctx context.Context, id [sha256.Size]byte) error
}

// Operation is what operators look at and change beside messages.
type Operation struct {
	// Gateways tells of the gateways; nil for none.
	Gateways Gateways
	// WakeActionsFunc has whoever carries out actions look for one that was started; nil for
	// nobody.
	WakeActionsFunc func()
	// QueuesFunc tells of what waits what holds it up; nil for what the store knows.
	QueuesFunc func(waiting []store.Waiting) []Waiting
	// ToldFunc returns whom a listener tells of a message: the id of the webhook and the
	// host, empty for nobody; nil is nobody. A callback_url may be empty.
	ToldFunc func(listener, callbackURL string) (id, host string)
	// Workbench tries templates; nil for nobody.
	Workbench Workbench
}

// Options are the parts and settings of an API. Intake, Engine and Store are mandatory.
type Options struct {
	Intake Intake
	Engine Engine
	Store  Store
	// Receipts takes what gateways report, on the public listener; nil for nobody.
	Receipts Receipts
	// Hooks takes the calls of identity systems; nil for none.
	Hooks Hooks
	// Pages are shown on the admin listener; nil for none.
	Pages Pages
	Operation
	// Checks must all pass before the courier is ready.
	Checks []Check
	// DryFunc reports whether messages are taken and not sent; nil is never.
	DryFunc func() bool
	// Keys are the API keys; without any, every caller may do everything.
	Keys []Key
	// AnyHost takes requests for any host name although there are no keys. By
	// default they must be for localhost or an IP address, so that no web page
	// gets at a courier without keys by pointing a name of its own at it.
	AnyHost bool
	// MaxBodySize bounds the body of a request, in bytes; default 1 MiB. That of
	// a batch may be eight times as large.
	MaxBodySize int64
	// Timeout bounds the work for one request; default 30 s.
	Timeout time.Duration
	Version Version
	// Gatherer is served at /metrics, Registerer takes the API's own metrics.
	Gatherer       prometheus.Gatherer
	Registerer     prometheus.Registerer
	TracerProvider trace.TracerProvider
	Logger         *slog.Logger
	// NowFunc is the clock; default time.Now.
	NowFunc func() time.Time
}

func (o *Options) setDefaults() {
	o.MaxBodySize = cmp.Or(max(o.MaxBodySize, 0), 1<<20)
	o.Timeout = cmp.Or(max(o.Timeout, 0), 30*time.Second)
	o.Gatherer = cmp.Or[prometheus.Gatherer](o.Gatherer, prometheus.NewRegistry())
	o.Registerer = cmp.Or[prometheus.Registerer](o.Registerer, prometheus.NewRegistry())
	o.TracerProvider = cmp.Or[trace.TracerProvider](o.TracerProvider, noop.NewTracerProvider())
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.NowFunc == nil {
		o.NowFunc = time.Now
	}
}

// API is the HTTP interface. Its handlers are safe for concurrent use.
type API struct {
	options  Options
	keys     atomic.Pointer[[]Key]
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	hooks    *prometheus.CounterVec
	tracer   trace.Tracer
	origins  *http.CrossOriginProtection

	conflicts conflicts
	remembering
	// strangers and refusals thin out what is logged of requests without a key,
	// by their address, of refused ones, by their code, and of refused receipts.
	strangers, refusals, receipts quiet
	// unready is what the last question for readiness was answered.
	unready atomic.Bool

	admin  http.Handler
	public http.Handler
	// within serves the requests of our own pages.
	within http.Handler
	// ending is closed when lasting answers must end.
	ending     chan struct{}
	endOnce    sync.Once
	ownSealKey sealKey
}

// remembering is what is asked for again and again, and costs much.
type remembering struct {
	// specFunc builds the OpenAPI document when it is first asked for: it takes longer than
	// all else of a start.
	specFunc   func() (specification, error)
	longSeries recent[seriesKey, series]
	lastDay    recent[struct{}, dayOf]
}

// New returns an API, or an error when its metrics are registered already.
func New(options Options) (*API, error) {
	options.setDefaults()
	a := &API{
		options: options,
		tracer:  options.TracerProvider.Tracer("courier/httpapi"),
		origins: http.NewCrossOriginProtection(),
		ending:  make(chan struct{}), ownSealKey: newSealKey(),
	}
	a.SetKeys(options.Keys)
	if err := a.registerMetrics(); err != nil {
		return nil, err
	}
	endpoints := slices.Concat(a.messageEndpoints(), a.changeEndpoints(), a.operatorEndpoints(), a.gatewayEndpoints(), a.actionEndpoints(), a.workbenchEndpoints())
	a.longSeries, a.lastDay = newRecent[seriesKey, series](), newRecent[struct{}, dayOf]()
	a.specFunc = sync.OnceValues(func() (specification, error) { return specify(endpoints) })
	a.within = a.serve(listenerPages, endpoints)
	a.admin = a.serve(listenerAdmin, slices.Concat(endpoints, a.kratosEndpoints(), a.pageEndpoints()))
	a.public = a.serve(listenerPublic, slices.Concat(a.healthEndpoints(), a.receiptEndpoints(), a.hookEndpoints()))
	return a, nil
}

// Admin returns the handler of the admin listener.
func (a *API) Admin() http.Handler { return a.admin }

// Public returns the handler of the public listener.
func (a *API) Public() http.Handler { return a.public }

func (a *API) now() time.Time { return a.options.NowFunc().UTC().Truncate(time.Microsecond) }
