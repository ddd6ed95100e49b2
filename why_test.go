package courier_test

import (
	"strings"
	"testing"
	"time"

	"courier"
)

func TestWhy(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	made := func(status courier.Status, edit func(m *courier.Message)) *courier.Message {
		m := &courier.Message{
			Status: status, To: "+12065550199", Body: "Your code is 204961", TemplateType: "login_code_valid", Gateway: "twilio", SendCount: 2,
			CreatedAt: now.Add(-3 * time.Minute), SentAt: now.Add(-3*time.Minute + 120*time.Millisecond),
		}
		if edit != nil {
			edit(m)
		}
		return m
	}
	failed := func(class courier.Class) func(m *courier.Message) {
		return func(m *courier.Message) {
			m.LastError = &courier.Attempt{Class: class, Message: "+12065550199 and 204961"}
		}
	}
	for name, test := range map[string]struct {
		messages []*courier.Message
		want     []string
	}{
		"None":         {nil, []string{"No message to this number is known.", "courier_hook_requests_total"}},
		"Delivered":    {[]*courier.Message{made(courier.StatusDelivered, nil)}, []string{"The last message (login_code_valid) was accepted 3m0s ago. It arrived: the gateway twilio took it 120ms later and reported it delivered."}},
		"Sent":         {[]*courier.Message{made(courier.StatusSent, func(m *courier.Message) { m.GatewayMessageID = "SM7" })}, []string{"The gateway twilio took it 120ms later, and has not reported", "its id there, SM7"}},
		"Undelivered":  {[]*courier.Message{made(courier.StatusUndelivered, failed(courier.ClassAbsentSubscriber))}, []string{"reported that it did not arrive. The phone is off or has no network. Nothing: it may"}},
		"Rejected":     {[]*courier.Message{made(courier.StatusRejected, failed(courier.ClassRecipientRateLimited))}, []string{"It was refused for good. This number was sent too many messages", "Let the person wait"}},
		"Waits":        {[]*courier.Message{made(courier.StatusQueued, failed(courier.ClassUnauthorized))}, []string{"It waits for the gateway twilio after 2 attempts. The gateway does not accept the credentials. Correct them"}},
		"NotAsked":     {[]*courier.Message{made(courier.StatusQueued, func(m *courier.Message) { m.SendCount = 0 })}, []string{"which has not been asked yet. Look whether"}},
		"Later":        {[]*courier.Message{made(courier.StatusQueued, func(m *courier.Message) { m.SendCount, m.NextAttemptAt = 0, now.Add(90*time.Minute) })}, []string{"not due before 2026-03-01T13:30:00Z, in 1h30m."}},
		"Processing":   {[]*courier.Message{made(courier.StatusProcessing, nil)}, []string{"being handed to the gateway twilio right now"}},
		"Expired":      {[]*courier.Message{made(courier.StatusExpired, func(m *courier.Message) { m.SentAt = time.Time{}; failed(courier.ClassTimeout)(m) })}, []string{"before a gateway took it, after 2 attempts. The gateway did not answer in time."}},
		"ExpiredThere": {[]*courier.Message{made(courier.StatusExpired, failed(courier.ClassAbsentSubscriber))}, []string{"The gateway twilio took it 120ms later and reported that it lost its use before it arrived. The phone is off"}},
		"Abandoned":    {[]*courier.Message{made(courier.StatusAbandoned, func(m *courier.Message) { m.SendCount = 1 })}, []string{"It was given up after one attempt."}},
		"Superseded":   {[]*courier.Message{made(courier.StatusCanceled, func(m *courier.Message) { m.SupersededBy = courier.ID{1} })}, []string{"A newer one with the same supersede_key took its place: 01000000-"}},
		"Canceled":     {[]*courier.Message{made(courier.StatusCanceled, nil)}, []string{"It was canceled"}},
		"Unknown":      {[]*courier.Message{made(courier.StatusUnknown, failed(courier.ClassOutcomeUnknown))}, []string{"Nobody knows whether the gateway twilio took it.", "courier messages resolve"}},
		"Two":          {[]*courier.Message{made(courier.StatusDelivered, nil), made(courier.StatusExpired, nil)}, []string{"The one before it is expired."}},
		"Many":         {[]*courier.Message{made(courier.StatusDelivered, nil), made(courier.StatusExpired, nil), made(courier.StatusSent, nil), made(courier.StatusSent, nil)}, []string{"Of the 3 before it: 2 sent, 1 expired."}},
	} {
		got := courier.Why(test.messages, []courier.Attempt{{}, {Warning: "dispatch.mode is dry"}}, now)
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in %q", name, want, got)
			}
		}
		if strings.Contains(got, "5550199") || strings.Contains(got, "204961") || strings.Contains(got, "  ") {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := courier.Why([]*courier.Message{made(courier.StatusSent, nil)}, []courier.Attempt{{Warning: "dispatch.mode is dry"}}, now); !strings.Contains(got, "Note: dispatch.mode is dry.") {
		t.Errorf("got %q", got)
	}
}
