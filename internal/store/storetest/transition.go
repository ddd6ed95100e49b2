package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func transitionTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"EveryStatusAndOperation": testTransitions,
	}
}

// deed is one operation on a message, with the status it leads to from another,
// which is empty where the guard of the operation does not hold.
type deed struct {
	name string
	to   func(from courier.Status) courier.Status
	do   func(t *testing.T, k *kit, m *courier.Message) error
	// refuses is true when the operation says so with a *store.TransitionError to asks.
	refuses bool
	asks    courier.Status
}

// fromAny returns a table with one status for some statuses.
func fromAny(to courier.Status, from ...courier.Status) func(courier.Status) courier.Status {
	return func(status courier.Status) courier.Status {
		if slices.Contains(from, status) {
			return to
		}
		return ""
	}
}

// deeds are all operations that change a message which is stored.
func deeds() []deed {
	all := []deed{
		{
			name: "claim", to: fromAny(courier.StatusProcessing, courier.StatusQueued),
			do: func(t *testing.T, k *kit, m *courier.Message) error {
				t.Helper()
				_, err := k.store.Claim(t.Context(), store.Claim{
					Gateway: m.Gateway, Node: nodeB, Now: k.now.Add(time.Hour), LeaseUntil: k.now.Add(2 * time.Hour), Limit: 10,
				})
				return err
			},
		},
		{
			name: "expire", to: fromAny(courier.StatusExpired, courier.StatusQueued),
			do: func(t *testing.T, k *kit, m *courier.Message) error {
				t.Helper()
				_, err := k.store.Expire(t.Context(), m.ExpiresAt, 1000)
				return err
			},
		},
		{
			name: "reroute", to: fromAny(courier.StatusQueued, courier.StatusQueued),
			do: func(t *testing.T, k *kit, _ *courier.Message) error {
				t.Helper()
				_, err := k.store.Reroute(t.Context(), nil, "elsewhere", k.now)
				return err
			},
		},
		{
			name: "cancel", refuses: true, asks: courier.StatusCanceled,
			to: fromAny(courier.StatusCanceled, courier.StatusQueued, courier.StatusUnknown),
			do: func(t *testing.T, k *kit, m *courier.Message) error {
				t.Helper()
				_, err := k.store.Cancel(t.Context(), m.ID, k.now)
				return err
			},
		},
		{
			name: "requeue", refuses: true, asks: courier.StatusQueued,
			to: fromAny(courier.StatusQueued, requeueable()...),
			do: func(t *testing.T, k *kit, m *courier.Message) error {
				t.Helper()
				_, err := k.store.Requeue(t.Context(), store.Requeue{ID: m.ID, Now: k.now})
				return err
			},
		},
		scrubbing(),
		reclaiming("reclaim", courier.StatusQueued, store.Reclaim{Node: nodeB}),
		reclaiming("reclaim and hold", courier.StatusUnknown, store.Reclaim{Node: nodeB, Hold: true}),
		reclaiming("reclaim what lapsed", courier.StatusQueued, store.Reclaim{Node: nodeA, Lapsed: true}),
		reclaiming("reclaim what lapsed and hold", courier.StatusUnknown, store.Reclaim{Node: nodeA, Lapsed: true, Hold: true}),
	}
	for _, status := range settleable() {
		all = append(all, settling(status))
	}
	for _, status := range courier.ReceiptStatuses() {
		all = append(all, receiving(status))
	}
	return all
}

func scrubbing() deed {
	return deed{
		name: "scrub", to: func(from courier.Status) courier.Status {
			if ended(from) {
				return from
			}
			return ""
		},
		do: func(t *testing.T, k *kit, _ *courier.Message) error {
			t.Helper()
			_, err := k.store.Scrub(t.Context(), k.sweep(k.now.Add(time.Hour), 1000))
			return err
		},
	}
}

func reclaiming(name string, to courier.Status, reclaim store.Reclaim) deed {
	return deed{
		name: name, to: fromAny(to, courier.StatusProcessing),
		do: func(t *testing.T, k *kit, _ *courier.Message) error {
			t.Helper()
			reclaim.Now = k.now.Add(time.Hour)
			_, err := k.store.Reclaim(t.Context(), reclaim)
			return err
		},
	}
}

// receiving is a receipt that names the message.
func receiving(status courier.Status) deed {
	from := []courier.Status{courier.StatusSent, courier.StatusUnknown}
	if status == courier.StatusSent {
		from = from[1:]
	}
	return deed{
		name: "receipt of " + string(status), to: fromAny(status, slices.DeleteFunc(from, func(s courier.Status) bool { return s == status })...),
		do: func(t *testing.T, k *kit, m *courier.Message) error {
			t.Helper()
			_, err := k.store.Receive(t.Context(), []courier.Receipt{k.reference(m.Gateway, m.ID, status)})
			return err
		},
	}
}

func settling(to courier.Status) deed {
	return deed{
		name: "settle to " + string(to), to: fromAny(to, courier.StatusProcessing),
		do: func(t *testing.T, k *kit, m *courier.Message) error {
			t.Helper()
			_, err := k.store.Settle(t.Context(), []store.Settlement{k.settlement(m, to)})
			return err
		},
	}
}

// testTransitions does everything to a message in every status: what its guard
// forbids changes nothing, what happens is legal.
func testTransitions(t *testing.T, k *kit) {
	for _, from := range courier.Statuses() {
		for i, deed := range deeds() {
			m := k.message()
			m.Gateway, m.ExpiresAt = fmt.Sprintf("%s-%d", from, i), k.now.Add(time.Hour)
			k.isGuarded(t, k.bring(t, m, from), deed)
			k.retire(t, m.ID)
		}
	}
}

func (k *kit) isGuarded(t *testing.T, m *courier.Message, d deed) {
	t.Helper()
	check, to := k.unchanged(t, m.ID), d.to(m.Status)
	err := d.do(t, k, m)
	if to == "" {
		check()
	}
	if d.refuses && to == "" && m.Status != d.asks || d.refuses && d.asks == courier.StatusQueued && to == "" {
		isTransition(t, err, store.TransitionError{ID: m.ID, From: m.Status, To: d.asks})
		return
	}
	if err != nil {
		t.Errorf("%s of a message that is %s: %v", d.name, m.Status, err)
	}
	if to == "" {
		return
	}
	got, _ := k.read(t, m.ID)
	if got.Status != to {
		t.Errorf("%s of a message that is %s made it %s, want %s", d.name, m.Status, got.Status, to)
	}
	if to != m.Status && !m.Status.CanBecome(to) {
		t.Errorf("%s is an illegal transition from %s to %s", d.name, m.Status, to)
	}
}

// retire takes a message out of the way of the next operation.
func (k *kit) retire(t *testing.T, id courier.ID) {
	t.Helper()
	m, _ := k.read(t, id)
	if m.Status == courier.StatusProcessing {
		k.settleOne(t, m, courier.StatusSent)
	}
	if m.Status == courier.StatusQueued {
		k.cancel(t, id)
	}
}
