package sqlite_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
	"courier/internal/store/sqlite"
)

// logLines is a log that a store may write while a test reads.
type logLines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logLines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// await waits until the log has a text.
func (l *logLines) await(t *testing.T, text string) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for patience := time.After(10 * time.Second); !l.has(text); {
		select {
		case <-ticker.C:
		case <-patience:
			t.Fatalf("the log does not say %q", text)
		}
	}
}

func (l *logLines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

func openLogged(t *testing.T, path string) (*sqlite.Store, *logLines) {
	t.Helper()
	lines := &logLines{}
	s, err := sqlite.Open(t.Context(), sqlite.Options{DSN: "sqlite://" + path, Logger: slog.New(slog.NewTextHandler(lines, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s, lines
}

// copyFile copies a file to a new one.
func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600) //nolint:gosec // files of this test
}

// losses are ways in which a database in use loses its place.
func losses() map[string]func(path string) error {
	return map[string]func(path string) error{
		"Deleted": os.Remove,
		"AllDeleted": func(path string) error {
			return errors.Join(os.Remove(path), os.Remove(path+"-wal"), os.Remove(path+"-shm"))
		},
		"MovedAway": func(path string) error { return os.Rename(path, path+".away") },
		"Restored": func(path string) error {
			return errors.Join(copyFile(path, path+".backup"), os.Rename(path+".backup", path))
		},
		"Emptied":    func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) },
		"LogDeleted": func(path string) error { return os.Remove(path + "-wal") },
		"FolderMoved": func(path string) error {
			return os.Rename(filepath.Dir(path), filepath.Dir(path)+".away")
		},
	}
}

func isRefusedNow(t *testing.T, s *sqlite.Store) {
	t.Helper()
	_, enqueueErr := s.Enqueue(t.Context(), []*courier.Message{queuedMessage(200)})
	_, cancelErr := s.Cancel(t.Context(), courier.ID{15: 1}, time.Now())
	_, requeueErr := s.Requeue(t.Context(), store.Requeue{ID: courier.ID{15: 1}, Now: time.Now()})
	for name, err := range map[string]error{"Enqueue": enqueueErr, "Cancel": cancelErr, "Requeue": requeueErr, "Check": s.Check(t.Context())} {
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "while it was open") || !strings.Contains(err.Error(), "put the file back") {
			t.Errorf("%s: %v, want what happened and what to do", name, err)
		}
	}
}

// TestStore_LosesItsPlace takes the file of a store away. Nothing is promised from
// that moment on, what was taken before is sent, and what is not is saved at the end.
func TestStore_LosesItsPlace(t *testing.T) {
	t.Parallel()
	for name, lose := range losses() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "data", "courier.db")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			s, lines := openLogged(t, path)
			enqueue(t, s, queuedMessage(1), queuedMessage(2), queuedMessage(3))
			if err := lose(path); err != nil {
				t.Fatal(err)
			}
			isRefusedNow(t, s)
			lines.await(t, "database is not in its place")
			isRefusedNow(t, s)

			now := time.Now()
			claimed, err := s.Claim(t.Context(), store.Claim{Gateway: "sms", Node: "a", Now: now, LeaseUntil: now.Add(time.Minute), Limit: 1})
			if err != nil || len(claimed) != 1 {
				t.Fatalf("Claim: %d messages, %v", len(claimed), err)
			}
			applied, err := s.Settle(t.Context(), []store.Settlement{{ID: claimed[0].ID, Token: claimed[0].Lease.Token, Status: courier.StatusSent, At: now}})
			if err != nil || !applied[0] {
				t.Errorf("Settle: %v, %v", applied, err)
			}
			if name == "FolderMoved" {
				err := s.Close()
				if err == nil || !strings.Contains(err.Error(), "messages that were not sent are lost") {
					t.Errorf("Close: %v, want that messages are lost", err)
				}
				return
			}
			closeStore(t, s)
			saved, err := filepath.Glob(path + ".saved-*")
			if name == "LogDeleted" {
				saved = []string{path}
			}
			if err != nil || len(saved) != 1 || !lines.has(saved[0]) {
				t.Fatalf("saved are %v, %v", saved, err)
			}
			if info, err := os.Stat(saved[0]); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("permissions are %v, %v", info.Mode(), err)
			}
			next := open(t, saved[0])
			stats, err := next.Stats(t.Context(), now)
			// An enqueue that was refused after it was written may be there too.
			if err != nil || stats.Queued < 2 || stats.Queued > 3 {
				t.Errorf("stats of what was saved: %+v, %v, want the 2 messages that were not sent", stats, err)
			}
		})
	}
}

// TestOpen_TellsOfSavedMessages starts next to the file in which a courier before
// saved what it could not send.
func TestOpen_TellsOfSavedMessages(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "courier [1].db")
	before, beforeLines := openLogged(t, path)
	enqueue(t, before, queuedMessage(1))
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	isRefusedNow(t, before)
	closeStore(t, before)
	const told = "a file next to the database holds messages that were not sent"
	if beforeLines.has(told) {
		t.Error("a file is told of before there was one")
	}

	after, lines := openLogged(t, path)
	if !lines.has(told) || !lines.has(path+".saved-") || !lines.has("level=WARN") {
		t.Errorf("the start does not tell of the file: %v", lines)
	}
	closeStore(t, after)
}

// TestStore_FindsItsPlaceAgain puts a file back that was moved away.
func TestStore_FindsItsPlaceAgain(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s, lines := openLogged(t, path)
	enqueue(t, s, queuedMessage(1))
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	isRefusedNow(t, s)
	lines.await(t, "database is not in its place")
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check with the file back: %v", err)
	}
	enqueue(t, s, queuedMessage(2))
	lines.await(t, "database is back in its place")
	closeStore(t, s)
	if saved, err := filepath.Glob(path + ".saved-*"); err != nil || len(saved) != 0 {
		t.Errorf("saved are %v, %v", saved, err)
	}
}

// TestOpen_LockedUnderAHardLink opens the file under another name, from this process
// and from another one.
func TestOpen_LockedUnderAHardLink(t *testing.T) {
	t.Parallel()
	path, link := newPath(t), filepath.Join(t.TempDir(), "other.db")
	first := open(t, path)
	enqueue(t, first, queuedMessage(1))
	if err := os.Link(path, link); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), sqlite.Options{DSN: "sqlite://" + link})
	if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), "another name") || !strings.Contains(err.Error(), "store.dsn") {
		t.Errorf("from this process: %v, want store.ErrLocked", err)
	}
	for deed, want := range map[string]string{
		"hold": store.ErrLocked.Error(),
		// The attempt of this process has not dropped the locks of SQLite.
		"locks": "shared lock is held",
	} {
		command := child(t, deed, link)
		output, err := command.StdoutPipe()
		if err == nil {
			err = command.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(output).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) || !strings.Contains(line, want) {
			t.Errorf("another process says %q, %v, want %q", line, err, want)
		}
		kill(t, command)
		_ = command.Wait()
	}
	enqueue(t, first, queuedMessage(2))
	closeStore(t, first)
	byLink := open(t, link)
	if stats, err := byLink.Stats(t.Context(), time.Now()); err != nil || stats.Queued != 2 {
		t.Errorf("stats: %+v, %v", stats, err)
	}
}
