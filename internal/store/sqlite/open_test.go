package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"courier"
	"courier/internal/store"
	"courier/internal/store/sqlite"
)

// execute changes a database that no store holds.
func execute(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// isRefused checks that a path cannot be opened, for a reason that says these parts.
func isRefused(t *testing.T, path string, parts ...string) error {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{DSN: "sqlite://" + path})
	if err == nil {
		closeStore(t, s)
		t.Fatal("the database was opened")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	return err
}

func queuedMessage(id byte) *courier.Message {
	return &courier.Message{
		ID: courier.ID{15: id}, Status: courier.StatusQueued, Gateway: "sms", To: "+12065550199", Body: "hello",
		CreatedAt: time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC),
	}
}

func enqueue(t *testing.T, s *sqlite.Store, messages ...*courier.Message) {
	t.Helper()
	if _, err := s.Enqueue(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
}

// TestOpen_Again opens a database that has messages in every counted status.
func TestOpen_Again(t *testing.T) {
	t.Parallel()
	path, now := newPath(t), time.Date(2026, time.March, 1, 1, 0, 0, 0, time.UTC)
	first := open(t, path)
	enqueue(t, first, queuedMessage(1), queuedMessage(2), queuedMessage(3), queuedMessage(4), queuedMessage(5))
	claim := store.Claim{Gateway: "sms", Node: "same", Now: now, LeaseUntil: now.Add(time.Minute), Limit: 3}
	claimed, err := first.Claim(t.Context(), claim)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Settle(t.Context(), []store.Settlement{{
		ID: claimed[0].ID, Token: claimed[0].Lease.Token, Status: courier.StatusUnknown, At: now,
	}}); err != nil {
		t.Fatal(err)
	}
	want, err := first.Stats(t.Context(), now)
	if err != nil || want.Queued != 2 || want.Processing != 2 || want.Unknown != 1 {
		t.Fatalf("stats before: %+v, %v", want, err)
	}
	closeStore(t, first)

	second := open(t, path)
	if got, err := second.Stats(t.Context(), now); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("stats after: %+v, %v, want %+v", got, err, want)
	}
	// The leases are those of a process that has ended, even if its node has the same name.
	enqueue(t, second, queuedMessage(6))
	own, err := second.Claim(t.Context(), store.Claim{Gateway: "sms", Node: "same", Now: now, LeaseUntil: now.Add(time.Minute), Limit: 1})
	if err != nil || len(own) != 1 || own[0].Lease.Token <= claimed[0].Lease.Token {
		t.Fatalf("Claim: %+v, %v, want a token above %d", own, err, claimed[0].Lease.Token)
	}
	if n, err := second.Reclaim(t.Context(), store.Reclaim{Node: "same", Now: now}); err != nil || n != 2 {
		t.Errorf("Reclaim: %d, %v, want the 2 leases of the process before", n, err)
	}
}

func TestOpen_LeavesNoLog(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := open(t, path)
	enqueue(t, s, queuedMessage(1))
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Errorf("an open database has no write-ahead log: %v", err)
	}
	closeStore(t, s)
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the write-ahead log is still there: %v", err)
	}
}

func TestOpen_NewerSchema(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	closeStore(t, open(t, path))
	execute(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
	_ = isRefused(t, path, path, "version 9999", "newer program")
}

func TestOpen_SchemaIsMigratedOnce(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	for range 3 {
		closeStore(t, open(t, path))
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var rows, versions int
	err = db.QueryRowContext(t.Context(),
		"SELECT count(*), count(DISTINCT version_id) FROM goose_db_version WHERE version_id > 0").Scan(&rows, &versions)
	if err != nil || rows != versions || rows == 0 {
		t.Errorf("%d migrations of %d versions are recorded, %v", rows, versions, err)
	}
}

func TestOpen_ForeignDatabase(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"tables of others":        "CREATE TABLE users (id INTEGER PRIMARY KEY)",
		"application id of other": "PRAGMA application_id = 42",
	} {
		path := newPath(t)
		execute(t, path, statement)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_ = isRefused(t, path, path, "another program", "store.dsn")
		after, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(after, before) {
			t.Errorf("%s: the file was changed: %v", name, err)
		}
	}
}

func TestOpen_NoDatabase(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	if err := os.WriteFile(path, bytes.Repeat([]byte("not a database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = isRefused(t, path, path, "no SQLite database", "store.dsn")
}

func TestOpen_DamagedDatabase(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	closeStore(t, open(t, path))
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The head is right and the schema after it is not.
	_, err = file.WriteAt(bytes.Repeat([]byte{0xa5}, 3000), 100)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	if err := isRefused(t, path, path, "damaged", "backup"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error is %v, want store.ErrUnavailable", err)
	}
}

func TestOpen_NoDirectory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "missing", "courier.db")
	_ = isRefused(t, path, "missing", "create its directory")
}

func TestOpen_Directory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "courier.db")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	_ = isRefused(t, path, path)
}

func TestOpen_RegistersMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	s, err := sqlite.Open(t.Context(), sqlite.Options{DSN: "sqlite://" + newPath(t), Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, s)
	enqueue(t, s, queuedMessage(1))
	again := queuedMessage(1)
	if _, err := s.Enqueue(t.Context(), []*courier.Message{again}); !errors.Is(err, store.ErrDuplicateID) {
		t.Errorf("error is %v, want store.ErrDuplicateID", err)
	}
	got := counters(t, registry)
	for name, want := range map[string]float64{
		"courier_store_operations_total operation=enqueue result=ok":    1,
		"courier_store_operations_total operation=enqueue result=error": 1,
		"courier_store_commit_seconds":                                  1,
		"courier_store_commit_operations":                               1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if _, err := sqlite.Open(t.Context(), sqlite.Options{DSN: "sqlite://" + newPath(t), Registerer: registry}); err == nil {
		t.Error("two stores registered the same metrics")
	}
}

// counters returns the counters and the counts of the histograms of a registry.
func counters(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := family.GetName()
			for _, label := range metric.GetLabel() {
				name += " " + label.GetName() + "=" + label.GetValue()
			}
			found[name] = metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return found
}
