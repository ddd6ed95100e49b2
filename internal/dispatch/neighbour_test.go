package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/dispatch"
)

// crowd are many messages of which some are bad, and an engine that sends them.
type crowd struct {
	memory    *memory
	gateway   *fakeGateway
	engine    *dispatch.Engine
	good, bad []*courier.Message

	mu       sync.Mutex
	accepted map[courier.ID]time.Time
}

const badSender = "bad"

var errNoField = errors.New("no field code")

func isBad(m *courier.Message) bool { return m.From == badSender }

// newCrowd starts an engine on a gateway that answers a bad message with a function
// after a few milliseconds, and accepts the others.
func newCrowd(t *testing.T, answerBad func(context.Context, *courier.Message) courier.Attempt, edits ...func(*dispatch.Options)) *crowd {
	t.Helper()
	c := &crowd{memory: newMemory(), accepted: make(map[courier.ID]time.Time)}
	c.gateway = newGateway("sms", func(ctx context.Context, m *courier.Message) courier.Attempt {
		<-time.After(time.Duration(3+rand.IntN(5)) * time.Millisecond)
		if isBad(m) {
			return answerBad(ctx, m)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.accepted[m.ID] = time.Now()
		return accepted()
	})
	options := newOptions(c.memory, c.gateway)
	options.RandFunc = rand.Float64
	for _, edit := range edits {
		edit(&options)
	}
	c.engine = start(t, options)
	pass(time.Second)
	return c
}

// orders are the ways in which an adversary mixes bad messages with good ones.
func orders() map[string]func(bad []bool) {
	return map[string]func(bad []bool){
		"Random": func(bad []bool) { rand.Shuffle(len(bad), func(i, j int) { bad[i], bad[j] = bad[j], bad[i] }) },
		"First":  func([]bool) {},
		"Last":   slices.Reverse[[]bool],
		"Evenly": func(bad []bool) {
			count := 0
			for _, b := range bad {
				if b {
					count++
				}
			}
			for i := range bad {
				bad[i] = i%(len(bad)/count) == 0
			}
		},
		"Bursts": func(bad []bool) {
			var blocks [][]bool
			for block := range slices.Chunk(slices.Clone(bad), 25) {
				blocks = append(blocks, block)
			}
			rand.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
			// The last of them are good: bad ones at the end are the order Last.
			good, last := slices.IndexFunc(blocks, func(block []bool) bool { return !slices.Contains(block, true) }), len(blocks)-1
			if good >= 0 {
				blocks[good], blocks[last] = blocks[last], blocks[good]
			}
			copy(bad, slices.Concat(blocks...))
		},
		"FirstAndLast": func(bad []bool) {
			count := 0
			for _, b := range bad {
				if b {
					count++
				}
			}
			clear(bad)
			for i := range count / 2 {
				bad[i], bad[len(bad)-1-i] = true, true
			}
		},
	}
}

// send enqueues messages, a share of which is bad, in about a second, and returns
// when the last was taken.
func (c *crowd) send(t *testing.T, count, badCount int, order func([]bool), edit func(*courier.Message)) time.Time {
	t.Helper()
	bad := make([]bool, count)
	for i := range badCount {
		bad[i] = true
	}
	order(bad)
	for i, isBad := range bad {
		m := newMessage(func(m *courier.Message) {
			m.To = number(i % 99)
			if isBad {
				m.From = badSender
				if edit != nil {
					edit(m)
				}
			}
		})
		if isBad {
			c.bad = append(c.bad, m)
		} else {
			c.good = append(c.good, m)
		}
		enqueue(t, c.engine, m)
		if i%20 == 19 {
			<-time.After(10 * time.Millisecond)
		}
	}
	return time.Now()
}

// wantGoodBy fails unless every good message was accepted by a time, once.
func (c *crowd) wantGoodBy(t *testing.T, by time.Time) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	late := 0
	latest := by
	for _, m := range c.good {
		at, ok := c.accepted[m.ID]
		if !ok || at.After(by) {
			late++
		}
		if at.After(latest) {
			latest = at
		}
	}
	if late > 0 {
		t.Errorf("%d of %d were not accepted in time, the last %s late (or never)", late, len(c.good), latest.Sub(by))
	}
}

// wantBadRejected fails unless each bad message was tried a bounded number of times
// with growing waits, and is rejected with a class and advice.
func (c *crowd) wantBadRejected(t *testing.T, most int, class courier.Class) {
	t.Helper()
	for _, m := range c.bad {
		row, sent := c.memory.message(m.ID), c.gateway.sendsOf(m.ID)
		if row.Status != courier.StatusRejected || class != "" && row.LastError.Class != class {
			t.Errorf("a refused message is %s after %d attempts, last error %+v", row.Status, len(sent), row.LastError)
			return
		}
		if len(sent) > most {
			t.Errorf("%d attempts of a refused message, want at most %d", len(sent), most)
			return
		}
		for i := 3; i < len(sent); i++ {
			if before, wait := sent[i-1].Sub(sent[i-2]), sent[i].Sub(sent[i-1]); wait < before/2 {
				t.Errorf("waits of a refused message are %s and then %s", before, wait)
			}
		}
	}
}

// refusing answers with an ambiguous refusal of a status.
func refusing(status int) func(context.Context, *courier.Message) courier.Attempt {
	a := ambiguous()
	a.HTTPStatus = status
	switch status {
	case 402:
		a.Class = courier.ClassInsufficientCredit
	case 404, 405, 410, 415:
		a.Class = courier.ClassBadRequest
	}
	return answer(a)
}

func TestNeighbours_RefusedRecipientsStopNobody(t *testing.T) {
	t.Parallel()
	for name, order := range orders() {
		for retries, status := range map[int]int{0: 402, 1: 403, 5: 404} {
			{
				t.Run(fmt.Sprint(name, retries, "/", status), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						c := newCrowd(t, refusing(status), func(o *dispatch.Options) { o.MessageRetries = retries })
						last := c.send(t, 2000, 100, order, nil)
						pass(3 * time.Minute)
						c.wantGoodBy(t, last.Add(2*time.Second))
						class := ambiguousClass(status)
						if retries < 2 {
							class = "" // that of the gateway, as it was not asked again
						}
						c.wantBadRejected(t, retries+1, class)
					})
				})
			}
		}
	}
}

// ambiguousClass is the class that a refusal has once it is the message's own.
func ambiguousClass(status int) courier.Class {
	if status == 404 {
		return courier.ClassUnroutable
	}
	return courier.ClassBarred
}

// TestNeighbours_BarredNumbers has the bad messages go to few numbers.
func TestNeighbours_BarredNumbers(t *testing.T) {
	t.Parallel()
	for name, order := range orders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, refusing(403))
				last := c.send(t, 2000, 100, order, func(m *courier.Message) { m.To = number(95 + rand.IntN(5)) })
				pass(3 * time.Minute)
				c.wantGoodBy(t, last.Add(2*time.Second))
				c.wantBadRejected(t, 6, courier.ClassBarred)
			})
		})
	}
}

// TestNeighbours_ManyRefusals has a third refused, with a status that changes.
func TestNeighbours_ManyRefusals(t *testing.T) {
	t.Parallel()
	for name, order := range orders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, func(ctx context.Context, m *courier.Message) courier.Attempt {
					return refusing([]int{402, 403}[rand.IntN(2)])(ctx, m)
				})
				last := c.send(t, 1000, 300, order, nil)
				pass(3 * time.Minute)
				c.wantGoodBy(t, last.Add(15*time.Second))
				if name != "Last" && name != "FirstAndLast" { // there nobody is accepted afterwards who could tell
					c.wantBadRejected(t, 7, courier.ClassBarred)
				}
			})
		})
	}
}

// TestNeighbours_TroubleOfOne has the bad messages, to one number, time out, reset the
// connection, or be answered with 500 or 429.
func TestNeighbours_TroubleOfOne(t *testing.T) {
	t.Parallel()
	timesOut := func(ctx context.Context, _ *courier.Message) courier.Attempt {
		<-ctx.Done()
		return unknown()
	}
	for kind, test := range map[string]struct {
		answer func(context.Context, *courier.Message) courier.Attempt
		status courier.Status
		most   int
	}{
		"TimesOut":  {timesOut, courier.StatusAbandoned, 6},
		"Resets":    {answer(unknown()), courier.StatusAbandoned, 6},
		"Fails":     {answer(failing()), courier.StatusAbandoned, 6},
		"Throttled": {answer(limited()), courier.StatusQueued, 60},
	} {
		for name, order := range orders() {
			t.Run(kind+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c := newCrowd(t, test.answer)
					last := c.send(t, 1000, 20, order, func(m *courier.Message) { m.To = number(99) })
					pass(15 * time.Minute)
					c.wantGoodBy(t, last.Add(2*time.Second))
					for _, m := range c.bad {
						row, sent := c.memory.message(m.ID), c.gateway.sendsOf(m.ID)
						if row.Status == courier.StatusProcessing && test.status == courier.StatusQueued {
							row.Status = courier.StatusQueued // it is just being tried again
						}
						if row.Status != test.status || len(sent) > test.most || len(sent) == 0 {
							t.Fatalf("a bad message is %s after %d attempts", row.Status, len(sent))
						}
					}
				})
			})
		}
	}
}

func TestNeighbours_PoisonedTemplate(t *testing.T) {
	t.Parallel()
	for name, order := range orders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, answer(accepted()))
				c.gateway.renderFunc = func(_ context.Context, m *courier.Message) error {
					if isBad(m) {
						return &courier.RenderError{Err: errNoField}
					}
					return nil
				}
				last := c.send(t, 2000, 100, order, nil)
				pass(time.Minute)
				c.wantGoodBy(t, last.Add(2*time.Second))
				for range 10 { // those at the end need others that show it
					enqueue(t, c.engine, newMessages(10)...)
					pass(10 * time.Second)
				}
				c.wantBadRejected(t, 0, courier.ClassTemplateError)
			})
		})
	}
}

// TestGatewayThatTakesNobody has everybody refused for some minutes.
func TestGatewayThatTakesNobody(t *testing.T) {
	t.Parallel()
	guess := guessed()
	for name, test := range map[string]struct {
		answer    courier.Attempt
		mayReject int
		soon      time.Duration
	}{
		"Refused":      {ambiguous(), 0, 12 * time.Second},
		"Unauthorized": {down(), 0, 12 * time.Second},
		"Away":         {refused(), 0, 12 * time.Second},
		"Guessed":      {guess, 10, 12 * time.Second},
	} {
		for _, retries := range []int{0, 5} {
			t.Run(fmt.Sprint(name, retries), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					memory := newMemory()
					gateway, current := switchGateway(test.answer)
					options := newOptions(memory, gateway)
					options.MessageRetries, options.RandFunc = retries, rand.Float64
					engine := start(t, options)
					pass(time.Second)
					enqueue(t, engine, newMessages(50)...)
					pass(5 * time.Second)
					before := len(gateway.sends())
					for range 60 {
						enqueue(t, engine, newMessage())
						pass(5 * time.Second)
					}
					if probes := len(gateway.sends()) - before; probes > 301 {
						t.Errorf("%d probes in five minutes, want at most one a second", probes)
					}
					rejected := memory.statuses()[courier.StatusRejected]
					if got := memory.statuses(); rejected > test.mayReject || rejected+got[courier.StatusQueued] != 110 {
						t.Errorf("got %v, want at most %d rejected and the others queued", got, test.mayReject)
					}
					current(accepted())
					pass(test.soon)
					if got := memory.statuses(); got[courier.StatusSent]+rejected != 110 {
						t.Errorf("got %v some seconds after the cure", got)
					}
				})
			})
		}
	}
}

// TestGatewayThatStopsTakingAnybody works first, and refuses everybody from one moment to
// the next for a while: nothing is ended by what was refused at that moment.
func TestGatewayThatStopsTakingAnybody(t *testing.T) {
	t.Parallel()
	for _, retries := range []int{0, 1, 5} {
		t.Run(fmt.Sprint(retries), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := newMemory()
				gateway, current := switchGateway(accepted())
				fast := gateway.sendFunc
				gateway.sendFunc = func(ctx context.Context, m *courier.Message) courier.Attempt {
					<-time.After(time.Duration(3+rand.IntN(5)) * time.Millisecond)
					return fast(ctx, m)
				}
				options := newOptions(memory, gateway)
				options.MessageRetries, options.RandFunc = retries, rand.Float64
				engine := start(t, options)
				pass(time.Second)
				total := 0
				phase := func(count int) {
					for range count {
						enqueue(t, engine, newMessages(5)...)
						total += 5
						pass(20 * time.Millisecond)
					}
				}
				phase(200)
				for range 3 { // it comes and goes
					current(ambiguous())
					phase(200)
					pass(10 * time.Second)
					current(accepted())
					phase(20)
					pass(15 * time.Second)
				}
				if got := memory.statuses()[courier.StatusSent]; got != total {
					t.Errorf("%d of %d sent: %v", got, total, memory.statuses())
				}
			})
		})
	}
}

// TestNeighbours_Restart ends a barred message that an earlier process had tried, and
// keeps one that was refused while everybody was.
func TestNeighbours_Restart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer courier.Attempt
		want   courier.Status
	}{"Barred": {ambiguous(), courier.StatusRejected}, "Innocent": {accepted(), courier.StatusSent}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, retries := range []int{0, 5} {
					c := newCrowd(t, func(context.Context, *courier.Message) courier.Attempt { return test.answer }, func(o *dispatch.Options) { o.MessageRetries = retries })
					last := ambiguous()
					last.StartedAt = time.Now().Add(-time.Minute)
					m := newMessage(func(m *courier.Message) { m.From, m.SendCount, m.LastError = badSender, 1, &last })
					c.memory.put(m)
					for range 200 {
						enqueue(t, c.engine, newMessages(2)...)
						pass(100 * time.Millisecond)
					}
					pass(2 * time.Minute)
					wantStatus(t, c.memory, m, test.want)
				}
			})
		})
	}
}

// TestNeighbours_RetryByHand attempts a message that was ended, and is queued again by
// hand, though others are accepted.
func TestNeighbours_RetryByHand(t *testing.T) {
	t.Parallel()
	for _, outcome := range []courier.Outcome{courier.OutcomeGatewayDown, courier.OutcomeRetry} {
		synctest.Test(t, func(t *testing.T) {
			c := newCrowd(t, answer(accepted()), func(o *dispatch.Options) { o.MessageRetries = 0 })
			last := ambiguous()
			last.Outcome, last.StartedAt = outcome, time.Now()
			pass(5 * time.Second)
			enqueue(t, c.engine, newMessages(5)...)
			pass(time.Second)
			m := newMessage(func(m *courier.Message) { m.From, m.SendCount, m.LastError = badSender, 1, &last })
			c.memory.put(m)
			pass(5 * time.Second)
			wantStatus(t, c.memory, m, courier.StatusSent)
		})
	}
}
