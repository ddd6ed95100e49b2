package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// reporter is a gateway that reports each message as delivered, again and again until
// that is taken.
type reporter struct {
	t       *testing.T
	address string
	reports sync.WaitGroup

	mu sync.Mutex
	// reported are the messages whose report was taken.
	reported map[string]bool
}

// ServeHTTP implements http.Handler.
func (g *reporter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var sent struct{ ID string }
	if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
		return // it was cut off
	}
	ctx := context.WithoutCancel(r.Context())
	g.reports.Go(func() { g.report(ctx, sent.ID) })
	w.WriteHeader(http.StatusCreated)
}

func (g *reporter) report(ctx context.Context, id string) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for g.t.Context().Err() == nil {
		if status, _ := call(ctx, client(), http.MethodPost, g.address, []byte(`{"id":"`+id+`"}`)); status == http.StatusOK {
			g.mu.Lock()
			g.reported[id] = true
			g.mu.Unlock()
			return
		}
		<-ticker.C
	}
}

// application takes events and notes the statuses of each message as they arrive.
type application struct {
	t      *testing.T
	mu     sync.Mutex
	told   map[string][]string
	events map[string]int
}

const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" //nolint:gosec // it opens nothing

// ServeHTTP implements http.Handler.
func (a *application) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return // it was cut off
	}
	verifier, _ := standardwebhooks.NewWebhook(webhookSecret)
	if err := verifier.Verify(content, r.Header); err != nil {
		a.t.Errorf("an event is not genuine: %v", err)
	}
	var event struct{ Data struct{ ID, Status string } }
	if err := json.Unmarshal(content, &event); err != nil {
		a.t.Errorf("decode %s: %v", content, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events[r.Header.Get("Webhook-Id")]++
	if statuses := a.told[event.Data.ID]; !slices.Contains(statuses, event.Data.Status) {
		a.told[event.Data.ID] = append(statuses, event.Data.Status)
	}
}

// TestServe_KilledBetweenReceiptsAndWebhooks kills the courier at random moments under
// load. Each receipt that was answered with 200 is in its message, and the application
// hears of each change, in order.
func TestServe_KilledBetweenReceiptsAndWebhooks(t *testing.T) {
	const kills = 5
	public := listen(t, "127.0.0.1:0")
	address := public.Addr().String()
	_ = public.Close()
	gateway := &reporter{t: t, address: "http://" + address + "/receipts/own/hush", reported: map[string]bool{}}
	shop := &application{t: t, told: map[string][]string{}, events: map[string]int{}}
	sends, told := httptest.NewServer(gateway), httptest.NewServer(shop)
	defer sends.Close()
	defer told.Close()
	dir := t.TempDir()
	config := writeConfigFile(t, dir, fmt.Sprintf(`courier:
  gateways:
    - id: own
      from: "+12065550110"
      request_config: { url: "%s/send", method: POST, body: %s }
      receipt: %s
      receipt_secret: hush
store: { dsn: "sqlite://%s" }
api: { port: 0 }
public: { port: %s }
log: { level: info, format: json }
webhooks: [{ id: shop, url: "%s/events", secret: %s, allow_private: true }]
`, sends.URL, template("function(ctx) { id: ctx.id }"), template("function(req) [{ reference: req.json.id, status: 'delivered' }]"),
		filepath.Join(dir, "courier.db"), address[strings.LastIndex(address, ":")+1:], told.URL, webhookSecret))
	posted := newLoad("killed")
	for range kills {
		p := startCourier(t, config)
		var group sync.WaitGroup
		group.Go(func() { posted.run(t.Context(), p, 8) })
		posted.awaitMore(t, 50+rand.IntN(200))
		p.kill(t)
		group.Wait()
	}
	p := startCourier(t, config)
	awaitDrained(t, p)
	gateway.reports.Wait()
	waitFor(t, "every message to be told of", func() bool {
		shop.mu.Lock()
		defer shop.mu.Unlock()
		done := 0
		for id := range gateway.reported {
			if slices.Contains(shop.told[id], "delivered") {
				done++
			}
		}
		return done == len(gateway.reported)
	})
	if sent := listed(t, p, "sent"); sent > 0 || len(gateway.reported) < len(posted.acknowledged()) {
		t.Errorf("%d messages are sent and not delivered, %d of %d were reported", sent, len(gateway.reported), len(posted.acknowledged()))
	}
	for id, statuses := range shop.told {
		if text := fmt.Sprint(statuses); text != "[sent delivered]" && text != "[delivered]" {
			t.Errorf("message %s: told of %s", id, text)
		}
	}
	repeats := 0
	for _, count := range shop.events {
		repeats += count - 1
	}
	t.Logf("%d acknowledged, %d reported, %d events, %d of them repeated", len(posted.acknowledged()), len(gateway.reported), len(shop.events), repeats)
	if err := p.terminate(t); err != nil {
		t.Errorf("end of the courier: %v\n%s", err, p.log)
	}
}

func template(text string) string {
	return "base64://" + base64.StdEncoding.EncodeToString([]byte(text))
}
