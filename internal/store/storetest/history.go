package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"courier"
	"courier/internal/store"
)

// testHistory runs random histories on a store and on the model. Where several
// nodes share a database, each node that begins works on the next of its stores.
func testHistory(t *testing.T, shared bool, open func(t *testing.T) []store.Store) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		stores := open(t)
		h := &history{kit: newKit(t, stores[0]), stores: stores, model: newModel(shared), node: nodeA, follower: Follow(rt, stores[0])}
		rt.Repeat(map[string]func(*rapid.T){
			"enqueue": h.enqueue, "claim": h.claim, "settle": h.settle, "crash": h.crash, "wait": h.wait,
			"expire": h.expire, "reroute": h.reroute, "cancel": h.cancel, "requeue": h.requeue,
			"scrub": h.scrub, "purge": h.purge, "lapse": h.lapse, "beat": h.beats, "leave": h.leaves,
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

// history is a store beside its model.
type history struct {
	*kit
	stores   []store.Store
	model    *model
	node     string
	crashes  int
	follower *Follower
	// leases are the claimed messages, those of leases that are long lost among them.
	leases []*courier.Message
}

func gateways() []string { return []string{gatewayA, gatewayB, "gamma"} }

func drawGateway(t *rapid.T) string { return rapid.SampledFrom(gateways()).Draw(t, "gateway") }

func (h *history) offset(t *rapid.T, label string, from, to int) time.Time {
	return h.now.Add(time.Duration(rapid.IntRange(from, to).Draw(t, label)) * time.Second)
}

func (h *history) wait(t *rapid.T) { h.now = h.offset(t, "wait", 0, 90) }

func (h *history) draw(t *rapid.T) *courier.Message {
	m := h.message()
	m.Gateway, m.NextAttemptAt = drawGateway(t), h.offset(t, "due", -5, 60)
	if rapid.Bool().Draw(t, "expires") {
		m.ExpiresAt = h.offset(t, "expiry", 0, 120)
	}
	if rapid.Bool().Draw(t, "keyed") {
		m.IdempotencyKey = rapid.SampledFrom([]string{"k1", "k2", "k3"}).Draw(t, "key")
		m.Fingerprint[0] = rapid.SampledFrom([]byte{1, 1, 1, 2}).Draw(t, "fingerprint")
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
	if err != nil {
		t.Fatalf("Enqueue: %v", err)
	}
	for i, want := range h.model.enqueue(messages) {
		got := answers[i]
		if fresh := !want.Duplicate && want.Err == nil; fresh && want.Message.Status == courier.StatusProcessing {
			h.lease(t, want.Message, got.Message)
		}
		same(t, "answer", got.Message, want.Message)
		if got.Duplicate != want.Duplicate || !errors.Is(got.Err, want.Err) {
			t.Errorf("Enqueue answered %+v, want %+v", got, want)
		}
	}
}

// lease takes the token that the store chose into the model.
func (h *history) lease(t *rapid.T, row, got *courier.Message) {
	token := got.Lease.Token
	if token == 0 {
		t.Errorf("message %s has a lease without a token", row.ID)
	}
	for _, lease := range h.leases {
		if lease.ID == row.ID && lease.Lease.Token == token {
			t.Errorf("token %d was given twice to message %s", token, row.ID)
		}
	}
	row.Lease.Token = token
	claimed := *row
	h.leases = append(h.leases, &claimed)
}

func (h *history) claim(t *rapid.T) {
	claim := store.Claim{
		Gateway: drawGateway(t), Node: h.node, Now: h.now, LeaseUntil: h.now.Add(leaseTime),
		Limit: rapid.IntRange(1, 5).Draw(t, "limit"),
	}
	if rapid.Bool().Draw(t, "bounded") {
		claim.DueFrom = h.offset(t, "due from", -30, 5)
	}
	got, err := h.store.Claim(t.Context(), claim)
	want := h.model.claim(claim)
	if err != nil || len(got) != len(want) {
		t.Fatalf("Claim: %d messages, %v, want %d", len(got), err, len(want))
	}
	for i, row := range want {
		h.lease(t, row, got[i])
		same(t, "claimed message", got[i], row)
	}
}

func (h *history) settle(t *rapid.T) {
	if len(h.leases) == 0 {
		t.Skip("nothing was claimed yet")
	}
	settlements := make([]store.Settlement, rapid.IntRange(1, 4).Draw(t, "count"))
	for i := range settlements {
		lease := rapid.SampledFrom(h.leases).Draw(t, "lease")
		s := h.settlement(lease, rapid.SampledFrom(settleable()).Draw(t, "status"))
		s.RetryCount = rapid.IntRange(0, 3).Draw(t, "retries")
		if rapid.IntRange(0, 3).Draw(t, "attempted") == 0 {
			s.Attempt = nil
		}
		if s.Status == courier.StatusQueued && rapid.Bool().Draw(t, "moves") {
			s.Gateway = drawGateway(t)
		}
		settlements[i] = s
	}
	got, err := h.store.Settle(t.Context(), settlements)
	if err != nil {
		t.Fatalf("Settle: %v", err)
	}
	for i, s := range settlements {
		if want := h.model.settle(s); got[i] != want {
			t.Errorf("settlement %d: applied is %v, want %v", i, got[i], want)
		}
	}
}

// crash lets another node begin when all leases of the one before have lapsed.
func (h *history) crash(t *rapid.T) {
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
	got, err := h.store.Reclaim(t.Context(), reclaim)
	if err != nil {
		t.Fatalf("Reclaim: %v", err)
	}
	if want := h.model.reclaim(reclaim, h.reclaimText(t, reclaim)); got != want {
		t.Errorf("Reclaim took back %d leases, want %d", got, want)
	}
}

// reclaimText reads what the store says of an attempt that a crash cut off.
func (h *history) reclaimText(t *rapid.T, reclaim store.Reclaim) string {
	for _, row := range h.model.rows {
		if !h.model.isLost(row, reclaim) {
			continue
		}
		found, _, err := h.store.Message(t.Context(), row.ID)
		if err != nil || found.LastError == nil {
			t.Fatalf("Message: %+v, %v", found, err)
		}
		return found.LastError.Message
	}
	return ""
}

func (h *history) expire(t *rapid.T) {
	got, err := h.store.Expire(t.Context(), h.now, 10_000)
	if want := h.model.expire(h.now); err != nil || got != want {
		t.Errorf("Expire: %d, %v, want %d", got, err, want)
	}
}

func (h *history) reroute(t *rapid.T) {
	known := rapid.SliceOfDistinct(rapid.SampledFrom(gateways()), rapid.ID[string]).Draw(t, "known")
	to := drawGateway(t)
	got, err := h.store.Reroute(t.Context(), known, to, h.now)
	if want := h.model.reroute(known, to, h.now); err != nil || got != want {
		t.Errorf("Reroute: %d, %v, want %d", got, err, want)
	}
}

func (h *history) any(t *rapid.T) *courier.Message {
	if len(h.model.rows) == 0 {
		t.Skip("nothing is stored yet")
	}
	return rapid.SampledFrom(h.model.rows).Draw(t, "message")
}

func (h *history) cancel(t *rapid.T) {
	row := h.any(t)
	got, err := h.store.Cancel(t.Context(), row.ID, h.now)
	h.isDecided(t, got, err, row, h.model.cancel(row, h.now))
}

func (h *history) requeue(t *rapid.T) {
	row := h.any(t)
	requeue := store.Requeue{ID: row.ID, Now: h.now}
	if rapid.Bool().Draw(t, "moves") {
		requeue.Gateway = drawGateway(t)
	}
	if rapid.Bool().Draw(t, "new expiry") {
		requeue.ExpiresAt = h.offset(t, "expiry", 1, 120)
	}
	got, err := h.store.Requeue(t.Context(), requeue)
	h.isDecided(t, got, err, row, h.model.requeue(row, requeue))
}

// isDecided checks the answer about a row, and the error that the model gives.
func (h *history) isDecided(t *rapid.T, got *courier.Message, err error, row *courier.Message, want error) {
	if want == nil {
		if err != nil {
			t.Fatalf("a legal transition: %v", err)
		}
		same(t, "answer", got, row)
		return
	}
	refused, isRefused := errors.AsType[*store.TransitionError](err)
	refusal, isRefusal := errors.AsType[*store.TransitionError](want)
	if isRefused != isRefusal || isRefusal && *refused != *refusal || !isRefusal && !errors.Is(err, want) {
		t.Errorf("an illegal transition: %v, want %v", err, want)
	}
}

// drawSweep takes all that changed before a time, or nothing.
func (h *history) drawSweep(t *rapid.T) store.Sweep {
	return store.Sweep{Now: h.now, Before: h.offset(t, "before", -120, 1), Limit: 10_000}
}

func (h *history) scrub(t *rapid.T) {
	sweep := h.drawSweep(t)
	got, err := h.store.Scrub(t.Context(), sweep)
	if want := h.model.scrub(sweep); err != nil || got != want {
		t.Errorf("Scrub: %d, %v, want %d", got, err, want)
	}
}

func (h *history) purge(t *rapid.T) {
	sweep := h.drawSweep(t)
	got, err := h.store.Purge(t.Context(), sweep)
	if want := h.model.purge(sweep); err != nil || got != want {
		t.Errorf("Purge: %d, %v, want %d", got, err, want)
	}
}

func (h *history) beats(t *rapid.T) {
	beat := h.beat(h.node)
	beat.Gateways = rapid.SliceOfDistinct(rapid.SampledFrom(gateways()), rapid.ID[string]).Draw(t, "gateways")
	got, err := h.store.Beat(t.Context(), beat)
	if err != nil {
		t.Fatalf("Beat: %v", err)
	}
	same(t, "standing", got, h.model.beat(beat, got.Keeper))
}

// leaves lets a node leave, which holds its leases all the same: the next node
// to begin takes them.
func (h *history) leaves(t *rapid.T) {
	node := fmt.Sprintf("node-%d", rapid.IntRange(1, max(h.crashes, 1)).Draw(t, "node"))
	if err := h.store.Leave(t.Context(), node); err != nil {
		t.Fatalf("Leave: %v", err)
	}
	delete(h.model.alive, node)
}

// compare checks the whole store after each step.
func (h *history) compare(t *rapid.T) {
	page, err := h.store.Messages(t.Context(), store.Query{Limit: 10_000})
	if err != nil || page.Next != nil {
		t.Fatalf("Messages: next %v, %v", page.Next, err)
	}
	same(t, "stored messages", page.Messages, h.model.list())
	h.follower.On(h.store).Check(t)
	stats, err := h.store.Stats(t.Context(), h.now)
	if err != nil {
		t.Fatalf("Stats: %v", err)
	}
	same(t, "stats", stats, h.model.stats(h.now))
	for _, gateway := range gateways() {
		var want time.Time
		if queued := h.model.queued(gateway); len(queued) > 0 {
			want = queued[0].NextAttemptAt
		}
		if got, err := h.store.NextDue(t.Context(), gateway); err != nil || !got.Equal(want) {
			t.Errorf("NextDue of %s: %v, %v, want %v", gateway, got, err, want)
		}
	}
}

func (h *history) compareAttempts(t *rapid.T) {
	for _, row := range h.model.rows {
		_, attempts, err := h.store.Message(t.Context(), row.ID)
		if err != nil {
			t.Fatalf("Message: %v", err)
		}
		same(t, "attempts", attempts, h.model.attempts[row.ID])
	}
}
