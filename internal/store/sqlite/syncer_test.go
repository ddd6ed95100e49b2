package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"courier/internal/store"
)

// slowDisk makes the syncer of an idle store wait for the test: each force is
// told on forced and goes on with what comes from result.
func slowDisk(s *Store) (forced chan string, result chan error) {
	forced, result = make(chan string), make(chan error)
	s.writer.syncer.mutex.Lock()
	defer s.writer.syncer.mutex.Unlock()
	s.writer.syncer.syncFunc = func(file *os.File) error {
		forced <- filepath.Base(file.Name())
		return <-result
	}
	return forced, result
}

// TestSyncer_AnswersAfterTheDisk checks that no call is answered before the log
// was forced to the disk after its commit, and that the writer goes on meanwhile.
func TestSyncer_AnswersAfterTheDisk(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	forced, result := slowDisk(s)
	answers := make(chan error, 2)
	enqueue := func(n int) { answers <- s.store(t.Context(), numbered(n, 10)) }
	go enqueue(1)
	if name := <-forced; name != "courier.db-wal" {
		t.Errorf("%s was forced to the disk, want the write-ahead log", name)
	}
	go enqueue(2)
	// It is committed while the first is on its way to the disk.
	for stats := (store.Stats{}); stats.Queued < 2; {
		var err error
		if stats, err = s.Stats(t.Context(), instant()); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 2 {
		if len(answers) > 0 {
			t.Fatal("a call was answered before the disk had its message")
		}
		result <- nil
		if err := <-answers; err != nil {
			t.Error(err)
		}
		if n == 0 {
			<-forced
		}
	}
	s.writer.syncer.mutex.Lock()
	s.writer.syncer.syncFunc = syncFile
	s.writer.syncer.mutex.Unlock()
}

// TestSyncer_FailedForceEndsAllPromises lets the disk fail once: the call that
// was committed is told, and so is every later one, as the system may have given
// up the pages.
func TestSyncer_FailedForceEndsAllPromises(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	broken := errors.New("input/output error")
	s.writer.syncer.mutex.Lock()
	s.writer.syncer.syncFunc = func(*os.File) error { return broken }
	s.writer.syncer.mutex.Unlock()
	for n := range 2 {
		err := s.store(t.Context(), numbered(n, 10))
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, broken) || !strings.Contains(err.Error(), "check the disk and restart") {
			t.Errorf("call %d: %v, want store.ErrUnavailable with the cause and the next step", n, err)
		}
		s.writer.syncer.mutex.Lock()
		s.writer.syncer.syncFunc = syncFile
		s.writer.syncer.mutex.Unlock()
	}
	if err := s.Check(t.Context()); !errors.Is(err, broken) {
		t.Errorf("Check: %v, want that the store is not ready", err)
	}
}

// TestSyncer_FollowsTheLog replaces the connection that writes after the log was
// removed with the last one.
func TestSyncer_FollowsTheLog(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	if err := s.store(t.Context(), numbered(1, 10)); err != nil {
		t.Fatal(err)
	}
	before := s.writer.syncer.file
	old := s.writer.session
	if _, err := old.exec(t.Context(), "Begin"); err != nil {
		t.Fatal(err)
	}
	if err := s.store(t.Context(), numbered(2, 10)); err != nil {
		t.Fatal(err)
	}
	if s.writer.session == old || s.writer.syncer.file == before {
		t.Error("the log of the old connection is still forced to the disk")
	}
}
