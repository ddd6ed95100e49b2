package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"

	"courier"
	"courier/internal/store"
	"courier/internal/store/storetest"
)

// TestStore_Pragmas checks every connection of the pools. The one that writes
// leaves the durability of its commits to the syncer: synchronous is NORMAL (1).
func TestStore_Pragmas(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	both := map[string]string{
		"journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "5000",
		"temp_store": "2", "mmap_size": "0", "trusted_schema": "0",
	}
	hasPragmas(t, s.writer.session.conn, both)
	hasPragmas(t, s.writer.session.conn, map[string]string{
		"synchronous": "1", "query_only": "0", "wal_autocheckpoint": "2000", "cache_size": "-16384", "secure_delete": "1",
	})
	for range readerCount { // all at once, so that they are different ones
		conn, err := s.readDB.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		hasPragmas(t, conn, both)
		hasPragmas(t, conn, map[string]string{"synchronous": "2", "query_only": "1", "cache_size": "-2048"})
	}
	if open := s.readDB.Stats().OpenConnections; open != readerCount {
		t.Errorf("%d readers are open, want %d", open, readerCount)
	}
	if limit := s.writeDB.Stats().MaxOpenConnections; limit != 1 {
		t.Errorf("%d connections may write, want 1", limit)
	}
}

func hasPragmas(t *testing.T, conn *sql.Conn, want map[string]string) {
	t.Helper()
	for name, value := range want {
		var got string
		if err := conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got); err != nil || got != value {
			t.Errorf("pragma %s is %q, %v, want %q", name, got, err, value)
		}
	}
}

// TestStore_ReconnectHasPragmas replaces the connection that writes.
func TestStore_ReconnectHasPragmas(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	s.execute(t, "SELECT 1")
	old := s.writer.session
	if _, err := old.exec(t.Context(), "Begin"); err != nil {
		t.Fatal(err)
	}
	s.execute(t, "SELECT 1")
	if s.writer.session == old {
		t.Fatal("the connection was not replaced")
	}
	hasPragmas(t, s.writer.session.conn, map[string]string{"journal_mode": "wal", "synchronous": "1", "foreign_keys": "1"})
}

func TestQueries_AreAllUsed(t *testing.T) {
	t.Parallel()
	storetest.RunStatements(t, queriesFile)
}

// TestPrepare_FailsForABrokenStatement opens a store whose schema lacks a column.
func TestPrepare_FailsForABrokenStatement(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	s.execute(t, "ALTER TABLE message RENAME COLUMN recipient TO somebody")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), Options{DSN: scheme + s.path})
	if err == nil {
		t.Fatal(again.Close())
	}
	if !strings.Contains(err.Error(), "prepare statement") || !strings.Contains(err.Error(), "recipient") {
		t.Errorf("error is %v, want the statement and the column", err)
	}
}

// TestQueries_UseIndexes reads the plans of all statements: none scans a table,
// and only those of short lists sort.
func TestQueries_UseIndexes(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	for name, text := range store.ParseQueries(queriesFile) {
		if slices.Contains([]string{"Begin", "Commit", "Rollback"}, name) {
			continue
		}
		for _, step := range plan(t, s, text) {
			scans := strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "INDEX") &&
				!strings.Contains(step, "waiting") && !strings.Contains(step, "subquery") && !strings.Contains(step, "CONSTANT") &&
				!strings.Contains(step, "listener") && !strings.Contains(step, "segment") && !strings.Contains(step, "gateway_pause") && !strings.Contains(step, "lanes") && // a few rows
				!slices.Contains([]string{"ForgetEntries", "ForgetActions", "Actions"}, name) // the first by the primary key
			// Short lists, or what is old, now and then.
			sorts := strings.Contains(step, "TEMP B-TREE") &&
				!slices.Contains([]string{"ListQueued", "ListProcessing", "ListenerNames", "AddPoint", "FoldMinutes", "MinutesOfCountries"}, name)
			if scans || sorts {
				t.Errorf("%s: %s", name, step)
			}
		}
	}
}

func plan(t *testing.T, s *Store, text string) []string {
	t.Helper()
	rows, err := s.readDB.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, make([]any, 24)...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// TestSchema_RefusesNonsense breaks each invariant that the schema guards.
func TestSchema_RefusesNonsense(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	if err := s.store(t.Context(), numbered(1, 10)); err != nil {
		t.Fatal(err)
	}
	for _, update := range []string{
		"UPDATE message SET status = 'lost'",
		"UPDATE message SET status = 'processing'",
		"UPDATE message SET lease_token = 1, lease_node = 'a', lease_until = 1",
		"UPDATE message SET next_attempt_at = NULL",
		"UPDATE message SET status = 'sent'",
		"UPDATE message SET last_error = 1",
		"UPDATE message SET send_count = -1",
		"UPDATE message SET retry_count = -1",
		"UPDATE message SET accepted_http_status = 200",
		"UPDATE message SET accepted_http_status = 200, accepted_duration = 1",
		"UPDATE message SET id = x'01'",
		"UPDATE message SET fingerprint = x'01'",
		"UPDATE message SET content = NULL",
		"UPDATE message SET status = 'processing', lease_token = 1",
		"UPDATE message SET gateway = NULL",
	} {
		err := s.inWriter(t.Context(), func(ctx context.Context, session *session) error {
			_, err := session.conn.ExecContext(ctx, update)
			return err
		})
		if err == nil {
			t.Errorf("%s: was taken", update)
		}
	}
	for name, insert := range map[string]string{
		"attempt of no message": "INSERT INTO attempt VALUES (99, 1, 'sms', 'retry', NULL, NULL, NULL, 0, NULL, NULL, 0, NULL, 0, NULL)",
		"attempt without count": "INSERT INTO attempt VALUES (1, 0, 'sms', 'retry', NULL, NULL, NULL, 0, NULL, NULL, 0, NULL, 0, NULL)",
		"unheard of outcome":    "INSERT INTO attempt VALUES (1, 1, 'sms', 'lost', NULL, NULL, NULL, 0, NULL, NULL, 0, NULL, 0, NULL)",
	} {
		err := s.inWriter(t.Context(), func(ctx context.Context, session *session) error {
			_, err := session.conn.ExecContext(ctx, insert)
			return err
		})
		if err == nil {
			t.Errorf("an %s was taken", name)
		}
	}
}

// TestSchema_KnowsTheDomain checks that the closed sets of the schema are those of the domain.
func TestSchema_KnowsTheDomain(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	schema := func(table string) string {
		var text string
		if err := s.readDB.QueryRowContext(t.Context(), "SELECT sql FROM sqlite_schema WHERE name = ?", table).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(text), " ")
	}
	var statuses, outcomes []string
	for _, status := range courier.Statuses() {
		statuses = append(statuses, "status = '"+string(status)+"'")
	}
	for _, outcome := range courier.Outcomes() {
		outcomes = append(outcomes, "'"+string(outcome)+"'")
	}
	if text := schema("message"); !strings.Contains(text, "CHECK ( "+strings.Join(statuses, " OR ")+")") {
		t.Errorf("message knows other statuses than %v: %s", statuses, text)
	}
	if text := schema("attempt"); !strings.Contains(text, "IN ( "+strings.Join(outcomes, ", ")+"))") {
		t.Errorf("attempt knows other outcomes than %v: %s", outcomes, text)
	}
	var application int
	if err := s.readDB.QueryRowContext(t.Context(), "PRAGMA application_id").Scan(&application); err != nil || application != applicationID {
		t.Errorf("application id is %x, %v, want %x", application, err, applicationID)
	}
}

// TestMigrations_HaveAWayBack runs the schema down and up again.
func TestMigrations_HaveAWayBack(t *testing.T) {
	t.Parallel()
	db, provider := openSchema(t)
	tables := func() string {
		var names string
		err := db.QueryRowContext(t.Context(),
			"SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema WHERE tbl_name IN ('message', 'attempt', 'probe') ORDER BY name)").Scan(&names)
		return fmt.Sprint(names, err)
	}
	before := tables()
	if _, err := provider.DownTo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if got := tables(); strings.Contains(got, "message") {
		t.Errorf("the way back leaves %s", got)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := tables(); got != before {
		t.Errorf("the way up makes %s, want %s", got, before)
	}
}

// TestMigrations_RebuildKeepsEverything makes the table of messages anew, twice,
// as after a crash before the version was written.
func TestMigrations_RebuildKeepsEverything(t *testing.T) {
	t.Parallel()
	db, provider := openSchema(t)
	if _, err := provider.DownTo(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`INSERT INTO message (id, status, gateway, next_attempt_at, send_count, retry_count, last_error, updated_at, created_at,
			channel, recipient, sender, body, segments, idempotency_key)
		VALUES (zeroblob(16), 'queued', 'sms', 7, 1, 1, 1, 5, 4, 'sms', '+12065550199', 'Example', 'Hello', 1, 'key')`,
		`INSERT INTO attempt (message_seq, number, gateway, outcome, http_status, retry_after, duration)
		VALUES (1, 1, 'sms', 'retry', 503, 0, 9)`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := provider.ApplyVersion(t.Context(), 4, true); err != nil {
			t.Fatal(err)
		}
		var key string
		var attempts, keys int
		err := db.QueryRowContext(t.Context(), "SELECT idempotency_key, (SELECT count(*) FROM attempt) FROM message WHERE seq = 1").Scan(&key, &attempts)
		if err != nil || key != "key" || attempts != 1 {
			t.Errorf("the message has the key %q and %d attempts, %v", key, attempts, err)
		}
		if err := db.QueryRowContext(t.Context(), "PRAGMA foreign_keys").Scan(&keys); err != nil || keys != 1 {
			t.Errorf("foreign keys are %d, %v, want them kept again", keys, err)
		}
		if _, err := db.ExecContext(t.Context(), "DELETE FROM goose_db_version WHERE version_id = 4"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMigrations_GatherContent opens a database of version 4 that has messages in
// every status.
func TestMigrations_GatherContent(t *testing.T) {
	t.Parallel()
	db, provider := openSchema(t)
	if _, err := provider.DownTo(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if _, err := provider.ApplyVersion(t.Context(), 4, true); err != nil {
		t.Fatal(err)
	}
	for i, old := range storetest.OldMessages() {
		m, a := old.Message, old.Attempts[0]
		if _, err := db.ExecContext(t.Context(), `INSERT INTO message (seq, id, status, gateway, next_attempt_at, lease_node,
				lease_token, lease_until, send_count, retry_count, last_error, updated_at, sent_at, expires_at, gateway_message_id,
				created_at, channel, recipient, sender, body, subject, template_type, template_data, request_headers, metadata,
				encoding, segments, idempotency_key, fingerprint, trace_parent, scrubbed_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
				CAST(? AS BLOB), CAST(? AS BLOB), CAST(? AS BLOB), ?, ?, ?, ?, ?, ?)`,
			i+1, m.ID[:], string(m.Status), m.Gateway, micros(m.NextAttemptAt), optional(m.Lease.Node), old.Token(), micros(m.Lease.Until),
			m.SendCount, m.RetryCount, micros(m.UpdatedAt), micros(m.SentAt), micros(m.ExpiresAt), optional(m.GatewayMessageID),
			micros(m.CreatedAt), m.Channel, m.To, m.From, m.Body, optional(m.Subject), optional(m.TemplateType), old.Document(m.TemplateData),
			old.Document(m.RequestHeaders), old.Document(m.Metadata), optional(string(m.Encoding)), m.Segments, m.IdempotencyKey,
			m.Fingerprint[:], optional(m.TraceParent), micros(m.ScrubbedAt)); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?)",
			i+1, a.Number, a.Gateway, string(a.Outcome), string(a.Class), a.Code, a.Message, a.HTTPStatus, a.Excerpt,
			a.RetryAfter.Microseconds(), micros(a.StartedAt), a.Duration.Microseconds()); err != nil {
			t.Fatal(err)
		}
	}
	s := reopen(t, db)
	storetest.RunOldMessages(t, s)
}

// TestMigrations_AddReceipts opens a database of version 5 that has messages in every
// status, one of them with an attempt that was accepted before the last.
func TestMigrations_AddReceipts(t *testing.T) {
	t.Parallel()
	db, provider := openSchema(t)
	if _, err := provider.DownTo(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	for i, old := range storetest.OldMessages() {
		m, a := old.Message, old.Attempts[0]
		if _, err := db.ExecContext(t.Context(), `INSERT INTO message (seq, id, status, gateway, next_attempt_at, lease_node,
				lease_token, lease_until, send_count, retry_count, last_error, updated_at, sent_at, gateway_message_id,
				created_at, channel, recipient, sender, body, idempotency_key, fingerprint, scrubbed_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 1, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			i+1, m.ID[:], string(m.Status), m.Gateway, micros(m.NextAttemptAt), optional(m.Lease.Node), old.Token(), micros(m.Lease.Until),
			micros(m.UpdatedAt), micros(m.SentAt), optional(m.GatewayMessageID), micros(m.CreatedAt), m.Channel, m.To, m.From, m.Body,
			m.IdempotencyKey, m.Fingerprint[:], micros(m.ScrubbedAt)); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "INSERT INTO attempt VALUES (?, 1, ?, 'accepted', NULL, NULL, NULL, 201, NULL, ?, 0, 1, 1)",
			i+1, a.Gateway, fmt.Sprint("old-", i)); err != nil {
			t.Fatal(err)
		}
	}
	s := reopen(t, db)
	var parts int
	if err := s.readDB.QueryRowContext(t.Context(), "SELECT count(*) FROM part WHERE gateway_message_id LIKE 'old-%'").Scan(&parts); err != nil || parts != len(storetest.OldMessages()) {
		t.Errorf("%d ids of attempts before are kept, %v", parts, err)
	}
	storetest.RunOldReceipts(t, s)
}

// reopen closes a database and opens a store on it.
func reopen(t *testing.T, db *sql.DB) *Store {
	t.Helper()
	var seq, file string
	var number int
	if err := db.QueryRowContext(t.Context(), "PRAGMA database_list").Scan(&number, &seq, &file); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{DSN: scheme + file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// openSchema opens a database with the whole schema, without a store.
func openSchema(t *testing.T) (*sql.DB, *goose.Provider) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "courier.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open(driverName, address(path, writerPragmas()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	provider, err := migrations().Provider(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db, provider
}
