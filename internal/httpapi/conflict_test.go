package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"courier/internal/httpapi"
)

func (f *fixture) keyed(t *testing.T, body string, headers ...string) (status int, retryAfter string) {
	t.Helper()
	w := f.call(t, "POST", "/v1/messages", `{"to":"`+number+`","body":"`+body+`"}`, headers...)
	return w.Code, w.Header().Get("Retry-After")
}

// A key that may only send must not find out what another has sent by guessing.
func TestAPI_IdempotencyKeysOfCallers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *httpapi.Options) {
		o.Keys = []httpapi.Key{key("shop", httpapi.ScopeSend), key("bank", httpapi.ScopeSend)}
	})
	for _, test := range []struct{ caller, body, replayed string }{
		{"shop", "123456", ""}, {"bank", "123456", ""}, {"bank", "123456", "true"}, {"shop", "123456", "true"},
	} {
		w := f.call(t, "POST", "/v1/messages", `{"to":"`+number+`","body":"`+test.body+`"}`, "Idempotency-Key: k", "X-API-Key: "+test.caller)
		if w.Code != http.StatusAccepted || w.Header().Get("Idempotency-Replayed") != test.replayed {
			t.Errorf("%s: got %d, replayed %q, want %q", test.caller, w.Code, w.Header().Get("Idempotency-Replayed"), test.replayed)
		}
	}
	if len(f.memory.all(t)) != 2 {
		t.Errorf("%d messages were stored, want one a caller", len(f.memory.all(t)))
	}
	for _, m := range f.memory.all(t) {
		if m.Caller != "shop" && m.Caller != "bank" {
			t.Errorf("a message of the caller %q", m.Caller)
		}
	}
}

// Guessing at the text under one key ends soon, and harms nobody else.
func TestAPI_IdempotencyGuesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil)
		f.keyed(t, "123456", "Idempotency-Key: k")
		conflicts := 0
		for i := range 1000 {
			status, retryAfter := f.keyed(t, fmt.Sprint(i), "Idempotency-Key: k")
			switch {
			case status == http.StatusConflict:
				conflicts++
			case status != http.StatusTooManyRequests || retryAfter == "":
				t.Fatalf("guess %d: got %d, Retry-After %q", i, status, retryAfter)
			}
		}
		if conflicts != 10 {
			t.Errorf("%d guesses were judged, want 10", conflicts)
		}
		// A right guess is not told either, nor in a batch or many at once.
		if status, _ := f.keyed(t, "123456", "Idempotency-Key: k"); status != http.StatusTooManyRequests {
			t.Errorf("the right text: got %d", status)
		}
		var parts []string
		for i := range 1000 {
			parts = append(parts, fmt.Sprintf(`{"to":%q,"body":"b%d","idempotency_key":"k"}`, number, i))
		}
		w := f.call(t, "POST", "/v1/messages/batch", `{"messages":[`+strings.Join(parts, ",")+`]}`)
		if got := strings.Count(w.Body.String(), `"code":"rate_limited"`); got != 1000 || !contains(w.Body.String(), `"field":"idempotency_key"`) {
			t.Errorf("%d of a batch were refused: %.300s", got, w.Body)
		}
		if status, _ := f.keyed(t, "other", "Idempotency-Key: k2"); status != http.StatusAccepted {
			t.Errorf("another key: got %d", status)
		}
		if status, _ := f.keyed(t, "other"); status != http.StatusAccepted {
			t.Errorf("no key: got %d", status)
		}
		<-time.After(10 * time.Minute)
		if status, _ := f.keyed(t, "123456", "Idempotency-Key: k"); status != http.StatusAccepted {
			t.Errorf("the first message after a while: got %d", status)
		}
	})
}

func TestAPI_IdempotencyGuessesAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.keyed(t, "123456", "Idempotency-Key: k")
	counts, mu := make(map[int]int), sync.Mutex{}
	var group sync.WaitGroup
	for i := range 200 {
		group.Go(func() {
			status, _ := f.keyed(t, fmt.Sprint(i), "Idempotency-Key: k")
			mu.Lock()
			defer mu.Unlock()
			counts[status]++
		})
	}
	group.Wait()
	if counts[http.StatusConflict] > 10 || counts[http.StatusTooManyRequests] < 190 {
		t.Errorf("answers by status: %v", counts)
	}
}

// Repeats of one message are no guesses, however many come at once.
func TestAPI_IdempotencyRepeats(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	var group sync.WaitGroup
	for range 200 {
		group.Go(func() {
			if status, _ := f.keyed(t, "123456", "Idempotency-Key: k"); status != http.StatusAccepted {
				t.Errorf("got %d", status)
			}
		})
	}
	group.Wait()
	for i := range 20 { // a wrong program repeats one wrong message
		if status, _ := f.keyed(t, "other", "Idempotency-Key: k"); status != http.StatusConflict {
			t.Errorf("wrong repeat %d: got %d", i, status)
		}
	}
}

// Conflicts over many keys are limited a caller.
func TestAPI_IdempotencyConflictsOfCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(o *httpapi.Options) {
			o.Keys = []httpapi.Key{key("shop", httpapi.ScopeSend), key("bank", httpapi.ScopeSend)}
		})
		last := 0
		for i := range 1001 {
			header := fmt.Sprintf("Idempotency-Key: k%d", i)
			f.keyed(t, "b", header, "X-API-Key: shop")
			last, _ = f.keyed(t, "a", header, "X-API-Key: shop")
		}
		if last != http.StatusTooManyRequests {
			t.Errorf("the 1,001st conflict: got %d", last)
		}
		for header, want := range map[string]int{"X-API-Key: shop": http.StatusTooManyRequests, "X-API-Key: bank": http.StatusAccepted} {
			if status, _ := f.keyed(t, "a", "Idempotency-Key: new", header); status != want {
				t.Errorf("%s: got %d, want %d", header, status, want)
			}
		}
		<-time.After(10 * time.Second)
		if status, _ := f.keyed(t, "a", "Idempotency-Key: new", "X-API-Key: shop"); status != http.StatusAccepted {
			t.Errorf("after a while: got %d", status)
		}
	})
}
