package storetest

import (
	"math/rand/v2"
	"slices"
	"testing"

	"courier"
	"courier/internal/store"
)

// BenchmarkReceive takes in receipts in batches, one message an iteration: each is
// delivered, after one receipt that says it is sent, and every third is told twice.
// outcomesFunc claims messages and returns that they were sent, at least one for each iteration in all.
func BenchmarkReceive(b *testing.B, s store.Store, outcomesFunc func() []store.Settlement) {
	b.Helper()
	const size = 100
	var receipts []courier.Receipt
	for len(receipts) < b.N*2 {
		settlements := outcomesFunc()
		if _, err := s.Settle(b.Context(), settlements); err != nil {
			b.Fatal(err)
		}
		for i, t := range settlements {
			r := courier.Receipt{Gateway: "sms", GatewayMessageID: t.Attempt.GatewayMessageID, Status: courier.StatusSent, ReceivedAt: t.At}
			receipts = append(receipts, r)
			if i%3 == 0 {
				receipts = append(receipts, r)
			}
			r.Status = courier.StatusDelivered
			receipts = append(receipts, r)
		}
	}
	rand.Shuffle(len(receipts), func(i, j int) { receipts[i], receipts[j] = receipts[j], receipts[i] })
	b.ReportAllocs()
	b.ResetTimer()
	for batch := range slices.Chunk(receipts, size) {
		if _, err := s.Receive(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(receipts))/b.Elapsed().Seconds(), "receipts/s")
}
