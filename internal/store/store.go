// Package store is the contract of the message store: the row of a message is
// also its place in the queue and its state. The engines below it
// (store/sqlite, …) pass the one conformance suite store/storetest.
package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"courier"
)

// Sentinel errors. A store wraps them with the operation and what to do next.
var (
	// ErrNotFound reports that no message has the id.
	ErrNotFound = errors.New("message not found")
	// ErrIdempotencyConflict reports an idempotency key that was used for other content.
	ErrIdempotencyConflict = errors.New("idempotency key was used for a different message")
	// ErrLocked reports that another process holds the database.
	ErrLocked = errors.New("database is held by another process")
	// ErrFull reports that the disk has no room: nothing was changed.
	ErrFull = errors.New("disk is full")
	// ErrReadOnly reports that the database cannot be written: nothing was changed.
	ErrReadOnly = errors.New("database is read-only")
	// ErrUnavailable reports any other fault of the database that may pass.
	ErrUnavailable = errors.New("store is unavailable")
	// ErrClosed reports a call after Close.
	ErrClosed = errors.New("store is closed")
	// ErrDuplicateID reports a message whose ID is stored already.
	ErrDuplicateID = errors.New("message id is stored already")
	// ErrScrubbed reports a message whose content was taken out, so that it cannot
	// be sent again.
	ErrScrubbed = errors.New("message content was scrubbed")
	// ErrInvalid reports a message that no store can keep: without an ID, with a
	// status other than queued and processing, with a lease that does not fit it, or
	// with a document that is no JSON.
	ErrInvalid = errors.New("message cannot be stored")
)

// TransitionError reports that the state machine forbids what was asked for.
type TransitionError struct {
	ID   courier.ID
	From courier.Status
	To   courier.Status
}

// Error implements error.
func (e *TransitionError) Error() string {
	return "message " + e.ID.String() + " is " + string(e.From) + " and cannot become " + string(e.To)
}

// Store keeps messages. All methods are safe for concurrent use. Every update
// is guarded by the transitions of courier.Status: one whose guard does not
// hold changes nothing and says so. All times that are given to it and that it
// returns are on one clock, Now, also those of attempts, and are rounded down to
// microseconds; how long something took is measured by who did it. A call whose
// context ends returns the context's error at once, and one of a database that is
// known to be away ErrUnavailable; what they asked for may still happen.
type Store interface {
	// Enqueue stores the messages in one transaction that has reached the disk
	// when it returns, and answers for each in order. Messages are queued, or
	// processing with a lease, whose Token is the caller's own or, when that is 0,
	// given by the store; no later claim gives it again. The messages passed are
	// left as they are, those of the answer are what is stored. A queued message
	// without NextAttemptAt is due at its CreatedAt. Concurrent calls share
	// commits. Each Caller has idempotency keys of its own; a message that SQL stored,
	// or a version that knew no callers, has the empty one. An error means that nothing is known to be stored; ErrInvalid and
	// ErrDuplicateID are faults of the caller.
	//
	// A message with a SupersedeKey takes the place of those of its Caller that have the
	// key (and, where that is the courier's own, its recipient), in the order in which transactions with the key are committed: of the queued
	// ones at once, and of one that is processing if that comes to be queued or unknown,
	// which is then canceled instead. It waits for those in flight, at most until its
	// HoldUntil, as queued even if it came with a lease. One that repeats the latest
	// message of its key and recipient within RepeatWithin is a duplicate of that, unless
	// that one is dead. Of those with one key in one call the last takes the place of the others.
	//
	// A message with Limits is stored only when each leaves room for it, whatever other
	// nodes store at the same time; otherwise its answer is a *courier.LimitError. Those of
	// one call are judged in order. A repeat by a key counts nothing.
	Enqueue(ctx context.Context, messages []*courier.Message) ([]Enqueued, error)

	// Claim leases up to Limit due messages of a gateway in a lane, the earliest due
	// first or, when asked for, the latest, and returns them as processing. Their NextAttemptAt still says when
	// they were due.
	Claim(ctx context.Context, claim Claim) ([]*courier.Message, error)

	// Settle writes what attempts came to, in one transaction. It answers for
	// each in order whether it applied: one whose lease is no longer held
	// changes nothing. LastError becomes the attempt when it was not accepted,
	// and nil when it was. A Status that may not follow processing is a
	// *TransitionError, and nothing of the call applies. A message whose place was taken
	// becomes canceled where Ends says so, and the newer one that waits for it is due. Receipts of the message that
	// were parked are applied in the transaction in which it is queued again; in those
	// that end an attempt otherwise, or at once after it.
	Settle(ctx context.Context, settlements []Settlement) ([]bool, error)

	// Receive takes in what gateways report of messages, in one transaction, and answers
	// for each in order; when it returns, that has reached the disk. A receipt belongs to the
	// message of which an attempt through its Gateway has its GatewayMessageID, also an
	// attempt before the last, or else to its MessageID if that was tried through the
	// gateway. What belongs to no attempt, or to one that is under way, is parked, also
	// over a restart. A message leaves queued, sent and unknown by receipts, and no
	// final status: it is delivered when all parts of one attempt are, and not delivered
	// when one part of the last attempt that a gateway may have taken is not. LastError
	// then says why, with the outcome accepted. A receipt of sent or delivered of a message
	// that is queued after an attempt of unknown outcome keeps it from being sent
	// again. A receipt that has no ReceivedAt was received now.
	Receive(ctx context.Context, receipts []courier.Receipt) ([]Received, error)

	// Receipts returns the receipts of a message in the order in which they were
	// received, each status once for each part, with the MessageID filled in.
	Receipts(ctx context.Context, id courier.ID) ([]courier.Receipt, error)

	// Reclaim takes back the leases that nobody will settle any more and returns
	// how many. Each message gets an attempt of outcome unknown and class
	// outcome_unknown, which counts as made (SendCount) but is not held against
	// the message (RetryCount), and is due now, or unknown with Hold, or canceled if its
	// place was taken meanwhile.
	Reclaim(ctx context.Context, reclaim Reclaim) (int, error)

	// Expire moves up to limit queued messages whose ExpiresAt is not after now
	// to expired and returns how many it moved.
	Expire(ctx context.Context, now time.Time, limit int) (int, error)

	// Reroute gives every queued message whose gateway is not among known to
	// the gateway to, in batches, and returns how many it moved, also with an
	// error. When the messages are due does not change.
	Reroute(ctx context.Context, known []string, to string, now time.Time) (int, error)

	// Waiting returns a page of the queue of a gateway in a lane, the earliest due first,
	// and changes nothing.
	Waiting(ctx context.Context, query WaitingQuery) ([]*courier.Message, error)

	// Move gives messages that are still queued for one gateway to another and returns
	// how many it moved, in one transaction. When they are due does not change.
	Move(ctx context.Context, moves []Move, now time.Time) (int, error)

	// NextDue returns when the earliest queued message of the gateway in a lane is due,
	// or the zero time when none is queued.
	NextDue(ctx context.Context, gateway string, lane courier.Lane) (time.Time, error)

	// Message returns a message with its attempts in order. Unknown ids are ErrNotFound.
	Message(ctx context.Context, id courier.ID) (*courier.Message, []courier.Attempt, error)

	// Messages returns one page, newest first: in descending order of ID.
	Messages(ctx context.Context, query Query) (Page, error)

	// Cancel withdraws a queued or unknown message; otherwise *TransitionError.
	// Canceling a canceled message again is no error.
	Cancel(ctx context.Context, id courier.ID, now time.Time) (*courier.Message, error)

	// Requeue queues a message by hand, as Requeue says; otherwise
	// *TransitionError, or ErrScrubbed for one whose content is gone.
	Requeue(ctx context.Context, requeue Requeue) (*courier.Message, error)

	// Resolve says what became of an unknown message, by hand; *TransitionError for any
	// other, and ErrScrubbed for one to be sent again whose content is gone.
	Resolve(ctx context.Context, resolve Resolve) (*courier.Message, error)

	// Stats returns the state of the queue. Its cost does not grow with the queue.
	Stats(ctx context.Context, now time.Time) (Stats, error)

	// Scrub takes the content out of up to Limit messages that were last changed
	// before a time and are sent or final, the oldest first, and returns how many.
	// Body, Subject, TemplateData and RequestHeaders become empty and ScrubbedAt
	// says when; nothing else changes. A scrubbed message cannot be queued again.
	Scrub(ctx context.Context, sweep Sweep) (int, error)

	// Purge deletes up to Limit messages, with their attempts and receipts, that are sent or
	// final and were last changed before a time, and returns how many. For a
	// scrubbed one the scrub is the last change. Of the scrubbed ones, and of the
	// others, the oldest are first. A deleted message's idempotency key is free again.
	Purge(ctx context.Context, sweep Sweep) (int, error)

	// PurgeUsage forgets up to limit subjects of limits whose messages count no more, and
	// returns how many.
	PurgeUsage(ctx context.Context, now time.Time, limit int) (int, error)

	// Listen says which statuses a listener hears of from now on: whatever brings a
	// message into one of them, be it a call of any node or SQL, leaves an Event in its
	// transaction. It holds for all nodes until the next call, beyond Close. With no
	// statuses the listener and its events are gone. While nobody listens a change costs
	// nothing more.
	Listen(ctx context.Context, listener string, statuses []courier.Status) error

	// Listeners returns the names of those that listen, in order.
	Listeners(ctx context.Context) ([]string, error)

	// Events returns up to limit events of a listener that were not forgotten and whose
	// Seq is above after, those of one message in their order. After is to page past
	// what is not dealt with yet; as events may become visible out of their order, whoever
	// pages begins at 0 again from time to time.
	Events(ctx context.Context, listener string, after int64, limit int) ([]Event, error)

	// Forget deletes events that were dealt with.
	Forget(ctx context.Context, events []Event) error

	// RecordNotices writes what came of events, by their Seq: Tries are added to those of
	// before. Of one that goes on waiting the event stays; that of any other is forgotten,
	// and the notice kept with its message, if that is there still. An event that is
	// forgotten is left out.
	RecordNotices(ctx context.Context, notices []Notice) error

	// Notices returns what became of the events of a message that were not forgotten
	// without a notice, in the order of the events. Its cost does not grow with the store.
	Notices(ctx context.Context, id courier.ID) ([]Notice, error)

	// Tallies returns what became of the messages that were accepted since a time, by
	// minute, gateway and country. Other nodes may know of a few seconds more. They
	// are kept for TalliesFor; a crash loses the counts of some seconds.
	Tallies(ctx context.Context, since time.Time) ([]Tally, error)

	// CountryTallies are Tallies of all minutes together, by gateway and country.
	CountryTallies(ctx context.Context, since time.Time) ([]Tally, error)

	// Series returns what happened from a time on and before another, by minute or ten
	// minutes and gateway, and Faults the failures since a time by class. Both are kept for
	// SeriesFor, and as current as Tallies.
	Series(ctx context.Context, since, until time.Time) ([]Point, error)
	Faults(ctx context.Context, since time.Time) ([]Fault, error)

	// SetWeight changes the weight of a gateway in a route. The weights of before are
	// kept for WeightsFor.
	SetWeight(ctx context.Context, weight Weight) error

	// Weights returns the weight of each gateway in each route as it was set last, and
	// WeightHistory the changes of a route, newest first.
	Weights(ctx context.Context) ([]Weight, error)
	WeightHistory(ctx context.Context, route string, limit int) ([]Weight, error)

	// Pause has a gateway take no messages, on all nodes from their next beat on, until
	// Resume; pausing it again changes the reason. Resume reports whether it was paused.
	Pause(ctx context.Context, pause Pause) error
	Resume(ctx context.Context, gateway string) (bool, error)
	// Pauses returns the gateways that are paused, by name.
	Pauses(ctx context.Context) ([]Pause, error)

	// Audit enters something in the audit log, where it is kept for AuditFor. Audits returns
	// up to Limit entries, the newest first.
	Audit(ctx context.Context, entry Entry) error
	Audits(ctx context.Context, query AuditQuery) ([]Entry, error)

	// StartAction stores an action that is running; TakeAction gives the node the oldest one
	// that no node has, or whose node did not save it for too long, until a time, and nil
	// when there is none. SaveAction writes how far it came, and keeps it until another time;
	// false says that it was stopped, or is another node's.
	StartAction(ctx context.Context, action Action) error
	TakeAction(ctx context.Context, node string, now, until time.Time) (*Action, error)
	SaveAction(ctx context.Context, node string, action Action, until time.Time) (bool, error)
	// StopAction ends an action that is running; one that has ended stays as it is.
	// ErrNotFound reports an unknown one.
	StopAction(ctx context.Context, id courier.ID, now time.Time) (*Action, error)
	// Actions returns up to limit actions, the newest first. They are kept for AuditFor.
	Action(ctx context.Context, id courier.ID) (*Action, error)
	Actions(ctx context.Context, limit int) ([]Action, error)

	// PutSession stores a new session of a visitor, and forgets those that are over at its
	// SeenAt. UseSession notes that one was used at a time. Session returns one, and
	// ErrNotFound for one that is not there; UseSession and EndSession are no error then. An
	// engine that one process has for itself keeps them in its memory.
	PutSession(ctx context.Context, session Session) error
	UseSession(ctx context.Context, id [sha256.Size]byte, at time.Time) error
	Session(ctx context.Context, id [sha256.Size]byte) (Session, error)
	EndSession(ctx context.Context, id [sha256.Size]byte) error

	// Now is the clock by which messages are due, expire and are leased. All nodes
	// of one database have the same one, whatever their own clocks say.
	Now() time.Time

	// Beat says that a node is alive, and for how long that holds. A node beats
	// before it leases anything; once its last beat has lapsed, its leases are
	// those of a dead node.
	Beat(ctx context.Context, beat Beat) (Standing, error)

	// Leave says that a node has ended and holds no lease. Its housekeeping is
	// another's at once. An unknown node is no error.
	Leave(ctx context.Context, node string) error

	// Nodes returns the nodes that are alive and those that ended without Leave
	// less than a day ago, by name.
	Nodes(ctx context.Context) ([]Node, error)

	// Wakes tells of gateways and lanes for which a message was stored that is due, by
	// another node or by SQL; the empty name stands for any gateway. It is a hint:
	// some may be missing. It is nil where only this process stores messages, and
	// is closed by Close.
	Wakes() <-chan Wake

	// Check reports whether messages can be read and written now.
	Check(ctx context.Context) error

	// Close waits for what is under way and releases the database. It is idempotent.
	Close() error
}

// Enqueued is the answer for one message.
type Enqueued struct {
	// Message is the stored one: for a duplicate, the first that had the key.
	Message *courier.Message
	// Duplicate is true when the idempotency key was known with the same fingerprint, or
	// the message repeats one with its SupersedeKey.
	Duplicate bool
	// Err is ErrIdempotencyConflict, a *courier.LimitError without a Message, or nil.
	Err error
	// Superseded counts the messages whose place this one took: canceled in the queue,
	// or marked in flight.
	Superseded int
}

// Wake names a queue in which there may be something to claim.
type Wake struct {
	Gateway string
	Lane    courier.Lane
}

// Claim asks for due messages.
type Claim struct {
	Gateway string
	// Lane is LaneNormal when empty, here and wherever a queue is asked for.
	Lane courier.Lane
	// NewestFirst takes those that were due last instead of those that were due first.
	NewestFirst bool
	Node        string
	Now         time.Time
	// DueFrom leaves out what was due before it; the zero time leaves out nothing.
	DueFrom time.Time
	// LeaseUntil is when the leases lapse.
	LeaseUntil time.Time
	// Durable asks that the leases survive a loss of power, for messages that must
	// not be attempted again after it. Without it an engine that allows one process
	// only may return them earlier.
	Durable bool
	Limit   int
}

// Settlement is what became of a leased message.
type Settlement struct {
	ID    courier.ID
	Token int64
	// Status is what the message becomes.
	Status courier.Status
	// Attempt is nil when none was made: the lease is given back, or the message
	// expired or was withdrawn before it.
	Attempt *courier.Attempt
	// RetryCount is the new number of failed attempts held against the message.
	RetryCount int
	// NextAttemptAt is when a message that is queued again is due.
	NextAttemptAt time.Time
	// Gateway is the one a queued message waits for from now on; empty leaves it. Of one
	// that ends without an attempt it is the one that it waited for, for the tallies.
	Gateway string
	// Country is that of the message, DueAt when it was first to be sent, for the tallies.
	Country string
	DueAt   time.Time
	// NoReceipts is true when the gateway sends none. A receipt may then find the message
	// by its MessageID only.
	NoReceipts bool
	// At is the time of the settlement.
	At time.Time
}

// WaitingQuery asks for a page of the queue of a gateway.
type WaitingQuery struct {
	Gateway string
	Lane    courier.Lane
	// DueFrom and After are the NextAttemptAt and the ID of the last message of the
	// page before, zero for the first page.
	DueFrom time.Time
	After   courier.ID
	Limit   int
}

// Move takes a message from one gateway to another.
type Move struct {
	ID       courier.ID
	From, To string
}

// Resolution is what an operator says of an unknown message.
type Resolution string

// The resolutions of unknown messages.
const (
	// ResolvedSent means that the gateway took it: the message is sent.
	ResolvedSent Resolution = "sent"
	// ResolvedFailed means that it did not arrive and is not to: it is undelivered.
	ResolvedFailed Resolution = "failed"
	// ResolvedResend queues it again, as Requeue does.
	ResolvedResend Resolution = "resend"
)

// Resolve says what became of an unknown message.
type Resolve struct {
	ID  courier.ID
	As  Resolution
	Now time.Time
	// Gateway is the one a message waits for that is sent again; empty leaves it.
	Gateway string
}

// Reclaim says whose leases to take back and what becomes of the messages.
type Reclaim struct {
	// Node keeps its own leases. Those of every other node are taken back when
	// the engine allows one process only, or else when its last beat has lapsed by
	// the clock of the database, or it never beat. An engine that allows one
	// process only also takes back leases of the same name that were given before
	// it was opened.
	Node string
	Now  time.Time
	// Lapsed also takes back the leases, the node's own included, whose Until is
	// not after Now: those of a claim or an enqueue whose answer was lost.
	Lapsed bool
	// Hold leaves the messages unknown instead of queueing them again.
	Hold bool
	// Gateways, unless empty, are those whose messages are taken back, or, with Except,
	// those whose messages are not.
	Gateways []string
	Except   bool
}

// Concerns reports whether messages of a gateway are to be taken back.
func (r *Reclaim) Concerns(gateway string) bool {
	return len(r.Gateways) == 0 || slices.Contains(r.Gateways, gateway) != r.Except
}

// Sweep says which old messages housekeeping takes.
type Sweep struct {
	Now time.Time
	// Before is the time before which a message was last changed.
	Before time.Time
	// Limit is the most messages of one transaction, which bounds how long it
	// holds up others.
	Limit int
}

// Requeue is a retry by hand. It starts the count of retries from 0 and makes the
// message due now. A message that is past its expiry loses it unless a new one
// is given. SendCount, LastError and the attempts stay. What leads back to
// queued is an unknown, undelivered, rejected, expired or abandoned message.
type Requeue struct {
	ID  courier.ID
	Now time.Time
	// Gateway is the one the message waits for from now on; empty leaves it.
	Gateway string
	// ExpiresAt is the new expiry; the zero time leaves one that is not past.
	ExpiresAt time.Time
}

// Query selects messages. Empty fields do not restrict.
type Query struct {
	Status  courier.Status `json:"status,omitempty"`
	To      string         `json:"to,omitempty"`
	Gateway string         `json:"gateway,omitempty"`
	// TemplateType, Country and the Class of LastError are looked for among the messages
	// that the other fields select.
	TemplateType string        `json:"template_type,omitempty"`
	Country      string        `json:"country,omitempty"`
	Class        courier.Class `json:"class,omitempty"`
	// Since and Until bound when a message was taken, to the millisecond; one that was taken
	// at Until is not selected.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Limit is the most messages that a page holds, at least 1.
	Limit int `json:"-"`
	// After is the cursor of the page before, nil for the first.
	After *courier.ID `json:"-"`
}

// Page is a part of a listing.
type Page struct {
	Messages []*courier.Message
	// Next is the cursor of the next page, nil after the last. A page may hold
	// fewer messages than asked for, or none, and still have a next one: the work
	// for one page is bounded.
	Next *courier.ID
}

// Stats describes the queue.
type Stats struct {
	// Queued and Processing count messages; Unknown those that wait for an operator.
	Queued, Processing, Unknown int64
	// OldestDueAt is the earliest NextAttemptAt among queued messages that are
	// due, the zero time when none is.
	OldestDueAt time.Time
	// Queues are those in which messages wait.
	Queues []Waiting
}

// Beat is a node's sign of life.
type Beat struct {
	// Node is the name under which it holds leases.
	Node string
	// Host and Version tell an operator which machine and program it is.
	Host, Version string
	StartedAt     time.Time
	// InFlight is how many messages it holds now.
	InFlight int
	// Gateways are the ones it sends through; the first takes messages that name none.
	Gateways []string
	// State is what the node says of its gateways, as a JSON list, for operators.
	State string
	// Lapse is how long this beat holds.
	Lapse time.Duration
	// Unable gives the housekeeping to another node that can do it, where there may
	// be one.
	Unable bool
}

// Standing is how a node stands among those that are alive.
type Standing struct {
	// Keeper is true for the one node that does the housekeeping.
	Keeper bool
	// Nodes counts the nodes alive.
	Nodes int
	// Gateways are those of all nodes alive, by name.
	Gateways []string
	// Paused are the gateways that are to take no messages, by name.
	Paused []string
}

// Node is one node as an operator sees it.
type Node struct {
	Name, Host, Version string
	StartedAt, SeenAt   time.Time
	// Alive is false once its last beat has lapsed.
	Alive    bool
	Keeper   bool
	InFlight int
	Gateways []string
	// State is that of its last beat.
	State string
}
