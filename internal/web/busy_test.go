package web_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"courier"
	"courier/internal/httpapi"
	"courier/internal/store"
	"courier/internal/web/webtest"
)

// crowd makes the traffic of many people, the same each time.
type crowd struct {
	*site

	random *rand.Rand
	count  int
	// sick is when vonage delivers little to Germany: lost messages of those asked for.
	sick        bool
	lost, asked int
}

// minute has some messages taken and sent in the minute before a time, one of some by vonage,
// and most of them delivered.
func (c *crowd) minute(t *testing.T, end time.Time, taken, vonage int) {
	t.Helper()
	c.clock.Store(end.UnixNano())
	messages := make([]*courier.Message, taken)
	for i := range messages {
		at := end.Add(-time.Minute + time.Duration(c.random.IntN(50_000))*time.Millisecond)
		c.count++
		id := store.FirstID(at)
		id[14], id[15] = byte(c.count>>8), byte(c.count) //nolint:gosec // the lower bytes
		messages[i] = &courier.Message{
			ID: id, Status: courier.StatusProcessing, Channel: "sms", From: "ACME", Body: "Your code is 123456", Segments: 1,
			To: fmt.Sprintf("+120655501%02d", c.random.IntN(100)), Encoding: courier.EncodingGSM7, TemplateType: "login_code_valid",
			Country: []string{"US", "US", "US", "DE", "DE", "GB"}[c.random.IntN(6)], Gateway: "twilio", Lane: courier.LaneOTP,
			CreatedAt: at, UpdatedAt: at, ExpiresAt: at.Add(5 * time.Minute), Lease: courier.Lease{Node: "n", Until: end.Add(time.Hour)},
		}
		if c.random.IntN(vonage) == 0 {
			messages[i].Gateway = "vonage"
		}
	}
	stored, err := c.store.Enqueue(t.Context(), messages)
	if err != nil {
		t.Fatal(err)
	}
	ends := make([]store.Settlement, taken)
	var receipts []courier.Receipt
	for i, m := range messages {
		took := 90*time.Millisecond + time.Duration(80*c.random.ExpFloat64())*time.Millisecond
		a := &courier.Attempt{
			Number: 1, Gateway: m.Gateway, Outcome: courier.OutcomeAccepted, HTTPStatus: 201, StartedAt: m.CreatedAt.Add(2 * time.Millisecond),
			Duration: took, GatewayMessageID: fmt.Sprintf("SM%08x", c.count<<8+i),
		}
		ends[i] = store.Settlement{
			ID: m.ID, Token: stored[i].Message.Lease.Token, Status: courier.StatusSent, Attempt: a, Country: m.Country, DueAt: m.CreatedAt, At: m.CreatedAt.Add(took),
		}
		if c.random.IntN(60) == 0 {
			a.Outcome, a.Class, a.Code, a.HTTPStatus, a.GatewayMessageID = courier.OutcomeRejected, courier.ClassInvalidDestination, "21211", 400, ""
			ends[i].Status = courier.StatusRejected
			continue
		}
		got := courier.Receipt{Gateway: m.Gateway, GatewayMessageID: a.GatewayMessageID, Status: courier.StatusDelivered}
		got.ReceivedAt = ends[i].At.Add(time.Second + time.Duration(1800*c.random.ExpFloat64())*time.Millisecond)
		lost, sick := c.random.IntN(100), c.sick && m.Gateway == "vonage" && m.Country == "DE"
		if sick {
			c.asked++
		}
		if sick && lost < 80 {
			c.lost++
			got.Status, got.Class, got.Code = courier.StatusUndelivered, courier.ClassUnroutable, "9"
		} else if lost == 0 {
			got.Status, got.Class, got.Code = courier.StatusUndelivered, courier.ClassAbsentSubscriber, "30003"
		}
		receipts = append(receipts, got)
	}
	if _, err = c.store.Settle(t.Context(), ends); err == nil {
		_, err = c.store.Receive(t.Context(), receipts)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// failedOver is a message that the first gateway did not take and the second did. It returns
// its path.
func (c *crowd) failedOver(t *testing.T, at time.Time) string {
	t.Helper()
	c.clock.Store(at.UnixNano())
	id := store.FirstID(at)
	id[15] = 1
	stored, err := c.store.Enqueue(t.Context(), []*courier.Message{{
		ID: id, Status: courier.StatusProcessing, Channel: "sms", To: "+12065550142", From: "ACME", Body: "Your code is 123456", Country: "US",
		TemplateType: "login_code_valid", Lane: courier.LaneOTP, Segments: 1, Encoding: courier.EncodingGSM7, Gateway: "vonage",
		CreatedAt: at, UpdatedAt: at, ExpiresAt: at.Add(5 * time.Minute), Lease: courier.Lease{Node: "n", Until: at.Add(time.Minute)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	token := stored[0].Message.Lease.Token
	settle := func(status courier.Status, a courier.Attempt) {
		t.Helper()
		a.StartedAt = c.now()
		c.clock.Add(int64(a.Duration))
		_, err := c.store.Settle(t.Context(), []store.Settlement{{
			ID: id, Token: token, Status: status, Attempt: &a, At: c.now(), NextAttemptAt: c.now(), Gateway: "twilio", Country: "US", DueAt: at,
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	settle(courier.StatusQueued, courier.Attempt{
		Number: 1, Gateway: "vonage", Outcome: courier.OutcomeGatewayDown, Class: courier.ClassGatewayError, HTTPStatus: 503, Duration: 2113 * time.Millisecond,
		Message: "the gateway answered 503 Service Unavailable", Excerpt: `{"title":"Service unavailable","detail":"Try again later"}`,
	})
	claimed, err := c.store.Claim(t.Context(), store.Claim{Gateway: "twilio", Lane: courier.LaneOTP, Node: "n", Now: c.now(), LeaseUntil: c.now().Add(time.Minute), Limit: 1})
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %v, %v", claimed, err)
	}
	token = claimed[0].Lease.Token
	settle(courier.StatusSent, courier.Attempt{
		Number: 2, Gateway: "twilio", Outcome: courier.OutcomeAccepted, HTTPStatus: 201, Duration: 148 * time.Millisecond, GatewayMessageID: "SM0d9a2f41c7",
	})
	c.clock.Add(int64(3210 * time.Millisecond))
	_, err = c.store.Receive(t.Context(), []courier.Receipt{{
		Gateway: "twilio", GatewayMessageID: "SM0d9a2f41c7", Status: courier.StatusDelivered, At: c.now().Truncate(time.Second), ReceivedAt: c.now(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return "/messages/" + id.String()
}

// busy is a day of a site with two nodes and two gateways, one of which has delivered little
// since a while. It returns the path of a message that failed over.
func (s *site) busy(t *testing.T) (message string) {
	t.Helper()
	now := s.now().Add(12 * time.Hour)
	c := crowd{site: s, random: rand.New(rand.NewPCG(1, 2))}
	const week = 7 * 24 * time.Hour
	for ago := week + time.Hour; ago > 0; ago -= time.Minute {
		if ago > 24*time.Hour && ago <= week {
			continue // an hour a week ago, and the last day
		}
		at := now.Add(-ago).Truncate(time.Minute)
		hours := float64(at.Hour()) + float64(at.Minute())/60
		taken := 6 + 4*math.Sin((hours-9)/24*2*math.Pi) + 1.2*c.random.NormFloat64()
		vonage := 3
		if c.sick = ago < 27*time.Minute; c.sick && ago < 14*time.Minute {
			vonage = 6
		}
		c.minute(t, at.Add(time.Minute), max(int(taken), 0), vonage)
	}
	reason := fmt.Sprintf("%d of %d messages to DE were reported undelivered, where 95%% are expected to be delivered", c.lost, c.asked)
	err := s.store.SetWeight(t.Context(), store.Weight{Route: "codes", Gateway: "vonage", Weight: 20, Reason: reason, ChangedAt: now.Add(-14 * time.Minute)})
	if err == nil {
		err = s.store.Audit(t.Context(), store.Entry{At: now.Add(-41 * time.Minute), Who: "node sms-1", Action: "configuration", Detail: "changed: courier.routes"})
	}
	for i, host := range []string{"sms-1", "sms-2"} {
		var state []byte
		if err == nil {
			state, err = json.Marshal([]map[string]any{
				{"gateway": "twilio", "breaker": "closed", "in_flight": 2 - i, "sent_rate": 0.5},
				{"gateway": "vonage", "breaker": "closed", "sent_rate": 0.1, "degraded": map[string]string{"DE": reason}},
			})
		}
		beat := store.Beat{
			Node: host + "-4f1c", Host: host, Version: "1.2.3", StartedAt: now.Add(-time.Duration(52-i) * time.Hour), Gateways: []string{"twilio", "vonage"},
			State: string(state), InFlight: 2 - i, Lapse: time.Hour,
		}
		if _, beating := s.store.Beat(t.Context(), beat); beating != nil {
			err = cmp.Or(err, beating)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	message = c.failedOver(t, now.Add(-55*time.Second))
	s.clock.Store(now.UnixNano())
	return message
}

// TestBrowser_Busy shows pages with much on them: they fit wide and narrow screens. The
// documents have pictures of them.
func TestBrowser_Busy(t *testing.T) {
	t.Parallel()
	twilio := httpapi.GatewaySettings{
		ID: "twilio", Preset: "twilio", Provider: "Twilio", Method: "POST", URL: "https://api.twilio.com/2010-04-01/Accounts/AC…/Messages.json",
		From: "+12065550110", Receipts: "come for each message", ReceiptURL: "https://sms.example.com/v1/receipts/twilio/***", Timeout: "10s",
		MaxInFlight: 64, OnUnknown: "resend", Routes: []string{"codes"},
	}
	vonage := twilio
	vonage.ID, vonage.Preset, vonage.Provider, vonage.URL, vonage.From = "vonage", "vonage", "Vonage", "https://rest.nexmo.com/sms/json", "ACME"
	vonage.ReceiptURL, vonage.RateLimit = "https://sms.example.com/v1/receipts/vonage/***", "30 in 1s"
	s := open(t, nil, twilio, vonage)
	message := s.busy(t)
	tab := webtest.Start(t).Tab(t, webtest.Look{})
	for _, page := range []struct {
		path, name string
		height     int64
	}{{"/", "overview", 1162}, {"/messages", "messages", 800}, {message, "message", 850}, {"/gateways/vonage", "gateway", 1075}} {
		tab.Open(s.server.URL + page.path)
		tab.WaitText("Live")
		tab.Look(webtest.Look{Width: webtest.PhoneWidth})
		tab.Fits()
		tab.Look(webtest.Look{Height: page.height})
		tab.Fits()
		tab.Image(page.name)
	}
}
