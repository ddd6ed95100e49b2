package dispatch_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/store"
)

// busyStore does one thing at a time, each of which takes a while, as a disk does.
type busyStore struct {
	*fifo
	turn chan struct{}
	each time.Duration
}

func (s *busyStore) work(rows int) {
	s.turn <- struct{}{}
	<-time.After(s.each + time.Duration(rows)*10*time.Microsecond)
	<-s.turn
}

// Claim implements dispatch.Store.
func (s *busyStore) Claim(ctx context.Context, claim store.Claim) ([]*courier.Message, error) {
	s.work(claim.Limit)
	return s.fifo.Claim(ctx, claim)
}

// Settle implements dispatch.Store.
func (s *busyStore) Settle(_ context.Context, settlements []store.Settlement) ([]bool, error) {
	s.work(len(settlements))
	applied := make([]bool, len(settlements))
	for i := range applied {
		applied[i] = true
	}
	return applied, nil
}

// TestEngine_KeepsSlotsBusy wants that a slow gateway gets what its slots allow, though
// the store takes its time to hand messages out: 70 of 100 without any claimed ahead.
func TestEngine_KeepsSlotsBusy(t *testing.T) {
	t.Parallel()
	const latency, length = 100 * time.Millisecond, time.Second
	for _, limit := range []int{64, 1000} {
		t.Run(strconv.Itoa(limit), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &busyStore{fifo: &fifo{memory: newMemory(), queued: newMessages(20 * limit)}, turn: make(chan struct{}, 1), each: 10 * time.Millisecond}
				g := newGateway("sms", func(context.Context, *courier.Message) courier.Attempt {
					<-time.After(latency)
					return accepted()
				})
				options := newOptions(s, g)
				options.Gateways[0].MaxInFlight = limit
				start(t, options)
				pass(length / 2)
				before := sentBy(g)
				pass(length)
				if got, want := sentBy(g)-before, limit*int(length/latency); got < want*9/10 {
					t.Errorf("%d attempts in %v, want %d", got, length, want)
				}
			})
		})
	}
}
