package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/internal/store"
	"courier/internal/webhook"
)

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func endpoints(list ...webhook.Endpoint) webhook.Settings { return webhook.Settings{Endpoints: list} }

func TestDeliverer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		s := k.shop("shop")
		k.start(k.store, endpoints(one("shop")))
		began := time.Now().UTC()
		id := k.message(nil)
		after(time.Second)
		k.receipt(id, courier.StatusUndelivered, courier.ClassAbsentSubscriber, "30003")
		after(time.Second)
		same(t, "told", s.told(id), []string{"sent", "undelivered"})
		same(t, "left", k.left("webhook:shop"), 0)
		first, second := s.taken[0], s.taken[1]
		advice, reason := second.Data["advice"], second.Data["message"]
		same(t, "sent", first.Data, map[string]any{
			"id": id, "status": "sent", "previous_status": "processing", "to": "+1206•••0199", "channel": "sms", "template_type": "login_code_valid",
			"metadata": map[string]any{"order": 7.0}, "gateway": "main", "gateway_message_id": "SM" + id, "send_count": 1.0,
			"created_at": began.Format(time.RFC3339), "sent_at": began.Format(time.RFC3339),
		})
		same(t, "undelivered", second.Data, map[string]any{
			"id": id, "status": "undelivered", "previous_status": "sent", "to": "+1206•••0199", "channel": "sms", "template_type": "login_code_valid",
			"metadata": map[string]any{"order": 7.0}, "gateway": "main", "gateway_message_id": "SM" + id, "send_count": 1.0,
			"class": "absent_subscriber", "code": "30003", "advice": advice, "message": reason,
			"created_at": began.Format(time.RFC3339), "sent_at": began.Format(time.RFC3339),
		})
		if advice != courier.ClassAbsentSubscriber.Explain().String() || reason == nil {
			t.Errorf("advice %q, message %q", advice, reason)
		}
		if first.ID == second.ID || !strings.HasPrefix(first.ID, id+".") || first.header.Get("User-Agent") != "courier/1" ||
			len(strings.Fields(first.header.Get("Webhook-Signature"))) != 2 {
			t.Errorf("headers %v", first.header)
		}
	})
}

func TestDeliverer_EventsAndRecipient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		s := k.shop("shop")
		endpoint := one("shop")
		endpoint.Events, endpoint.IncludeRecipient = []string{"message.delivered"}, true
		k.start(k.store, endpoints(endpoint))
		id := k.message(nil)
		k.receipt(id, courier.StatusDelivered, "", "")
		after(time.Second)
		same(t, "told", s.told(""), []string{"delivered"})
		same(t, "recipient", s.taken[0].Data["to"], any("+12065550199"))
	})
}

// TestDeliverer_Outage has an endpoint fail for an hour: another hears of everything at
// once, and this one of everything soon after, in order, each change once.
func TestDeliverer_Outage(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(s *shop, on bool){
		"Refuses":    func(s *shop, on bool) { s.down.Store(on) },
		"Hangs":      func(s *shop, on bool) { s.set(map[bool]func(post, http.ResponseWriter) int{true: answers(0)}[on]) },
		"Answers500": func(s *shop, on bool) { s.set(map[bool]func(post, http.ResponseWriter) int{true: answers(500)}[on]) },
		"Redirects":  func(s *shop, on bool) { s.set(map[bool]func(post, http.ResponseWriter) int{true: answers(302)}[on]) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t)
				bad, good := k.shop("bad"), k.shop("good")
				k.start(k.store, endpoints(one("bad"), one("good")))
				fail(bad, true)
				var ids []string
				for range 60 {
					ids = append(ids, k.message(nil))
					after(30 * time.Second)
				}
				for _, id := range ids {
					k.receipt(id, courier.StatusDelivered, "", "")
					after(30 * time.Second)
				}
				same(t, "the good one was told", len(good.told("")), 120)
				same(t, "the bad one was told", len(bad.told("")), 0)
				if bad.tries > 100 {
					t.Errorf("it was asked %d times", bad.tries)
				}
				fail(bad, false)
				after(6 * time.Minute)
				for _, id := range ids {
					same(t, id, bad.told(id), []string{"sent", "delivered"})
				}
				same(t, "left", k.left("webhook:bad"), 0)
				if log := k.log.String(); strings.Count(log, "does not take events") != 1 || strings.Count(log, "takes events again") != 1 {
					t.Errorf("log:\n%s", log)
				}
			})
		})
	}
}

func answers(status int) func(post, http.ResponseWriter) int {
	return func(post, http.ResponseWriter) int { return status }
}

// TestDeliverer_Poison has one message whose events are not taken: the others are not
// held up, and it is given up after a day.
func TestDeliverer_Poison(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		s := k.shop("shop")
		k.start(k.store, endpoints(one("shop")))
		poison := k.message(nil)
		s.set(func(p post, _ http.ResponseWriter) int {
			if p.message() == poison {
				return http.StatusBadRequest
			}
			return http.StatusOK
		})
		after(time.Hour)
		if log := k.log.String(); strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, "it answered 400") {
			t.Errorf("a message that is told in vain is to be logged once:\n%s", log)
		}
		for range 20 {
			id := k.message(nil)
			after(time.Second)
			same(t, "told", s.told(id), []string{"sent"})
		}
		same(t, "left", k.left("webhook:shop"), 1)
		after(24 * time.Hour)
		same(t, "left", k.left("webhook:shop"), 0)
		if log := k.log.String(); strings.Count(log, "given up") != 1 || strings.Contains(log, "does not take events") {
			t.Errorf("log:\n%s", log)
		}
	})
}

// TestDeliverer_GivesUp has an endpoint that is away for days: what is older than a day
// is given up without being tried, so that the store does not grow.
func TestDeliverer_GivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		s := k.shop("shop")
		s.down.Store(true)
		k.start(k.store, endpoints(one("shop")))
		for range 40 {
			k.message(nil)
		}
		after(23 * time.Hour)
		same(t, "left", k.left("webhook:shop"), 40)
		after(2 * time.Hour)
		same(t, "left", k.left("webhook:shop"), 0)
		id := k.message(nil)
		s.down.Store(false)
		after(6 * time.Minute)
		same(t, "told", s.told(id), []string{"sent"})
	})
}

// TestDeliverer_Notices asks the store how it went to tell of a message: refused and then
// taken, never taken, and by its callback_url.
func TestDeliverer_Notices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		bad, good := k.shop("bad"), k.shop("good")
		k.shop("own")
		bad.set(answers(http.StatusBadGateway))
		good.set(answers(http.StatusBadRequest))
		callback := one("")
		callback.URL = ""
		settings := endpoints(one("bad"), one("good"))
		settings.Callback = &callback
		k.start(k.store, settings)
		began := time.Now().UTC()
		id := k.message(func(m *courier.Message) { m.CallbackURL = "http://own/cb?token=hush" })
		parsed, err := courier.ParseID(id)
		if err != nil {
			t.Fatal(err)
		}
		states := func() string {
			notices, err := k.store.Notices(t.Context(), parsed)
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, n := range notices {
				name, host := settings.Target(n.Listener, "http://own/cb?token=hush")
				tried := "never"
				if !n.TriedAt.IsZero() {
					tried = n.TriedAt.Sub(began).Round(time.Hour).String()
				}
				lines = append(lines, fmt.Sprintf("%s at %s: %s %s, tried: %v, at %s, %s", name, host, n.To, n.State, n.Tries > 0, tried, n.Fault))
			}
			return strings.Join(lines, "\n")
		}
		after(2 * time.Second)
		good.set(nil)
		after(time.Minute)
		same(t, "notices", states(), `callback_url at own: sent delivered, tried: true, at 0s, 
bad at bad: sent waiting, tried: true, at 0s, it answered 502 Bad Gateway
good at good: sent delivered, tried: true, at 0s, `)
		after(26 * time.Hour)
		if got := states(); !strings.Contains(got, "bad at bad: sent given_up, tried: true, at 24h0m0s, it answered 502 Bad Gateway") {
			t.Error(got)
		}
		settings.Endpoints = nil
		if id, host := settings.Target("webhook:bad", ""); id != "bad" || host != "" {
			t.Errorf("an endpoint that is configured no more is %q at %q", id, host)
		}
		for _, listener := range []string{"callback", "follower"} {
			if id, host := settings.Target(listener, ""); id != "" || host != "" {
				t.Errorf("the listener %s tells %q at %q", listener, id, host)
			}
		}
	})
}

// forgetful is a store that forgets nothing: the process dies before it is told.
type forgetful struct{ webhook.Store }

// RecordNotices implements webhook.Store.
func (forgetful) RecordNotices(context.Context, []store.Notice) error { return errors.New("killed") }

// TestDeliverer_Killed kills the process between a post and its being forgotten: the
// same events come again under the same ids.
func TestDeliverer_Killed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		s := k.shop("shop")
		first := k.start(forgetful{k.store}, endpoints(one("shop")))
		id := k.message(nil)
		k.receipt(id, courier.StatusDelivered, "", "")
		after(time.Minute)
		same(t, "told", s.told(""), []string{"sent", "delivered"})
		k.stop(first)
		k.start(k.store, endpoints(one("shop")))
		after(time.Second)
		same(t, "told", s.told(""), []string{"sent", "delivered", "sent", "delivered"})
		if s.taken[0].ID != s.taken[2].ID || s.taken[1].ID != s.taken[3].ID {
			t.Errorf("other ids: %v", s.taken)
		}
	})
}

func TestDeliverer_Gone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		s := k.shop("shop")
		s.set(answers(http.StatusGone))
		d := k.start(k.store, endpoints(one("shop")))
		for range 20 {
			k.message(nil)
			after(time.Minute)
		}
		if s.tries != 1 || k.left("webhook:shop") != 20 || strings.Count(k.log.String(), "wants no more events") != 1 {
			t.Errorf("%d tries, %d left, log:\n%s", s.tries, k.left("webhook:shop"), k.log.String())
		}
		k.stop(d)
		s.set(nil)
		k.start(k.store, endpoints(one("shop")))
		after(time.Second)
		same(t, "told", len(s.told("")), 20)
	})
}

func TestDeliverer_RetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		s := k.shop("shop")
		s.set(func(_ post, w http.ResponseWriter) int {
			w.Header().Set("Retry-After", "600")
			return http.StatusTooManyRequests
		})
		k.start(k.store, endpoints(one("shop")))
		k.message(nil)
		after(time.Second)
		k.message(nil)
		after(9 * time.Minute)
		same(t, "tries", s.tries, 1)
		s.set(nil)
		after(2 * time.Minute)
		same(t, "told", len(s.told("")), 2)
	})
}

func TestDeliverer_Callbacks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		good, bad := k.shop("good"), k.shop("bad")
		bad.down.Store(true)
		callback := &webhook.Endpoint{Secrets: []string{secret}}
		k.start(k.store, webhook.Settings{Callback: callback})
		to := func(url string) func(*courier.Message) {
			return func(m *courier.Message) { m.CallbackURL = url }
		}
		k.message(nil)
		var lost []string
		for i := range 30 {
			lost = append(lost, k.message(to("http://bad/a")))
			id := k.message(to(fmt.Sprintf("http://good/b/%d", i)))
			after(time.Second)
			same(t, "told", good.told(id), []string{"sent"})
		}
		same(t, "left", k.left("callback"), 30)
		for _, id := range lost {
			k.receipt(id, courier.StatusDelivered, "", "")
		}
		bad.down.Store(false)
		after(6 * time.Minute)
		for _, id := range lost {
			same(t, "told", bad.told(id), []string{"sent", "delivered"})
		}
		same(t, "left", k.left("callback"), 0)
	})
}

// TestDeliverer_CallbackBacklog has one dead host with more callbacks than are held in
// memory or read at once; others are told all the same, and it gets all, in order.
func TestDeliverer_CallbackBacklog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		good, other, bad := k.shop("good"), k.shop("other"), k.shop("bad")
		bad.down.Store(true)
		over := newBacklog(2500)
		k.start(over, webhook.Settings{Callback: &webhook.Endpoint{Secrets: []string{secret}}})
		after(5 * time.Second)
		same(t, "the good ones were told", []int{len(good.told("")), len(other.told(""))}, []int{100, 900})
		bad.down.Store(false)
		after(6 * time.Minute)
		same(t, "the bad one was told", len(bad.told("")), 1500)
		seen := map[string]string{}
		for _, p := range slices.Concat(good.taken, other.taken, bad.taken) {
			if p.Type == "message.delivered" && seen[p.message()] != "message.sent" {
				t.Errorf("message %s: %s after %q", p.message(), p.Type, seen[p.message()])
			}
			seen[p.message()] = p.Type
		}
		same(t, "left", len(over.events), 0)
	})
}

// TestDeliverer_Order changes many messages while half of the posts fail.
func TestDeliverer_Order(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		s := k.shop("shop")
		random := rand.New(rand.NewPCG(1, 2))
		s.set(func(post, http.ResponseWriter) int { return []int{200, 500}[random.IntN(2)] })
		k.start(k.store, endpoints(one("shop")))
		var ids []string
		for range 100 {
			ids = append(ids, k.message(nil))
			if len(ids)%3 == 0 {
				k.receipt(ids[len(ids)-2], courier.StatusDelivered, "", "")
			}
			after(100 * time.Millisecond)
		}
		for i, id := range ids {
			if i%3 != 1 {
				k.receipt(id, courier.StatusUndelivered, "", "")
			}
		}
		after(time.Hour)
		for i, id := range ids {
			want := []string{"sent", "undelivered"}
			if i%3 == 1 && i < 98 {
				want[1] = "delivered"
			}
			same(t, fmt.Sprint(i), s.told(id), want)
		}
	})
}

func TestDeliverer_Duty(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		s := k.shop("shop")
		k.duty.Store(false)
		k.start(k.store, endpoints(one("shop")))
		k.message(nil)
		after(time.Minute)
		same(t, "told", len(s.told("")), 0)
		k.duty.Store(true)
		after(2 * time.Second)
		same(t, "told", len(s.told("")), 1)
		k.duty.Store(false)
		after(time.Second)
		k.message(nil)
		after(time.Minute)
		same(t, "told", len(s.told("")), 1)
	})
}

func TestDeliverer_Set(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		s, other := k.shop("shop"), k.shop("other")
		if err := k.store.Listen(t.Context(), "page", []courier.Status{courier.StatusSent}); err != nil {
			t.Fatal(err)
		}
		if err := k.store.Listen(t.Context(), "webhook:old", []courier.Status{courier.StatusSent}); err != nil {
			t.Fatal(err)
		}
		d := k.start(k.store, endpoints(one("shop")))
		listeners := func(want ...string) {
			t.Helper()
			names, err := k.store.Listeners(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			same(t, "listeners", names, want)
		}
		listeners("page", "webhook:shop")
		settings := endpoints(one("other"))
		settings.Callback = &webhook.Endpoint{Secrets: []string{secret}}
		if err := d.Set(t.Context(), settings); err != nil {
			t.Fatal(err)
		}
		listeners("callback", "page", "webhook:other")
		k.message(nil)
		after(time.Second)
		same(t, "told", [][]string{s.told(""), other.told("")}, [][]string{nil, {"sent"}})
		if err := d.Set(t.Context(), endpoints(webhook.Endpoint{})); err == nil {
			t.Error("settings without an id were taken")
		}
		if err := d.Set(t.Context(), webhook.Settings{}); err != nil {
			t.Fatal(err)
		}
		listeners("page")
	})
}

// An outage of the store loses nothing and ends nothing.
func TestDeliverer_StoreAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		s := k.shop("shop")
		over := &away{Store: k.store}
		k.start(over, endpoints(one("shop")))
		k.message(nil)
		over.on.Store(true)
		after(time.Minute)
		over.on.Store(false)
		after(2 * time.Second)
		same(t, "told", s.told(""), []string{"sent"})
		same(t, "left", k.left("webhook:shop"), 0)
		if count := strings.Count(k.log.String(), "it is tried again"); count != 1 {
			t.Errorf("%d lines:\n%s", count, k.log.String())
		}
	})
}

type away struct {
	webhook.Store
	on atomic.Bool
}

// Events implements webhook.Store.
func (a *away) Events(ctx context.Context, listener string, after int64, limit int) ([]store.Event, error) {
	if a.on.Load() {
		return nil, store.ErrUnavailable
	}
	return a.Store.Events(ctx, listener, after, limit)
}

// What is secret of an address and of a signature is in no log.
func TestDeliverer_LogsNoSecret(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		k.shop("shop").set(answers(500))
		k.start(k.store, webhook.Settings{
			Endpoints: []webhook.Endpoint{one("shop"), one("nowhere")}, Callback: &webhook.Endpoint{Secrets: []string{secret}},
		})
		for range 5 {
			k.message(func(m *courier.Message) { m.CallbackURL = "https://nowhere/hush?hush" })
		}
		after(time.Hour)
		for _, secret := range []string{"hush", "whsec", secret[6:], "5550199", "123456"} {
			if strings.Contains(k.log.String(), secret) {
				t.Errorf("the log has %q:\n%s", secret, k.log.String())
			}
		}
		if !strings.Contains(k.log.String(), "https://nowhere") || !strings.Contains(k.log.String(), "500 Internal Server Error") {
			t.Errorf("log:\n%s", k.log.String())
		}
	})
}

func TestEndpoint_Check(t *testing.T) {
	t.Parallel()
	good := one("shop")
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, test := range map[string]struct {
		change func(e *webhook.Endpoint)
		fields []string
	}{
		"URL":        {func(e *webhook.Endpoint) { e.URL = "/in" }, []string{"url"}},
		"Scheme":     {func(e *webhook.Endpoint) { e.URL = "ftp://shop/" }, []string{"url"}},
		"Events":     {func(e *webhook.Endpoint) { e.Events = []string{"message.queued"} }, []string{"events"}},
		"NoSecret":   {func(e *webhook.Endpoint) { e.Secrets = nil }, []string{"secret"}},
		"Short":      {func(e *webhook.Endpoint) { e.Secrets = []string{secret, "whsec_c2hvcnQ="} }, []string{"secret"}},
		"NoBase64":   {func(e *webhook.Endpoint) { e.Secrets = []string{"whsec_" + strings.Repeat("!", 32)} }, []string{"secret"}},
		"Everything": {func(e *webhook.Endpoint) { *e = webhook.Endpoint{Events: []string{"a"}} }, []string{"url", "events", "secret"}},
	} {
		e := one("shop")
		test.change(&e)
		var fields []string
		joined, _ := e.Check().(interface{ Unwrap() []error })
		if joined == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, err := range joined.Unwrap() {
			if fault, ok := errors.AsType[*webhook.OptionError](err); ok {
				fields = append(fields, fault.Field)
			}
		}
		if !slices.Equal(fields, test.fields) {
			t.Errorf("%s: %v, want %v", name, fields, test.fields)
		}
	}
}

// TestDeliverer_Private posts over the network, where private addresses are refused
// unless they are allowed.
func TestDeliverer_Private(t *testing.T) {
	t.Parallel()
	for name, allowed := range map[string]bool{"Refused": false, "Allowed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reached := make(chan string, 10)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.URL.Path }))
			defer server.Close()
			log := &lines{seen: make(chan string, 10)}
			over := newBacklog(2)
			d, err := webhook.New(webhook.Options{
				Settings: endpoints(webhook.Endpoint{ID: "shop", URL: server.URL + "/in", Secrets: []string{secret}, AllowPrivate: allowed}),
				Store:    over, DutyFunc: func() bool { return true }, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer d.Stop(t.Context()) //nolint:errcheck // it never fails
			select {
			case path := <-reached:
				if !allowed || path != "/in" {
					t.Errorf("posted to %s", path)
				}
			case line := <-log.seen:
				if allowed || !strings.Contains(line, "set allow_private") {
					t.Errorf("log: %s", line)
				}
			}
		})
	}
}

// lines hands out the lines of a log.
type lines struct{ seen chan string }

// Write implements io.Writer.
func (l *lines) Write(line []byte) (int, error) {
	l.seen <- string(line)
	return len(line), nil
}

// docs/webhooks.md shows an event with every field that there is.
func TestDocument(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		page, err := os.ReadFile("../../docs/webhooks.md")
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(page), "```json\n")
		text, _, _ = strings.Cut(text, "```")
		var shown post
		if err := json.Unmarshal([]byte(text), &shown); err != nil {
			t.Fatal(err)
		}
		k := newKit(t)
		s := k.shop("shop")
		k.start(k.store, endpoints(one("shop")))
		k.receipt(k.message(nil), courier.StatusUndelivered, courier.ClassAbsentSubscriber, "30003")
		after(time.Second)
		fields := func(p post) []string { return slices.Sorted(maps.Keys(p.Data)) }
		same(t, "fields", fields(shown), fields(s.taken[1]))
		same(t, "advice", shown.Data["advice"], s.taken[1].Data["advice"])
		for _, name := range webhook.Events() {
			if !strings.Contains(string(page), "| `"+name+"` |") {
				t.Errorf("%s is not described", name)
			}
		}
	})
}
