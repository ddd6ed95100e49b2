package sqlite_test

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
	"courier/internal/store/sqlite"
)

// traffic sends messages through a store, by a clock of its own.
type traffic struct {
	store *sqlite.Store
	now   time.Time
	sent  uint64
}

// trace is what the body of every message of the traffic begins with.
const trace = "the secret code"

// send stores messages whose ids rise with time; each third fails once before
// it is sent.
func (f *traffic) send(t *testing.T, count int) {
	t.Helper()
	messages := make([]*courier.Message, count)
	for i := range messages {
		f.sent++
		m := &courier.Message{
			Status: courier.StatusQueued, Gateway: "sms", To: fmt.Sprintf("+1206555%04d", rand.IntN(10_000)), CreatedAt: f.now,
			Body: fmt.Sprintf("%s %d %s", trace, f.sent, bytes.Repeat([]byte{'.'}, rand.IntN(200))), TemplateData: []byte(`{"code":"` + trace + `"}`),
		}
		binary.BigEndian.PutUint64(m.ID[:], f.sent)
		binary.BigEndian.PutUint64(m.ID[8:], rand.Uint64())
		messages[i] = m
	}
	if _, err := f.store.Enqueue(t.Context(), messages); err != nil {
		t.Fatalf("Enqueue: %v", err)
	}
	f.settle(t, func(i int, s *store.Settlement) {
		if i%3 == 0 {
			s.Status, s.NextAttemptAt = courier.StatusQueued, f.now
			s.Attempt.Outcome, s.Attempt.Class = courier.OutcomeRetry, courier.ClassGatewayError
		}
	})
	f.settle(t, func(int, *store.Settlement) {})
}

// settle claims what is due and settles it as sent, or as edit has it.
func (f *traffic) settle(t *testing.T, edit func(i int, s *store.Settlement)) {
	t.Helper()
	claimed, err := f.store.Claim(t.Context(), store.Claim{Gateway: "sms", Node: "a", Now: f.now, LeaseUntil: f.now.Add(time.Minute), Limit: 10_000})
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	settlements := sent(claimed)
	for i := range settlements {
		settlements[i].At, settlements[i].Attempt.Number = f.now, claimed[i].SendCount+1
		edit(i, &settlements[i])
	}
	if _, err := f.store.Settle(t.Context(), settlements); err != nil {
		t.Fatalf("Settle: %v", err)
	}
}

// forget scrubs and deletes what was last changed before two ages.
func (f *traffic) forget(t *testing.T, scrub, remove time.Duration) (scrubbed, purged int) {
	t.Helper()
	purged, err := f.store.Purge(t.Context(), store.Sweep{Now: f.now, Before: f.now.Add(-remove), Limit: 10_000})
	if err != nil {
		t.Fatalf("Purge: %v", err)
	}
	scrubbed, err = f.store.Scrub(t.Context(), store.Sweep{Now: f.now, Before: f.now.Add(-scrub), Limit: 10_000})
	if err != nil {
		t.Fatalf("Scrub: %v", err)
	}
	return scrubbed, purged
}

func startTraffic(t *testing.T, path string) *traffic {
	t.Helper()
	return &traffic{store: open(t, path), now: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)}
}

// pages returns how many pages the file has.
func pages(t *testing.T, path string) int {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var count int
	if err := db.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&count); err != nil {
		t.Fatal(err)
	}
	return count
}

// TestStore_RetentionBoundsTheFile sends for many hours as many messages as are
// forgotten: the pages of the deleted ones are used again.
func TestStore_RetentionBoundsTheFile(t *testing.T) {
	t.Parallel()
	const hourly = 150
	path := newPath(t)
	f, settled := startTraffic(t, path), 0
	for hour := range 60 {
		f.send(t, hourly)
		f.now = f.now.Add(time.Hour)
		scrubbed, purged := f.forget(t, 90*time.Minute, 150*time.Minute)
		if hour > 5 && (scrubbed != hourly || purged != hourly) {
			t.Fatalf("hour %d: %d were scrubbed and %d deleted, want %d", hour, scrubbed, purged, hourly)
		}
		if hour == 12 {
			settled = pages(t, path)
		}
	}
	if now := pages(t, path); now > settled+settled/20 {
		t.Errorf("the file has %d pages after 60 hours and had %d after 12", now, settled)
	}
}

// TestStore_ScrubLeavesHardlyATrace looks for the content in the bytes of the
// file. SQLite leaves copies where it moved a row to another page, which is rare.
func TestStore_ScrubLeavesHardlyATrace(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	f := startTraffic(t, path)
	f.send(t, 600)
	f.now = f.now.Add(time.Hour)
	if n, _ := f.forget(t, time.Minute, 1000*time.Hour); n != 600 {
		t.Fatalf("%d messages were scrubbed, want 600", n)
	}
	f.now = f.now.Add(time.Hour)
	f.send(t, 1)
	closeStore(t, f.store) // moves the log into the file
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The last message is there, in its body and in its template data.
	if got := bytes.Count(content, []byte(trace)); got < 2 || got > 2+600*2/100 {
		t.Errorf("the content of 600 messages is in the file %d times, want 2 for the last and few for the others", got)
	}
}
