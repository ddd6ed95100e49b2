package dispatch_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"courier"
)

// limiter is a gateway's own limit of messages a second.
type limiter interface{ take(now time.Time) bool }

// fixedWindow takes so many in each second of the clock.
type fixedWindow struct {
	most, taken int
	second      int64
}

func (l *fixedWindow) take(now time.Time) bool {
	if now.Unix() != l.second {
		l.second, l.taken = now.Unix(), 0
	}
	if l.taken >= l.most {
		return false
	}
	l.taken++
	return true
}

// slidingWindow takes so many in any second.
type slidingWindow struct {
	most  int
	taken []time.Time
}

func (l *slidingWindow) take(now time.Time) bool {
	l.taken = slices.DeleteFunc(l.taken, func(at time.Time) bool { return now.Sub(at) >= time.Second })
	if len(l.taken) >= l.most {
		return false
	}
	l.taken = append(l.taken, now)
	return true
}

// tokenBucket takes a burst and then so many a second.
type tokenBucket struct {
	rate, burst, tokens float64
	at                  time.Time
}

func (l *tokenBucket) take(now time.Time) bool {
	if l.at.IsZero() {
		l.at, l.tokens = now, l.burst
	}
	l.tokens = min(l.tokens+now.Sub(l.at).Seconds()*l.rate, l.burst)
	l.at = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}

// TestEngine_ThrottlingLosesNothing gives 200 codes at once to a gateway that takes
// five a second and answers 429 to the rest.
func TestEngine_ThrottlingLosesNothing(t *testing.T) {
	t.Parallel()
	limiters := map[string]func() limiter{
		"FixedWindow":   func() limiter { return &fixedWindow{most: 5} },
		"SlidingWindow": func() limiter { return &slidingWindow{most: 5} },
		"TokenBucket":   func() limiter { return &tokenBucket{rate: 5, burst: 5} },
	}
	for name, newLimiter := range limiters {
		for after, retryAfter := range map[string]time.Duration{"": 0, "RetryAfter": time.Second} {
			for latency, took := range map[string]time.Duration{"": 2 * time.Millisecond, "Slow": 200 * time.Millisecond} {
				t.Run(name+after+latency, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						memory, limit := newMemory(), newLimiter()
						var mu sync.Mutex
						refused := 0
						gateway := newGateway("sms", func(context.Context, *courier.Message) courier.Attempt {
							<-time.After(took)
							mu.Lock()
							defer mu.Unlock()
							if limit.take(time.Now()) {
								return accepted()
							}
							refused++
							a := limited()
							a.RetryAfter = retryAfter
							return a
						})
						options := newOptions(memory, gateway)
						options.RandFunc = rand.Float64
						engine := start(t, options)
						pass(1300 * time.Millisecond)
						began := time.Now()
						enqueue(t, engine, newMessages(200)...)
						for memory.statuses()[courier.StatusSent] < 200 {
							pass(100 * time.Millisecond)
							if time.Since(began) > 3*time.Minute {
								t.Fatalf("got %v after three minutes", memory.statuses())
							}
						}
						t.Logf("%s, %d refused", time.Since(began), refused)
						if took := time.Since(began); took > 48*time.Second {
							t.Errorf("it took %s, want about 40 s", took)
						}
						if refused > 250 {
							t.Errorf("%d were refused", refused)
						}
					})
				})
			}
		}
	}
}

// TestEngine_ADelayStopsEverybody has a gateway under a load take nothing for a while, and
// say for how long.
func TestEngine_ADelayStopsEverybody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const delay = 4 * time.Second
		until, asked := time.Time{}, 0
		var mu sync.Mutex
		f := newFlow(t, nil, newGateway("sms", func(context.Context, *courier.Message) courier.Attempt {
			mu.Lock()
			defer mu.Unlock()
			if left := time.Until(until); left > 0 {
				asked++
				a := limited()
				a.RetryAfter = left
				return a
			}
			return accepted()
		}))
		f.send(t, 300, 10*time.Millisecond)
		mu.Lock()
		until = time.Now().Add(delay)
		mu.Unlock()
		f.send(t, 600, 10*time.Millisecond)
		pass(20 * time.Second)
		if asked > 30 {
			t.Errorf("it was asked %d times while it took nothing", asked)
		}
		if took := f.delays(t, f.messages); took[len(took)-1] > 3*delay {
			t.Errorf("a message took %s", took[len(took)-1])
		}
	})
}
