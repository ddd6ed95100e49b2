package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"courier"
	"courier/internal/store"
	"courier/internal/store/memory"
)

// testHistory runs random histories on a store and on the one in memory: they must
// be equal after each step. Where several nodes share a database, each node that
// begins works on the next of its stores.
func testHistory(t *testing.T, shared bool, open func(t *testing.T) []store.Store) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		stores := open(t)
		h := &history{kit: newKit(t, stores[0]), stores: stores, reference: memory.New(memory.Options{}), shared: shared, node: nodeA, follower: Follow(rt, stores[0])}
		rt.Repeat(map[string]func(*rapid.T){
			"enqueue": h.enqueue, "claim": h.claim, "settle": h.settle, "crash": h.crash, "wait": h.wait,
			"expire": h.expire, "reroute": h.reroute, "cancel": h.cancel, "requeue": h.requeue,
			"receive": h.receives, "resolve": h.resolve, "move": h.moves, "scrub": h.scrub, "purge": h.purge, "lapse": h.lapse, "beat": h.beats, "leave": h.leaves,
			"": h.compare,
		})
		h.compareAttempts(rt)
		for _, s := range stores {
			if err := s.Close(); err != nil {
				rt.Errorf("Close: %v", err)
			}
		}
	})
}

// history is a store and the one that it must be equal to.
type history struct {
	*kit
	stores    []store.Store
	reference *memory.Store
	// shared is true when the leases of nodes that are alive are kept.
	shared   bool
	node     string
	crashes  int
	follower *Follower
	// leases are those of claimed messages, some of them long lost.
	leases []lease
}

// lease is one lease, for which each store has a token of its own.
type lease struct{ got, want *courier.Message }

// equal compares what the stores answer or hold, but for the tokens of leases.
func equal[T any](t reporter, what string, got, want T) {
	t.Helper()
	if reflect.DeepEqual(got, want) { // far quicker than to look for what differs
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(courier.Lease{}, "Token")); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
}

func gateways() []string { return []string{gatewayA, gatewayB, "gamma"} }

func drawGateway(t *rapid.T) string { return rapid.SampledFrom(gateways()).Draw(t, "gateway") }

func drawLane(t *rapid.T) courier.Lane { return rapid.SampledFrom(courier.Lanes()).Draw(t, "lane") }

func (h *history) offset(t *rapid.T, label string, from, to int) time.Time {
	return h.now.Add(time.Duration(rapid.IntRange(from, to).Draw(t, label)) * time.Second)
}

func (h *history) wait(t *rapid.T) { h.now = h.offset(t, "wait", 0, 90) }

func (h *history) draw(t *rapid.T) *courier.Message {
	m := h.message()
	m.Lane, m.Gateway, m.NextAttemptAt = drawLane(t), drawGateway(t), h.offset(t, "due", -5, 60)
	if rapid.Bool().Draw(t, "expires") {
		m.ExpiresAt = h.offset(t, "expiry", 0, 120)
	}
	if rapid.Bool().Draw(t, "keyed") {
		m.IdempotencyKey = rapid.SampledFrom([]string{"k1", "k2", "k3"}).Draw(t, "key")
		m.Fingerprint[0] = rapid.SampledFrom([]byte{1, 1, 1, 2}).Draw(t, "fingerprint")
	}
	if rapid.Bool().Draw(t, "takes a place") {
		m.SupersedeKey = rapid.SampledFrom([]string{"s1", courier.OwnSupersedeKey + "2"}).Draw(t, "supersede key")
		m.Body = rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "body")
		m.HoldUntil = h.offset(t, "hold", -1, 3)
	}
	if rapid.Bool().Draw(t, "leased") {
		h.leased(m)
		m.Lease.Node = h.node
	}
	return m
}

func (h *history) enqueue(t *rapid.T) {
	messages := make([]*courier.Message, rapid.IntRange(1, 5).Draw(t, "count"))
	for i := range messages {
		messages[i] = h.draw(t)
	}
	answers, err := h.store.Enqueue(t.Context(), messages)
	want, wantErr := h.reference.Enqueue(t.Context(), messages)
	if err != nil || wantErr != nil {
		t.Fatalf("Enqueue: %v, %v", err, wantErr)
	}
	for i, got := range answers {
		if fresh := !want[i].Duplicate && want[i].Err == nil; fresh && got.Message.Status == courier.StatusProcessing {
			h.lease(t, got.Message, want[i].Message)
		}
		equal(t, "answer", got.Message, want[i].Message)
		if got.Duplicate != want[i].Duplicate || got.Superseded != want[i].Superseded || !errors.Is(got.Err, want[i].Err) {
			t.Errorf("Enqueue answered %+v, want %+v", got, want[i])
		}
	}
}

// lease notes the tokens that the stores chose.
func (h *history) lease(t *rapid.T, got, want *courier.Message) {
	if got.Lease.Token == 0 {
		t.Errorf("message %s has a lease without a token", got.ID)
	}
	for _, lease := range h.leases {
		if lease.got.ID == got.ID && lease.got.Lease.Token == got.Lease.Token {
			t.Errorf("token %d was given twice to message %s", got.Lease.Token, got.ID)
		}
	}
	h.leases = append(h.leases, lease{got, want})
}

func (h *history) claim(t *rapid.T) {
	claim := store.Claim{
		Gateway: drawGateway(t), Node: h.node, Now: h.now, LeaseUntil: h.now.Add(leaseTime),
		Limit: rapid.IntRange(1, 5).Draw(t, "limit"), Lane: drawLane(t), NewestFirst: rapid.Bool().Draw(t, "newest first"),
	}
	if rapid.Bool().Draw(t, "bounded") {
		claim.DueFrom = h.offset(t, "due from", -30, 5)
	}
	got, err := h.store.Claim(t.Context(), claim)
	want, wantErr := h.reference.Claim(t.Context(), claim)
	if err != nil || wantErr != nil || len(got) != len(want) {
		t.Fatalf("Claim: %d messages, %v, want %d, %v", len(got), err, len(want), wantErr)
	}
	for i := range want {
		h.lease(t, got[i], want[i])
	}
	equal(t, "claimed messages", got, want)
}

func (h *history) settle(t *rapid.T) {
	if len(h.leases) == 0 {
		t.Skip("nothing was claimed yet")
	}
	settlements := make([]store.Settlement, rapid.IntRange(1, 4).Draw(t, "count"))
	mirrored := make([]store.Settlement, len(settlements))
	for i := range settlements {
		lease := rapid.SampledFrom(h.leases).Draw(t, "lease")
		s := h.settlement(lease.got, rapid.SampledFrom(settleable()).Draw(t, "status"))
		s.RetryCount = rapid.IntRange(0, 3).Draw(t, "retries")
		if rapid.IntRange(0, 3).Draw(t, "attempted") == 0 {
			s.Attempt = nil
		}
		if a := s.Attempt; a != nil && a.Outcome == courier.OutcomeAccepted && rapid.IntRange(0, 2).Draw(t, "parts") == 0 {
			a.GatewayMessageIDs = []string{a.GatewayMessageID, h.part(s.ID, 1)}
		}
		if s.Status == courier.StatusQueued && rapid.Bool().Draw(t, "moves") {
			s.Gateway = drawGateway(t)
		}
		settlements[i], mirrored[i] = s, s
		mirrored[i].Token = lease.want.Lease.Token
	}
	got, err := h.store.Settle(t.Context(), settlements)
	want, wantErr := h.reference.Settle(t.Context(), mirrored)
	if err != nil || wantErr != nil {
		t.Fatalf("Settle: %v, %v", err, wantErr)
	}
	equal(t, "what applied", got, want)
}

// receives draws receipts of messages and of their parts, some of them early, foreign or
// told twice.
func (h *history) receives(t *rapid.T) {
	receipts := make([]courier.Receipt, rapid.IntRange(1, 5).Draw(t, "count"))
	for i := range receipts {
		id := h.any(t).ID
		r := h.receipt(id, rapid.SampledFrom(courier.ReceiptStatuses()).Draw(t, "status"))
		r.Gateway = drawGateway(t)
		if r.Status != courier.StatusDelivered {
			r.Class, r.Code = courier.ClassBarred, "30007"
		}
		switch rapid.IntRange(0, 3).Draw(t, "names") {
		case 0:
			r.GatewayMessageID = h.part(id, 1)
		case 1:
			r.GatewayMessageID, r.MessageID = "", id
		case 2:
			r.MessageID = id
		}
		receipts[i] = r
	}
	got, err := h.store.Receive(t.Context(), receipts)
	want, wantErr := h.reference.Receive(t.Context(), receipts)
	if err != nil || wantErr != nil {
		t.Fatalf("Receive: %v, %v", err, wantErr)
	}
	same(t, "what receipts came to", got, want)
}

func (h *history) resolve(t *rapid.T) {
	resolve := store.Resolve{ID: h.any(t).ID, Now: h.now}
	resolve.As = rapid.SampledFrom([]store.Resolution{store.ResolvedSent, store.ResolvedFailed, store.ResolvedResend}).Draw(t, "as")
	h.decide(t, func(s store.Store) (*courier.Message, error) { return s.Resolve(t.Context(), resolve) })
}

func (h *history) moves(t *rapid.T) {
	move := store.Move{ID: h.any(t).ID, From: drawGateway(t), To: drawGateway(t)}
	h.both(t, "Move", func(s store.Store) (int, error) { return s.Move(t.Context(), []store.Move{move}, h.now) })
}

// both checks that an operation counts the same in both stores.
func (h *history) both(t *rapid.T, name string, run func(s store.Store) (int, error)) {
	got, err := run(h.store)
	want, wantErr := run(h.reference)
	if err != nil || wantErr != nil || got != want {
		t.Errorf("%s: %d, %v, want %d, %v", name, got, err, want, wantErr)
	}
}

// crash lets another node begin when all leases of the one before have lapsed.
func (h *history) crash(t *rapid.T) {
	if !h.shared { // with its process, which held the database
		_ = h.reference.Leave(t.Context(), h.node)
	}
	h.crashes++
	h.node, h.now = fmt.Sprintf("node-%d", h.crashes), h.now.Add(2*leaseTime)
	h.store = h.stores[h.crashes%len(h.stores)]
	h.reclaim(t, store.Reclaim{Node: h.node, Now: h.now, Hold: rapid.Bool().Draw(t, "hold")})
}

// lapse lets the node take back the leases whose answers were lost.
func (h *history) lapse(t *rapid.T) {
	h.reclaim(t, store.Reclaim{Node: h.node, Now: h.now, Lapsed: true, Hold: rapid.Bool().Draw(t, "hold")})
}

func (h *history) reclaim(t *rapid.T, reclaim store.Reclaim) {
	h.both(t, "Reclaim", func(s store.Store) (int, error) { return s.Reclaim(t.Context(), reclaim) })
}

func (h *history) expire(t *rapid.T) {
	h.both(t, "Expire", func(s store.Store) (int, error) { return s.Expire(t.Context(), h.now, 10_000) })
}

func (h *history) reroute(t *rapid.T) {
	known := rapid.SliceOfDistinct(rapid.SampledFrom(gateways()), rapid.ID[string]).Draw(t, "known")
	to := drawGateway(t)
	h.both(t, "Reroute", func(s store.Store) (int, error) { return s.Reroute(t.Context(), known, to, h.now) })
}

// stored returns all messages of a store without the tokens of leases, newest first.
func stored(t *rapid.T, s store.Store) []*courier.Message {
	page, err := s.Messages(t.Context(), store.Query{Limit: 10_000})
	if err != nil || page.Next != nil {
		t.Fatalf("Messages: next %v, %v", page.Next, err)
	}
	for _, m := range page.Messages {
		m.Lease.Token = 0
	}
	return page.Messages
}

func (h *history) any(t *rapid.T) *courier.Message {
	all := stored(t, h.reference)
	if len(all) == 0 {
		t.Skip("nothing is stored yet")
	}
	return rapid.SampledFrom(all).Draw(t, "message")
}

func (h *history) cancel(t *rapid.T) {
	id := h.any(t).ID
	h.decide(t, func(s store.Store) (*courier.Message, error) { return s.Cancel(t.Context(), id, h.now) })
}

func (h *history) requeue(t *rapid.T) {
	requeue := store.Requeue{ID: h.any(t).ID, Now: h.now}
	if rapid.Bool().Draw(t, "moves") {
		requeue.Gateway = drawGateway(t)
	}
	if rapid.Bool().Draw(t, "new expiry") {
		requeue.ExpiresAt = h.offset(t, "expiry", 1, 120)
	}
	h.decide(t, func(s store.Store) (*courier.Message, error) { return s.Requeue(t.Context(), requeue) })
}

// decide checks that both stores answer with the same message or the same refusal.
func (h *history) decide(t *rapid.T, run func(s store.Store) (*courier.Message, error)) {
	got, err := run(h.store)
	want, wantErr := run(h.reference)
	equal(t, "answer", got, want)
	refused, isRefused := errors.AsType[*store.TransitionError](err)
	refusal, isRefusal := errors.AsType[*store.TransitionError](wantErr)
	if (err == nil) != (wantErr == nil) || isRefused != isRefusal || isRefusal && *refused != *refusal ||
		errors.Is(err, store.ErrScrubbed) != errors.Is(wantErr, store.ErrScrubbed) {
		t.Errorf("decision: %v, want %v", err, wantErr)
	}
}

// drawSweep takes all that changed before a time, or nothing.
func (h *history) drawSweep(t *rapid.T) store.Sweep {
	return store.Sweep{Now: h.now, Before: h.offset(t, "before", -120, 1), Limit: 10_000}
}

func (h *history) scrub(t *rapid.T) {
	sweep := h.drawSweep(t)
	h.both(t, "Scrub", func(s store.Store) (int, error) { return s.Scrub(t.Context(), sweep) })
}

func (h *history) purge(t *rapid.T) {
	sweep := h.drawSweep(t)
	h.both(t, "Purge", func(s store.Store) (int, error) { return s.Purge(t.Context(), sweep) })
}

func (h *history) beats(t *rapid.T) {
	beat := h.beat(h.node)
	beat.Gateways = rapid.SliceOfDistinct(rapid.SampledFrom(gateways()), rapid.ID[string]).Draw(t, "gateways")
	got, err := h.store.Beat(t.Context(), beat)
	want, wantErr := h.reference.Beat(t.Context(), beat)
	if err != nil || wantErr != nil {
		t.Fatalf("Beat: %v, %v", err, wantErr)
	}
	same(t, "standing", got, want)
}

// leaves lets a node leave, which holds its leases all the same: the next node
// to begin takes them.
func (h *history) leaves(t *rapid.T) {
	node := fmt.Sprintf("node-%d", rapid.IntRange(1, max(h.crashes, 1)).Draw(t, "node"))
	for _, s := range []store.Store{h.store, h.reference} {
		if err := s.Leave(t.Context(), node); err != nil {
			t.Fatalf("Leave: %v", err)
		}
	}
}

// compare checks the whole store after each step.
func (h *history) compare(t *rapid.T) {
	equal(t, "stored messages", stored(t, h.store), stored(t, h.reference))
	h.follower.On(h.store).Check(t)
	got, err := h.store.Stats(t.Context(), h.now)
	want, wantErr := h.reference.Stats(t.Context(), h.now)
	if err != nil || wantErr != nil {
		t.Fatalf("Stats: %v, %v", err, wantErr)
	}
	same(t, "stats", got, want)
	for _, gateway := range gateways() {
		for _, lane := range courier.Lanes() {
			got, err := h.store.NextDue(t.Context(), gateway, lane)
			if want, wantErr := h.reference.NextDue(t.Context(), gateway, lane); err != nil || wantErr != nil || !got.Equal(want) {
				t.Errorf("NextDue of %s, %s: %v, %v, want %v, %v", gateway, lane, got, err, want, wantErr)
			}
		}
	}
}

func (h *history) compareAttempts(t *rapid.T) {
	for _, m := range stored(t, h.reference) {
		_, got, err := h.store.Message(t.Context(), m.ID)
		_, want, wantErr := h.reference.Message(t.Context(), m.ID)
		if err != nil || wantErr != nil {
			t.Fatalf("Message: %v, %v", err, wantErr)
		}
		same(t, "attempts", got, want)
		receipts, err := h.store.Receipts(t.Context(), m.ID)
		wanted, wantErr := h.reference.Receipts(t.Context(), m.ID)
		if err != nil || wantErr != nil {
			t.Fatalf("Receipts: %v, %v", err, wantErr)
		}
		same(t, "receipts", receipts, wanted)
	}
	var got []store.Tally
	var err error
	for _, s := range append(h.stores, h.store) { // each node has some in memory
		if got, err = s.Tallies(t.Context(), time.Time{}); err != nil {
			t.Fatalf("Tallies: %v", err)
		}
	}
	want, wantErr := h.reference.Tallies(t.Context(), time.Time{})
	if wantErr != nil {
		t.Fatalf("Tallies: %v", wantErr)
	}
	same(t, "tallies", got, want)
	since, until := epoch().Add(-time.Hour), h.now.Add(time.Hour)
	points, err := h.store.Series(t.Context(), since, until)
	wanted, wantErr := h.reference.Series(t.Context(), since, until)
	if err != nil || wantErr != nil {
		t.Fatalf("Series: %v, %v", err, wantErr)
	}
	same(t, "series", points, wanted)
}
