package postgres_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
	"courier/internal/store/postgres"
	"courier/internal/store/postgres/pgtest"
	"courier/internal/store/storetest"
)

// benchSerial makes the ids of benchmarks rise as those of UUIDv7 do.
type benchSerial struct{ next atomic.Uint64 }

func (b *benchSerial) message(now time.Time) *courier.Message {
	n := b.next.Add(1)
	m := &courier.Message{
		Status: courier.StatusQueued, Channel: "sms", Gateway: "sms", From: "Ory Kratos",
		To:           fmt.Sprintf("+1206%07d", n*7919%10_000_000),
		Body:         "Your verification code is 123456. Do not share it with anyone. It expires in 5 minutes.",
		TemplateType: "login_code_valid", Encoding: courier.EncodingGSM7, Segments: 1,
		TemplateData: []byte(`{"to":"+12065550199","login_code":"123456","identity":{"id":"0190163d-8694-739b-aea5-966c26f8ad91"}}`),
		CreatedAt:    now, ExpiresAt: now.Add(time.Hour),
	}
	binary.BigEndian.PutUint64(m.ID[:8], uint64(now.UnixMilli())<<16|0x7000|n&0xfff)
	_, _ = rand.Read(m.ID[8:])
	return m
}

func (b *benchSerial) batch(size int) []*courier.Message {
	now, messages := time.Now(), make([]*courier.Message, size)
	for i := range messages {
		messages[i] = b.message(now)
	}
	return messages
}

func fill(b *testing.B, s *postgres.Store, count int) {
	b.Helper()
	var serial benchSerial
	for count > 0 {
		size := min(count, 1000)
		if _, err := s.Enqueue(context.Background(), serial.batch(size)); err != nil {
			b.Fatal(err)
		}
		count -= size
	}
}

func openBench(b *testing.B) *postgres.Store {
	b.Helper()
	return open(b, pgtest.Shared(b).NewDatabase(b))
}

func BenchmarkEnqueue_Batch100(b *testing.B) {
	s := openBench(b)
	var serial benchSerial
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Enqueue(b.Context(), serial.batch(100)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*100)/b.Elapsed().Seconds(), "messages/s")
}

func BenchmarkEnqueue_Single(b *testing.B) {
	for _, callers := range []int{1, 64, 512} {
		b.Run(strconv.Itoa(callers)+"Callers", func(b *testing.B) {
			s := openBench(b)
			var serial benchSerial
			b.SetParallelism(max(callers/2, 1))
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := s.Enqueue(b.Context(), serial.batch(1)); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// claim leases up to a number of messages, and fails when none is left.
func claim(b *testing.B, s *postgres.Store, limit int) []*courier.Message {
	b.Helper()
	now := time.Now()
	claimed, err := s.Claim(b.Context(), store.Claim{Gateway: "sms", Node: "node", Now: now, LeaseUntil: now.Add(time.Minute), Limit: limit})
	if err != nil || len(claimed) == 0 {
		b.Fatal(len(claimed), err)
	}
	return claimed
}

func sent(claimed []*courier.Message) []store.Settlement {
	now, settlements := time.Now(), make([]store.Settlement, len(claimed))
	for i, m := range claimed {
		settlements[i] = store.Settlement{
			ID: m.ID, Token: m.Lease.Token, Status: courier.StatusSent, At: now,
			Attempt: &courier.Attempt{
				Number: 1, Gateway: "sms", Outcome: courier.OutcomeAccepted, HTTPStatus: 201,
				GatewayMessageID: "SM" + rand.Text(), StartedAt: now, Duration: 20 * time.Millisecond,
			},
		}
	}
	return settlements
}

// BenchmarkDrain claims and settles a queue in batches, one message an
// iteration, while so many more wait.
func BenchmarkDrain(b *testing.B) {
	for _, c := range []struct{ waiting, size int }{{1000, 100}, {100_000, 100}, {100_000, 700}, {1000, 1}} {
		b.Run(fmt.Sprintf("%dWait%dBatch", c.waiting, c.size), func(b *testing.B) {
			s := openBench(b)
			fill(b, s, c.waiting+b.N)
			var claiming, settling time.Duration
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; {
				start := time.Now()
				claimed := claim(b, s, c.size)
				middle := time.Now()
				if _, err := s.Settle(b.Context(), sent(claimed)); err != nil {
					b.Fatal(err)
				}
				claiming += middle.Sub(start)
				settling += time.Since(middle)
				done += len(claimed)
			}
			b.ReportMetric(float64(claiming.Nanoseconds())/float64(b.N), "claim-ns/message")
			b.ReportMetric(float64(settling.Nanoseconds())/float64(b.N), "settle-ns/message")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkLeased stores messages that are leased at once and settles them.
func BenchmarkLeased(b *testing.B) {
	s := openBench(b)
	var serial benchSerial
	b.ReportAllocs()
	for b.Loop() {
		messages := serial.batch(64)
		for _, m := range messages {
			m.Status, m.Lease = courier.StatusProcessing, courier.Lease{Node: "node", Until: m.ExpiresAt}
		}
		stored, err := s.Enqueue(b.Context(), messages)
		if err != nil {
			b.Fatal(err)
		}
		for i := range stored {
			messages[i] = stored[i].Message
		}
		if _, err := s.Settle(b.Context(), sent(messages)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*64)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkReceive takes in receipts in batches, one message an iteration: each is
// delivered, after one receipt that says it is sent, and every third is told twice.
func BenchmarkReceive(b *testing.B) {
	s := openBench(b)
	fill(b, s, b.N+100)
	storetest.BenchmarkReceive(b, s, func() []store.Settlement { return sent(claim(b, s, 700)) })
}
