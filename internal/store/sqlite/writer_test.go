package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

// openInside opens a store for tests that look into it.
func openInside(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{DSN: scheme + filepath.Join(t.TempDir(), "courier.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func instant() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC) }

// numbered returns a queued message with a body of a size.
func numbered(n, size int) *courier.Message {
	var id courier.ID
	copy(id[:], fmt.Sprintf("%16d", n))
	return &courier.Message{
		ID: id, Status: courier.StatusQueued, Gateway: "sms", To: "+12065550199",
		Body: strings.Repeat("x", size), CreatedAt: instant(),
	}
}

// inWriter runs a function in the goroutine of the writer, in a transaction.
func (s *Store) inWriter(ctx context.Context, run func(ctx context.Context, s *session) error) error {
	return s.writer.submit(ctx, &operation{name: "test", run: run})
}

// execute runs SQL in the writer.
func (s *Store) execute(t *testing.T, text string) {
	t.Helper()
	if err := s.inWriter(t.Context(), func(ctx context.Context, session *session) error {
		_, err := session.conn.ExecContext(ctx, text)
		return err
	}); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// hold keeps the writer busy until release is called.
func (s *Store) hold(t *testing.T) (release func()) {
	t.Helper()
	held, released, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.inWriter(context.WithoutCancel(t.Context()), func(context.Context, *session) error {
			close(held)
			<-released
			return nil
		})
	}()
	<-held
	return func() {
		close(released)
		if err := <-ended; err != nil {
			t.Errorf("hold: %v", err)
		}
	}
}

// later submits an operation and returns when it is in the queue.
func (s *Store) later(t *testing.T, call func() error) <-chan error {
	t.Helper()
	before, answer := len(s.writer.queue), make(chan error, 1)
	go func() { answer <- call() }()
	for len(s.writer.queue) == before {
		select {
		case err := <-answer:
			t.Fatalf("a call ended before its turn: %v", err)
		case <-t.Context().Done():
			t.Fatal("a call never came into the queue")
		default:
		}
	}
	return answer
}

func (s *Store) store(ctx context.Context, messages ...*courier.Message) error {
	_, err := s.Enqueue(ctx, messages)
	return err
}

// TestWriter_SharesCommits lets calls wait while the writer is busy: they share
// one transaction, up to the bound.
func TestWriter_SharesCommits(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	commits := countCommits(t, s)
	release := s.hold(t)
	var answers []<-chan error
	for n := range maxBatchOperations + 10 {
		answers = append(answers, s.later(t, func() error { return s.store(t.Context(), numbered(n, 10)) }))
	}
	release()
	for _, answer := range answers {
		if err := <-answer; err != nil {
			t.Error(err)
		}
	}
	if got := commits(); got != 2 { // one that is full and one with the rest; hold writes nothing
		t.Errorf("%d transactions were written, want 2", got)
	}
}

// countCommits returns how many transactions are committed from now on. It
// reads the log of SQLite itself: each commit ends with one frame that is marked.
func countCommits(t *testing.T, s *Store) func() int {
	t.Helper()
	before := commitFrames(t, s.path)
	return func() int {
		t.Helper()
		return commitFrames(t, s.path) - before
	}
}

// commitFrames counts the frames of the write-ahead log that end a transaction
// (https://sqlite.org/fileformat2.html, 4.1): 32 bytes of header, then frames of
// 24 bytes and a page; bytes 4 to 8 of a frame are not 0 at the end of a transaction.
func commitFrames(t *testing.T, path string) int {
	t.Helper()
	const header, frame = 32, 24 + 4096
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for at := header; at+frame <= len(log); at += frame {
		if string(log[at+4:at+8]) != "\x00\x00\x00\x00" {
			count++
		}
	}
	return count
}

// TestWriter_IsolatesFaults puts a call that fails between calls that do not.
func TestWriter_IsolatesFaults(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	fault := errors.New("fault")
	release := s.hold(t)
	var good []<-chan error
	var bad <-chan error
	for n := range 10 {
		if n == 5 {
			bad = s.later(t, func() error {
				return s.inWriter(t.Context(), func(ctx context.Context, session *session) error {
					_, err := session.exec(ctx, "InsertMessage", insertArguments(store.Row{Message: numbered(99, 10), Content: "{}"})...)
					return errors.Join(err, fault)
				})
			})
		}
		good = append(good, s.later(t, func() error { return s.store(t.Context(), numbered(n, 10)) }))
	}
	release()
	if err := <-bad; !errors.Is(err, fault) {
		t.Errorf("the bad call: %v, want its fault", err)
	}
	for _, answer := range good {
		if err := <-answer; err != nil {
			t.Errorf("a good call: %v", err)
		}
	}
	if _, _, err := s.Message(t.Context(), numbered(99, 10).ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what the bad call wrote: %v, want store.ErrNotFound", err)
	}
	if stats, err := s.Stats(t.Context(), instant()); err != nil || stats.Queued != 10 {
		t.Errorf("stats: %+v, %v, want 10 queued", stats, err)
	}
}

// TestWriter_RefusalsDisturbNobody mixes calls that the state machine refuses
// with others: all share one transaction.
func TestWriter_RefusalsDisturbNobody(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	if err := s.store(t.Context(), numbered(0, 10)); err != nil {
		t.Fatal(err)
	}
	commits := countCommits(t, s)
	release := s.hold(t)
	refused := s.later(t, func() error {
		_, err := s.Requeue(t.Context(), store.Requeue{ID: numbered(0, 0).ID, Now: instant()})
		return err
	})
	missing := s.later(t, func() error {
		_, err := s.Cancel(t.Context(), numbered(7, 0).ID, instant())
		return err
	})
	good := s.later(t, func() error { return s.store(t.Context(), numbered(1, 10)) })
	release()
	var transition *store.TransitionError
	if err := <-refused; !errors.As(err, &transition) {
		t.Errorf("Requeue: %v, want a *store.TransitionError", err)
	}
	if err := <-missing; !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Cancel: %v, want store.ErrNotFound", err)
	}
	if err := <-good; err != nil {
		t.Error(err)
	}
	if got := commits(); got != 1 { // hold writes nothing
		t.Errorf("%d transactions were written, want 1", got)
	}
}

// TestWriter_DropsWhatNobodyAwaits ends the context of a call that waits.
func TestWriter_DropsWhatNobodyAwaits(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	release := s.hold(t)
	ctx, cancel := context.WithCancel(t.Context())
	abandoned := s.later(t, func() error { return s.store(ctx, numbered(1, 10)) })
	kept := s.later(t, func() error { return s.store(t.Context(), numbered(2, 10)) })
	cancel()
	if err := <-abandoned; !errors.Is(err, context.Canceled) {
		t.Errorf("the abandoned call: %v, want context.Canceled", err)
	}
	release()
	if err := <-kept; err != nil {
		t.Error(err)
	}
	if _, _, err := s.Message(t.Context(), numbered(1, 0).ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the abandoned message: %v, want store.ErrNotFound", err)
	}
}

// TestWriter_DropsWhatWaitedForALock has another program hold the database until the caller
// has left.
func TestWriter_DropsWhatWaitedForALock(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	release := s.lockOut(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.store(ctx, numbered(1, 10)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the call: %v, want context.DeadlineExceeded", err)
	}
	release()
	if err := s.store(t.Context(), numbered(2, 10)); err != nil {
		t.Error(err)
	}
	if _, _, err := s.Message(t.Context(), numbered(1, 0).ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the abandoned message: %v, want store.ErrNotFound", err)
	}
}

// TestWriter_KeepsWhatWasAskedFor ends the context of a Settle that is under way
// and uses its slice again: what is written is what was asked for.
func TestWriter_KeepsWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	m := numbered(1, 10)
	m.Status, m.Lease = courier.StatusProcessing, courier.Lease{Node: "n", Token: 7, Until: instant()}
	if err := s.store(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	release := s.hold(t)
	reached, resume := make(chan struct{}), make(chan struct{})
	before := s.later(t, func() error { // shares the transaction of the Settle
		return s.inWriter(t.Context(), func(context.Context, *session) error {
			close(reached)
			<-resume
			return nil
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	settlements := []store.Settlement{{ID: m.ID, Token: 7, Status: courier.StatusExpired, At: instant()}}
	settled := s.later(t, func() error {
		_, err := s.Settle(ctx, settlements)
		return err
	})
	release()
	<-reached
	cancel()
	if err := <-settled; !errors.Is(err, context.Canceled) {
		t.Errorf("settle: %v, want context.Canceled", err)
	}
	settlements[0] = store.Settlement{ID: numbered(2, 0).ID}
	close(resume)
	if err := <-before; err != nil {
		t.Error(err)
	}
	if after, _, err := s.Message(t.Context(), m.ID); err != nil || after.Status != courier.StatusExpired {
		t.Errorf("message is %v, %v, want expired", after, err)
	}
}

// TestWriter_CloseDrains closes the store while calls wait: all are done.
func TestWriter_CloseDrains(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	release := s.hold(t)
	var answers []<-chan error
	for n := range 100 {
		answers = append(answers, s.later(t, func() error { return s.store(t.Context(), numbered(n, 10)) }))
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	release()
	for _, answer := range answers {
		if err := <-answer; err != nil {
			t.Error(err)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	again, err := Open(t.Context(), Options{DSN: scheme + s.path})
	if err != nil {
		t.Fatal(err)
	}
	stats, err := again.Stats(t.Context(), instant())
	if err := errors.Join(err, again.Close()); err != nil || stats.Queued != 100 {
		t.Errorf("stats: %+v, %v, want 100 queued", stats, err)
	}
}

// TestWriter_RecoversTheConnection leaves the connection in a transaction, and
// breaks one while it runs.
func TestWriter_RecoversTheConnection(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	s.execute(t, "SELECT 1") // the writer is idle after it
	if _, err := s.writer.session.exec(t.Context(), "Begin"); err != nil {
		t.Fatal(err)
	}
	if err := s.store(t.Context(), numbered(1, 10)); err != nil {
		t.Errorf("after a transaction that was left open: %v", err)
	}
	err := s.inWriter(t.Context(), func(ctx context.Context, session *session) error {
		_, err := session.exec(ctx, "Rollback")
		return err
	})
	if err == nil {
		t.Error("a transaction that was rolled back was committed")
	}
	if err := s.store(t.Context(), numbered(2, 10)); err != nil {
		t.Errorf("after a transaction that was rolled back: %v", err)
	}
	for _, m := range []*courier.Message{numbered(1, 0), numbered(2, 0)} {
		if _, _, err := s.Message(t.Context(), m.ID); err != nil {
			t.Error(err)
		}
	}
}

// TestWriter_BoundsTheLog writes more than the write-ahead log may hold while
// SQLite is kept from starting it anew.
func TestWriter_BoundsTheLog(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	s.execute(t, "PRAGMA wal_autocheckpoint = 0")
	const limit = 256 << 10
	if err := s.inWriter(t.Context(), func(context.Context, *session) error {
		s.writer.wal.limit, s.writer.wal.every = limit, 1
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for n := range 40 {
		if err := s.store(t.Context(), numbered(n, 50<<10)); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(s.path + "-wal"); err != nil || info.Size() > limit+(100<<10) {
			t.Fatalf("after %d messages the log has %d bytes, %v, want at most about %d", n+1, info.Size(), err, limit)
		}
	}
}

// TestFault_IsNoSecret checks that errors say neither texts nor recipients.
func TestFault_IsNoSecret(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	m := numbered(1, 0)
	if err := s.store(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	m.Body, m.To, m.IdempotencyKey = "secret-body", "+12065550123", "secret-key"
	err := s.store(t.Context(), m)
	if !errors.Is(err, store.ErrDuplicateID) {
		t.Errorf("error is %v, want store.ErrDuplicateID", err)
	}
	for _, secret := range []string{"secret", m.To} {
		if strings.Contains(fmt.Sprintf("%+v", err), secret) {
			t.Errorf("error %q tells %q", err, secret)
		}
	}
}
