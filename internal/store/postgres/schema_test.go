package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"courier"
	"courier/internal/store"
	"courier/internal/store/postgres/pgtest"
	"courier/internal/store/storetest"
)

// openInside opens a store on a new database and returns a connection to it too.
func openInside(t *testing.T) (*Store, *pgx.Conn) {
	t.Helper()
	dsn := pgtest.Shared(t).NewDatabase(t)
	s, err := Open(context.Background(), Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, connect(t, dsn)
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func run(t *testing.T, conn *pgx.Conn, text string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), text, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// lines returns the first column of what a statement answers.
func lines(t *testing.T, conn *pgx.Conn, text string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), text, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return found
}

func TestQueries_AreAllUsed(t *testing.T) {
	t.Parallel()
	storetest.RunStatements(t, queriesFile)
}

// TestQueries_AreNamedAsThoseOfTheOtherEngine lists what only one engine has.
func TestQueries_AreNamedAsThoseOfTheOtherEngine(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("../sqlite/queries.sql")
	if err != nil {
		t.Fatal(err)
	}
	theirs, own := store.ParseQueries(string(file)), []string{
		// a claim in one statement instead of two
		"ClaimMessages",
		// many nodes
		"Beat", "Clock", "ForgetNodes", "Leave", "Nodes", "Notify",
		// lost answers
		"ReturnLeases", "SettledBefore", "StoredIDs",
		// counts in tables, decisions in transactions, several keys at once
		"AddTally", "FoldTally", "ReadTally", "LockMessage", "InsertKeyed", "ScrubMessages", "DeleteEvents", "ReplaceListener",
		"LockMessages", "MessagesOfReceipts", "NextSegment", "ParkedSince", "LockKeys", "PlacesOf", "FoldPoints", "CountWaiting",
		// plans that are kept
		"GrownTables",
		// sessions of visitors, whom any node may serve
		"EndSession", "EndSessions", "PutSession", "Session", "UseSession",
	}
	for name := range store.ParseQueries(queriesFile) {
		if _, shared := theirs[name]; shared == slices.Contains(own, name) {
			t.Errorf("statement %s: the other engine has it: %v", name, shared)
		}
	}
}

func TestMigrations_AreThoseOfTheOtherEngine(t *testing.T) {
	t.Parallel()
	own, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := fs.Glob(os.DirFS("../sqlite"), "migrations/*.sql")
	if err != nil || !slices.Equal(own, theirs) || len(own) == 0 {
		t.Errorf("migrations are %v, %v, those of the other engine %v", own, err, theirs)
	}
}

// TestQueries_UseIndexes reads the plans that are made without knowing the
// arguments, on a table with messages: none of them goes through all messages.
func TestQueries_UseIndexes(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	fillByHand(t, conn, 8_000)
	run(t, conn, "SET plan_cache_mode = force_generic_plan")
	for name, text := range s.texts {
		for _, step := range generic(t, conn, name, text) {
			if strings.Contains(step, "Seq Scan on message") || strings.Contains(step, "Seq Scan on attempt") {
				t.Errorf("%s: %s", name, strings.TrimSpace(step))
			}
		}
	}
}

// TestClaim_TakesTheFirstOfTheIndex wants the plan that costs the same however
// many messages wait: no sort, and no scan of a table but by an index.
func TestClaim_TakesTheFirstOfTheIndex(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	fillByHand(t, conn, 8_000)
	run(t, conn, "SET plan_cache_mode = force_generic_plan")
	for _, size := range []int{1, 100, 1000} {
		plan := strings.Join(generic(t, conn, fmt.Sprint("claim", size), s.texts[claimQuery(size, size == 100)]), "\n")
		if !strings.Contains(plan, "Index Scan using message_due") && !strings.Contains(plan, "Index Scan Backward using message_due") && !strings.Contains(plan, "Index Only Scan using message_due") ||
			strings.Contains(plan, "Sort") || strings.Contains(plan, "Seq Scan") {
			t.Errorf("claim of %d: %s", size, plan)
		}
	}
	if plan := strings.Join(generic(t, conn, "sent", s.texts["SettleSent"]), "\n"); strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, "message_pkey") {
		t.Errorf("settle: %s", plan)
	}
}

// TestReceipts_ReadByTheIndex reads plans as they are made while the tables are small: they
// are kept when these have grown.
func TestReceipts_ReadByTheIndex(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	run(t, conn, "SET plan_cache_mode = force_generic_plan")
	for _, name := range []string{"Attempts", "Parts", "Receipts", "MessagesOfReceipts", "LockMessages", "ParkedOf", "Notices", "SetTries", "KeepNotices"} {
		if plan := strings.Join(generic(t, conn, name, s.texts[name]), "\n"); strings.Contains(plan, "Seq Scan") {
			t.Errorf("%s: %s", name, plan)
		}
	}
}

// TestMaintenance_RenewsPlans has plans made for an empty table, which then grows.
func TestMaintenance_RenewsPlans(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	run(t, conn, "SET plan_cache_mode = force_generic_plan")
	names := []string{claimQuery(100, false), "SettleSent", "ApplyReceipts"}
	plans := func() string {
		text := ""
		for _, name := range names {
			text += strings.Join(generic(t, conn, name, s.texts[name]), "\n")
		}
		return text
	}
	if !strings.Contains(plans(), "Seq Scan on message") {
		t.Fatal("an empty table is read by its index: this shows nothing")
	}
	run(t, conn, `INSERT INTO courier.message (id, recipient, body, gateway)
		SELECT gen_random_uuid(), '+1206' || g, 'text', 'sms' FROM generate_series(1, 8000) AS g`)
	err := s.once(t.Context(), readWriter, func(ctx context.Context, on *session, _ bool) error { return s.maintain(ctx, on, true, 0) }, false)
	if plan := plans(); err != nil || strings.Contains(plan, "Seq Scan on message") {
		t.Error(plan, err)
	}
}

// TestSweeps_TakeTheFirstOfTheIndex wants plans that cost the same however many
// messages are old: a batch reads its own rows and sorts none.
func TestSweeps_TakeTheFirstOfTheIndex(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	fillByHand(t, conn, 20_000)
	run(t, conn, "SET plan_cache_mode = force_generic_plan")
	for _, name := range []string{"OldContents", "ScrubMessages", "PurgeMessages", "PurgeScrubbed", "ExpireMessages", "RerouteMessages"} {
		plan := strings.Join(generic(t, conn, name, s.texts[name]), "\n")
		if strings.Contains(plan, "Sort") || strings.Contains(plan, "Seq Scan on message") {
			t.Errorf("%s: %s", name, plan)
		}
	}
}

// TestWaitingQueues_AreCheap has messages that waited and are gone: the state of the queue
// costs little more than to find the first that waits still, and while many wait it never
// looks so dear that PostgreSQL compiles it.
func TestWaitingQueues_AreCheap(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	run(t, conn, "ALTER TABLE courier.message SET (autovacuum_enabled = false)")
	fillByHand(t, conn, 40_000)
	count := func(from string) string {
		return strings.NewReplacer("$1", "'sms'", "$2", "'normal'", "$3", from, "$4", "10000").Replace(s.texts["CountWaiting"])
	}
	// number is what the plan of a statement has after some words.
	number := func(explain, text, words string) (number float64) {
		plan := strings.Join(lines(t, conn, explain+text), "\n")
		_, rest, _ := strings.Cut(plan, words)
		if _, err := fmt.Sscanf(rest, "%f", &number); err != nil {
			t.Fatal(plan, err)
		}
		return number
	}
	for _, text := range []string{s.texts["WaitingQueues"], count("now() - interval '1 day'")} {
		if cost := number("EXPLAIN ", text, ".."); cost > 50_000 {
			t.Errorf("it is to cost %v, and is compiled from 100000 on: %s", cost, text)
		}
	}
	run(t, conn, `UPDATE courier.message SET status = 'sent', next_attempt_at = NULL, sent_at = now() WHERE status = 'queued';
		INSERT INTO courier.message (id, recipient, body, gateway, next_attempt_at) VALUES (gen_random_uuid(), '+12065550199', 'text', 'sms', now() + interval '1 hour')`)
	pages := func(text string) float64 { return number("EXPLAIN (ANALYZE, BUFFERS) ", text, "shared hit=") }
	first := func() float64 {
		return pages("SELECT gateway FROM courier.message WHERE status = 'queued' ORDER BY gateway, lane, next_attempt_at, id LIMIT 1")
	}
	first() // marks the entries
	if one, all := first(), pages(s.texts["WaitingQueues"])+pages(count("now() + interval '59 minutes'")); one < 50 || all > one+one/2 {
		t.Errorf("the queues cost %v pages, the first message %v", all, one)
	}
}

// fillByHand stores messages that are queued, and as many that were sent.
func fillByHand(t *testing.T, conn *pgx.Conn, count int) {
	t.Helper()
	run(t, conn, fmt.Sprintf(`INSERT INTO courier.message (id, recipient, body, gateway)
		SELECT gen_random_uuid(), '+1206' || g, 'text', 'sms' FROM generate_series(1, %d) AS g;
		INSERT INTO courier.message (id, recipient, body, gateway, status, next_attempt_at, sent_at)
		SELECT gen_random_uuid(), '+1207' || g, 'text', 'sms', 'sent', NULL, now() FROM generate_series(1, %d) AS g`, count, count))
	run(t, conn, `INSERT INTO courier.attempt SELECT id, 1, 'sms', 'retry', NULL, NULL, NULL, 503, NULL, NULL, 0, now(), 1
		FROM courier.message WHERE status = 'sent';
		ANALYZE courier.message; ANALYZE courier.attempt`)
}

// generic returns the steps of the plan of a statement that any arguments share.
func generic(t *testing.T, conn *pgx.Conn, name, text string) []string {
	t.Helper()
	name = "plan_" + strings.ToLower(name)
	described, err := conn.Prepare(t.Context(), name, text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	arguments := ""
	if count := len(described.ParamOIDs); count > 0 {
		arguments = "(" + strings.TrimSuffix(strings.Repeat("NULL, ", count), ", ") + ")"
	}
	return lines(t, conn, "EXPLAIN EXECUTE "+name+arguments)
}

// TestSchema_RefusesNonsense breaks each invariant that the schema guards.
func TestSchema_RefusesNonsense(t *testing.T) {
	t.Parallel()
	_, conn := openInside(t)
	run(t, conn, "INSERT INTO courier.message (id, recipient, body) VALUES (gen_random_uuid(), '+12065550199', 'text')")
	for _, statement := range []string{
		"UPDATE courier.message SET status = 'lost'",
		"UPDATE courier.message SET status = 'processing'",
		"UPDATE courier.message SET lease_token = 1, lease_node = 'a', lease_until = now()",
		"UPDATE courier.message SET next_attempt_at = NULL",
		"UPDATE courier.message SET status = 'sent'",
		"UPDATE courier.message SET last_error = 1",
		"UPDATE courier.message SET send_count = -1",
		"UPDATE courier.message SET retry_count = -1",
		"UPDATE courier.message SET content = NULL",
		"UPDATE courier.message SET accepted_http_status = 200",
		"UPDATE courier.message SET accepted_http_status = 200, accepted_duration = 1",
		"UPDATE courier.message SET fingerprint = '\\x01'",
		"UPDATE courier.message SET status = 'processing', lease_token = 1",
		"UPDATE courier.message SET gateway = NULL",
		"INSERT INTO courier.message SELECT (m).* FROM courier.message AS m",
		"INSERT INTO courier.attempt VALUES (gen_random_uuid(), 1, 'sms', 'retry', NULL, NULL, NULL, 0, NULL, NULL, 0, NULL, 0, NULL)",
		"INSERT INTO courier.attempt SELECT id, 0, 'sms', 'retry', NULL, NULL, NULL, 0, NULL, NULL, 0, NULL, 0, NULL FROM courier.message",
		"INSERT INTO courier.attempt SELECT id, 1, 'sms', 'lost', NULL, NULL, NULL, 0, NULL, NULL, 0, NULL, 0, NULL FROM courier.message",
	} {
		if _, err := conn.Exec(t.Context(), statement); err == nil || !strings.HasPrefix(code(err), "23") {
			t.Errorf("%s: %v, want a constraint that forbids it", statement, err)
		}
	}
}

// TestSchema_KnowsTheDomain checks that the closed sets of the schema are those of the domain.
func TestSchema_KnowsTheDomain(t *testing.T) {
	t.Parallel()
	_, conn := openInside(t)
	set := func(name string) []string {
		definition := lines(t, conn, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '"+name+"'")
		var words []string
		for _, match := range regexp.MustCompile(`'(\w+)'`).FindAllStringSubmatch(strings.Join(definition, " "), -1) {
			words = append(words, match[1])
		}
		return words
	}
	var statuses, outcomes []string
	for _, status := range courier.Statuses() {
		statuses = append(statuses, string(status))
	}
	for _, outcome := range courier.Outcomes() {
		outcomes = append(outcomes, string(outcome))
	}
	if got := set("message_status_check"); !slices.Equal(got, statuses) {
		t.Errorf("message knows %v, want %v", got, statuses)
	}
	if got := set("attempt_outcome_check"); !slices.Equal(got, outcomes) {
		t.Errorf("attempt knows %v, want %v", got, outcomes)
	}
}

// TestMigrations_HaveAWayBack runs the schema down and up again.
func TestMigrations_HaveAWayBack(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	var up, down string
	for _, name := range names {
		file, err := migrationFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		there, back, found := strings.Cut(string(file), "-- +goose Down")
		if !found {
			t.Fatalf("there is no way back from %s", name)
		}
		up, down = up+there, back+down
	}
	shape := func() []string {
		return lines(t, conn, "SELECT c.relname || ' ' || coalesce(pg_get_indexdef(i.indexrelid), '') FROM pg_class AS c "+
			"JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'courier' "+
			"LEFT JOIN pg_index AS i ON i.indexrelid = c.oid ORDER BY 1")
	}
	before := shape()
	run(t, conn, down)
	if got := shape(); slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, "message") }) {
		t.Errorf("the way back leaves %v", got)
	}
	run(t, conn, up)
	if got := shape(); !slices.Equal(got, before) {
		t.Errorf("the way up makes %v, want %v", got, before)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// databaseOf returns a database of a version, and a connection to it.
func databaseOf(t *testing.T, version int64) (dsn string, conn *pgx.Conn) {
	t.Helper()
	dsn = pgtest.Shared(t).NewDatabase(t)
	conn = connect(t, dsn)
	run(t, conn, createSetup)
	db := stdlib.OpenDB(*conn.Config())
	defer func() { _ = db.Close() }()
	provider, err := migrations().Provider(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	return dsn, conn
}

// TestMigrations_GatherContent opens a database of version 4 that has messages in
// every status, and one with a body that no text can hold.
func TestMigrations_GatherContent(t *testing.T) {
	t.Parallel()
	dsn, conn := databaseOf(t, 4)
	for _, old := range storetest.OldMessages() {
		m, a := old.Message, old.Attempts[0]
		if _, err := conn.Exec(t.Context(), `INSERT INTO courier.message (id, status, gateway, next_attempt_at, lease_node,
				lease_token, lease_until, send_count, retry_count, last_error, updated_at, sent_at, expires_at, gateway_message_id,
				created_at, channel, recipient, sender, body, subject, template_type, template_data, request_headers, metadata,
				encoding, segments, idempotency_key, fingerprint, trace_parent, scrubbed_at)
			VALUES ($1, $2, $3, $4, nullif($5, ''), $6, $7, $8, $9, 1, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
				$21, $22, $23, $24, $25, $26, $27, $28, $29)`,
			uuid(m.ID), string(m.Status), m.Gateway, stamp(m.NextAttemptAt), m.Lease.Node, old.Token(), stamp(m.Lease.Until),
			m.SendCount, m.RetryCount, stamp(m.UpdatedAt), stamp(m.SentAt), stamp(m.ExpiresAt), m.GatewayMessageID,
			stamp(m.CreatedAt), m.Channel, m.To, m.From, m.Body, m.Subject, m.TemplateType, old.Document(m.TemplateData),
			old.Document(m.RequestHeaders), old.Document(m.Metadata), string(m.Encoding), m.Segments, m.IdempotencyKey,
			m.Fingerprint[:], m.TraceParent, stamp(m.ScrubbedAt)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "INSERT INTO courier.attempt VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, $10, $11, $12)",
			uuid(m.ID), a.Number, a.Gateway, string(a.Outcome), string(a.Class), a.Code, a.Message, a.HTTPStatus, a.Excerpt,
			a.RetryAfter.Microseconds(), stamp(a.StartedAt), a.Duration.Microseconds()); err != nil {
			t.Fatal(err)
		}
	}
	run(t, conn, `INSERT INTO courier.tally (store, writer, queued, processing, unknown) VALUES (gen_random_uuid(), 0, 2, 2, 2);
		INSERT INTO courier.message (id, recipient, body, next_attempt_at, gateway, exact)
		VALUES ('00000000-0000-7000-8000-000000000001', '+12065550199', 'a?b', now(), 'beta', '\x00000003610062' || convert_to('subject', 'UTF8'));
		UPDATE courier.message SET status = 'canceled', next_attempt_at = NULL WHERE exact IS NOT NULL`)
	s, err := Open(t.Context(), Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	storetest.RunOldMessages(t, s)
	m, _, err := s.Message(t.Context(), courier.ID{6: 0x70, 8: 0x80, 15: 1})
	if err != nil || m.Body != "a\x00b" {
		t.Errorf("Message: %+v, %v, want its exact body", m, err)
	}
}

// TestMigrations_AddReceipts opens a database of version 5 that has messages in every
// status, one of them with an attempt that was accepted before the last.
func TestMigrations_AddReceipts(t *testing.T) {
	t.Parallel()
	dsn, conn := databaseOf(t, 5)
	for i, old := range storetest.OldMessages() {
		m, a := old.Message, old.Attempts[0]
		if _, err := conn.Exec(t.Context(), `INSERT INTO courier.message (id, status, gateway, next_attempt_at, lease_node,
				lease_token, lease_until, send_count, retry_count, last_error, updated_at, sent_at, gateway_message_id,
				created_at, channel, recipient, sender, body, idempotency_key, fingerprint, scrubbed_at)
			VALUES ($1, $2, $3, $4, nullif($5, ''), $6, $7, 1, 1, 1, $8, $9, nullif($10, ''), $11, $12, $13, $14, $15, $16, $17, $18)`,
			uuid(m.ID), string(m.Status), m.Gateway, stamp(m.NextAttemptAt), m.Lease.Node, old.Token(), stamp(m.Lease.Until),
			stamp(m.UpdatedAt), stamp(m.SentAt), m.GatewayMessageID, stamp(m.CreatedAt), m.Channel, m.To, m.From, m.Body,
			m.IdempotencyKey, m.Fingerprint[:], stamp(m.ScrubbedAt)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "INSERT INTO courier.attempt VALUES ($1, 1, $2, 'accepted', NULL, NULL, NULL, 201, NULL, $3, 0, now(), 1)",
			uuid(m.ID), a.Gateway, fmt.Sprint("old-", i)); err != nil {
			t.Fatal(err)
		}
	}
	run(t, conn, "INSERT INTO courier.tally (store, writer, queued, processing, unknown) VALUES (gen_random_uuid(), 0, 2, 2, 2)")
	s, err := Open(t.Context(), Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if kept := lines(t, conn, "SELECT gateway_message_id FROM courier.part WHERE gateway_message_id LIKE 'old-%'"); len(kept) != len(storetest.OldMessages()) {
		t.Errorf("the ids of attempts before that are kept are %v", kept)
	}
	storetest.RunOldReceipts(t, s)
}

// TestStorage_IsSet checks that the tables keep room for new versions of rows.
func TestStorage_IsSet(t *testing.T) {
	t.Parallel()
	_, conn := openInside(t)
	for _, table := range []string{"message", "tally", "node", "duty", "probe"} {
		options := strings.Join(lines(t, conn,
			"SELECT unnest(reloptions) FROM pg_class WHERE oid = 'courier."+table+"'::regclass"), " ")
		if !strings.Contains(options, "fillfactor") || !strings.Contains(options, "autovacuum_vacuum_threshold") {
			t.Errorf("table %s has the options %q", table, options)
		}
	}
}
