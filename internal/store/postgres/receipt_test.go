package postgres

import (
	"context"
	"strconv"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

// TestReceive_Crossed has a receipt that was parked in a transaction which did not see
// that of the outcome of its attempt.
func TestReceive_Crossed(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	m := &courier.Message{
		ID: courier.ID{15: 1}, Status: courier.StatusProcessing, Channel: "sms", Gateway: "sms", To: "+12065550199", Body: "text",
		Lease: courier.Lease{Node: "one", Token: 1, Until: s.Now().Add(time.Minute)},
	}
	if _, err := s.Enqueue(t.Context(), []*courier.Message{m}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Settle(t.Context(), []store.Settlement{{
		ID: m.ID, Token: 1, Status: courier.StatusSent, At: s.Now(),
		Attempt: &courier.Attempt{Number: 1, Gateway: "sms", Outcome: courier.OutcomeAccepted, HTTPStatus: 201, GatewayMessageID: "SM1"},
	}}); err != nil {
		t.Fatal(err)
	}
	run(t, conn, `INSERT INTO courier.parked (received_at, message_id, gateway, gateway_message_id, status)
		VALUES (now(), '00000000-0000-0000-0000-000000000000', 'sms', 'SM1', 'delivered')`)
	for {
		if _, err := s.Beat(t.Context(), store.Beat{Node: "one", Lapse: time.Minute}); err != nil {
			t.Fatal(err)
		}
		got, _, err := s.Message(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Status == courier.StatusDelivered {
			break
		}
	}
	if left := lines(t, conn, "SELECT status FROM courier.parked"); len(left) != 0 {
		t.Errorf("receipts still wait: %v", left)
	}
}

// TestParked_IsBounded keeps the newest of the receipts that wait.
func TestParked_IsBounded(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	receipts := make([]courier.Receipt, 30)
	for i := range receipts {
		receipts[i] = courier.Receipt{Gateway: "sms", GatewayMessageID: strconv.Itoa(i + 10), Status: courier.StatusDelivered, ReceivedAt: time.Now()}
	}
	for range 2 { // those that are known take no place
		if _, err := s.Receive(t.Context(), receipts); err != nil {
			t.Fatal(err)
		}
	}
	err := s.asNode(t.Context(), "bound", func(ctx context.Context, on *session, _ bool) error {
		return on.exec(ctx, "BoundParked", int64(10))
	})
	left := lines(t, conn, "SELECT gateway_message_id FROM courier.parked ORDER BY seq")
	if err != nil || len(left) != 10 || left[0] != "30" {
		t.Errorf("%v, receipts that wait are %v, want the last 10", err, left)
	}
}
