package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

// fillUp stores messages until the database is full, and returns those that were taken.
func fillUp(t *testing.T, s *Store) []*courier.Message {
	t.Helper()
	var taken []*courier.Message
	for n := range 10_000 {
		m := numbered(n, 2000)
		err := s.store(t.Context(), m)
		if err == nil {
			taken = append(taken, m)
			continue
		}
		if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "free space") || !strings.Contains(err.Error(), s.path) {
			t.Fatalf("error is %v, want store.ErrFull with the file and the next step", err)
		}
		return taken
	}
	t.Fatal("the database never became full")
	return nil
}

// TestStore_PauseWithoutItsCaller tells the node of a pause that was stored, though the
// caller left before it had reached the disk.
func TestStore_PauseWithoutItsCaller(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	sync, release := s.writer.syncer.syncFunc, make(chan struct{})
	s.writer.syncer.syncFunc = func(file *os.File) error { <-release; return sync(file) }
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- s.Pause(ctx, store.Pause{Gateway: "sms", At: instant()}) }()
	for {
		if pauses, err := s.Pauses(t.Context()); err != nil {
			t.Fatal(err)
		} else if len(pauses) > 0 {
			break
		}
	}
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("pause: %v", err)
	}
	close(release)
	if standing, err := s.Beat(t.Context(), store.Beat{Node: "n"}); err != nil || !slices.Equal(standing.Paused, []string{"sms"}) {
		t.Errorf("the node hears of %v, %v", standing.Paused, err)
	}
}

// TestStore_SupersedeBesideAnOldOne finds what has the key of a new message at once, though a
// keyed one waits since billions of messages ago.
func TestStore_SupersedeBesideAnOldOne(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	keyed := func(n int, key string, due time.Time) courier.ID {
		t.Helper()
		m := numbered(n, 20)
		m.Caller, m.SupersedeKey, m.NextAttemptAt, m.Body = "shop", key, due, fmt.Sprint(n)
		if err := s.store(ctx, m); err != nil {
			t.Fatal(err)
		}
		return m.ID
	}
	keyed(1, "scheduled", instant().Add(300*24*time.Hour))
	err := s.inWriter(ctx, func(context.Context, *session) error {
		s.writer.places.newest, s.writer.places.segments = 1<<22, store.Segments{}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	first := keyed(2, "code", instant())
	for n := range 20 {
		keyed(3+n, "code", instant())
	}
	if m, _, err := s.Message(ctx, first); err != nil || m.Status != courier.StatusCanceled {
		t.Errorf("the first is %+v, %v", m, err)
	}
}

// TestStore_FullDisk fills a database whose size is bounded: nothing that was
// taken is lost, reading goes on, and writing does when there is room again.
func TestStore_FullDisk(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	s.execute(t, "PRAGMA max_page_count = 100")
	taken := fillUp(t, s)
	for _, m := range taken {
		if found, _, err := s.Message(t.Context(), m.ID); err != nil || found.Body != m.Body {
			t.Errorf("a message that was taken: %v", err)
		}
	}
	stats, err := s.Stats(t.Context(), instant())
	if err != nil || stats.Queued != int64(len(taken)) {
		t.Errorf("stats: %+v, %v, want %d queued", stats, err, len(taken))
	}
	if err := s.store(t.Context(), numbered(20_000, 20_000), numbered(20_001, 20_000)); !errors.Is(err, store.ErrFull) {
		t.Errorf("a batch on a full disk: %v, want store.ErrFull", err)
	}

	s.execute(t, "PRAGMA max_page_count = 100000")
	if err := s.store(t.Context(), numbered(20_000, 20_000), numbered(20_001, 20_000)); err != nil {
		t.Errorf("with room again: %v", err)
	}
	claimed, err := s.Claim(t.Context(), store.Claim{
		Gateway: "sms", Node: "a", Now: instant(), LeaseUntil: instant().Add(time.Minute), Limit: 100_000,
	})
	if err != nil || len(claimed) != len(taken)+2 {
		t.Errorf("Claim: %d, %v, want %d", len(claimed), err, len(taken)+2)
	}
}

// TestStore_ReadOnly makes the connection of the writer read-only for a while.
func TestStore_ReadOnly(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	if err := s.store(t.Context(), numbered(1, 10)); err != nil {
		t.Fatal(err)
	}
	s.execute(t, "PRAGMA query_only = 1")
	calls := map[string]func() error{
		"Enqueue": func() error { return s.store(t.Context(), numbered(2, 10)) },
		"Claim": func() error {
			_, err := s.Claim(t.Context(), store.Claim{Gateway: "sms", Node: "a", Now: instant(), LeaseUntil: instant(), Limit: 1})
			return err
		},
		"Cancel": func() error {
			_, err := s.Cancel(t.Context(), numbered(1, 0).ID, instant())
			return err
		},
		"Check": func() error { return s.Check(t.Context()) },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, store.ErrReadOnly) || !strings.Contains(err.Error(), "make the file and its directory writable") {
			t.Errorf("%s: %v, want store.ErrReadOnly with the next step", name, err)
		}
	}
	found, _, err := s.Message(t.Context(), numbered(1, 0).ID)
	if err != nil || found.Status != courier.StatusQueued {
		t.Errorf("message is %+v, %v, want it as it was", found, err)
	}
	// The writer is idle now, and could not begin a transaction.
	if _, err := s.writer.session.conn.ExecContext(t.Context(), "PRAGMA query_only = 0"); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check with a writable database: %v", err)
	}
}

// TestStore_Busy lets another program hold the database for writing.
func TestStore_Busy(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	s.execute(t, "PRAGMA busy_timeout = 1")
	release := s.lockOut(t)
	err := s.store(t.Context(), numbered(1, 10))
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "another program") {
		t.Errorf("error is %v, want store.ErrUnavailable", err)
	}
	release()
	if err := s.store(t.Context(), numbered(1, 10)); err != nil {
		t.Errorf("after the other program: %v", err)
	}
}

// lockOut has another program hold the database for writing until release is called.
func (s *Store) lockOut(t *testing.T) (release func()) {
	t.Helper()
	other, err := sql.Open(driverName, address(s.path, nil))
	if err != nil {
		t.Fatal(err)
	}
	other.SetMaxOpenConns(1)
	exec := func(text string) {
		if _, err := other.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	exec("BEGIN IMMEDIATE")
	return func() { exec("ROLLBACK"); _ = other.Close() }
}

func TestFileFault(t *testing.T) {
	t.Parallel()
	cases := map[error]struct {
		word error
		step string
	}{
		syscall.EACCES: {store.ErrReadOnly, "writable for this user"},
		syscall.EPERM:  {store.ErrReadOnly, "writable for this user"},
		syscall.EROFS:  {store.ErrReadOnly, "writable for this user"},
		syscall.ENOSPC: {store.ErrFull, "free space"},
		syscall.ENOENT: {store.ErrUnavailable, "create its directory"},
		syscall.EIO:    {store.ErrUnavailable, "check the path"},
	}
	for cause, want := range cases {
		err := fileFault("open database", "/data/courier.db", &os.PathError{Op: "open", Path: "/data/courier.db", Err: cause})
		if !errors.Is(err, want.word) || !errors.Is(err, cause) || !strings.Contains(err.Error(), want.step) {
			t.Errorf("%v becomes %q, want %v and %q", cause, err, want.word, want.step)
		}
	}
}

// TestFault_KeepsTheWords checks that what has a word of the contract keeps it.
func TestFault_KeepsTheWords(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	for _, cause := range []error{
		context.Canceled, context.DeadlineExceeded, store.ErrNotFound, store.ErrClosed, store.ErrInvalid,
		store.ErrDuplicateID, &store.TransitionError{},
	} {
		err := s.fault("try", fmt.Errorf("inner: %w", cause))
		if !errors.Is(err, cause) || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%v becomes %v", cause, err)
		}
	}
	if err := s.fault("try", errors.New("odd")); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("an odd error becomes %v, want store.ErrUnavailable", err)
	}
	if err := s.fault("try", nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
}

// TestParked_IsBounded keeps the newest of the receipts that wait.
func TestParked_IsBounded(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	receipts := make([]courier.Receipt, 30)
	for i := range receipts {
		receipts[i] = courier.Receipt{Gateway: "sms", GatewayMessageID: strconv.Itoa(i), Status: courier.StatusDelivered, ReceivedAt: time.Now()}
	}
	for range 2 { // those that are known take no place
		if _, err := s.Receive(t.Context(), receipts); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.inWriter(t.Context(), func(ctx context.Context, session *session) error {
		_, err := session.exec(ctx, "BoundParked", int64(10))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var count, first int
	err := s.readDB.QueryRowContext(t.Context(), "SELECT count(*), min(CAST(gateway_message_id AS INTEGER)) FROM parked").Scan(&count, &first)
	if err != nil || count != 10 || first != 20 {
		t.Errorf("%d receipts wait from %d on, %v, want the last 10", count, first, err)
	}
}
