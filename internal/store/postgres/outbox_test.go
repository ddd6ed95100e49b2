package postgres_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"courier"
	"courier/internal/store"
	"courier/internal/store/postgres"
	"courier/internal/store/postgres/pgtest"
	"courier/internal/store/storetest"
)

// application is a connection of a program that is no courier.
type application struct {
	*pgx.Conn
	store *postgres.Store
}

func newApplication(t *testing.T) application {
	t.Helper()
	dsn := pgtest.Shared(t).NewDatabase(t)
	s := open(t, dsn)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return application{Conn: conn, store: s}
}

// call runs a statement that answers an identifier.
func (a application) call(t *testing.T, on interface {
	QueryRow(ctx context.Context, text string, arguments ...any) pgx.Row
}, text string,
) courier.ID {
	t.Helper()
	var id string
	if err := on.QueryRow(t.Context(), text).Scan(&id); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	parsed, err := courier.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func (a application) queued(t *testing.T, want int64) {
	t.Helper()
	if stats, err := a.store.Stats(t.Context(), a.store.Now()); err != nil || stats.Queued != want {
		t.Errorf("stats are %+v, %v, want %d queued", stats, err, want)
	}
}

// TestOutbox_KnowsCodes puts one-time codes into their lane and lets them end.
func TestOutbox_KnowsCodes(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	for arguments, want := range map[string]struct {
		lane courier.Lane
		life time.Duration
	}{
		"":                                      {courier.LaneNormal, 0},
		", template_type => 'order_shipped'":    {courier.LaneNormal, 0},
		", template_type => 'login_code_valid'": {courier.LaneOTP, 5 * time.Minute},
		", template_type => 'otp', template_data => '{\"expires_in_minutes\": 15}'":                       {courier.LaneOTP, 15 * time.Minute},
		", template_type => 'recovery_code_valid', template_data => '{\"expires_in_minutes\": \"soon\"}'": {courier.LaneOTP, 5 * time.Minute},
		", template_type => 'otp', expires_at => now() + interval '1 day'":                                {courier.LaneOTP, 24 * time.Hour},
	} {
		m, _, err := a.store.Message(t.Context(), a.call(t, a, "SELECT courier.enqueue('+12065550199', 'text'"+arguments+")"))
		life := time.Duration(0)
		if err == nil && !m.ExpiresAt.IsZero() {
			life = m.ExpiresAt.Sub(m.CreatedAt)
		}
		if err != nil || m.Lane != want.lane || life.Round(time.Second) != want.life {
			t.Errorf("%s: %+v lives for %v, %v, want %+v", arguments, m, life, err, want)
		}
	}
}

// TestOutbox_IsPartOfTheTransaction rolls one back and commits another.
func TestOutbox_IsPartOfTheTransaction(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	hasNext(t, a.store, "")
	follower := storetest.Follow(t, a.store)
	beat := store.Beat{Node: "node", Lapse: time.Minute, StartedAt: a.store.Now(), Gateways: []string{"first", "second"}}
	if _, err := a.store.Beat(t.Context(), beat); err != nil {
		t.Fatal(err)
	}
	var ids [2]courier.ID
	for i, end := range []func(tx pgx.Tx) error{
		func(tx pgx.Tx) error { return tx.Rollback(t.Context()) },
		func(tx pgx.Tx) error { return tx.Commit(t.Context()) },
	} {
		tx, err := a.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = a.call(t, tx, `SELECT courier.enqueue('+12065550199', 'Your code is 123456 €', sender => 'Shop',
			template_data => '{"code": "123456"}', metadata => '{"order": 42}')`)
		a.queued(t, 0)
		if err := end(tx); err != nil {
			t.Fatal(err)
		}
	}
	a.queued(t, 1)
	hasNext(t, a.store, "first")
	if _, _, err := a.store.Message(t.Context(), ids[0]); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the message of a transaction that was rolled back: %v", err)
	}
	now := a.store.Now().Add(time.Minute)
	claimed, err := a.store.Claim(t.Context(), store.Claim{Gateway: "first", Node: "node", Now: now, LeaseUntil: now.Add(time.Minute), Limit: 9})
	if err != nil || len(claimed) != 1 {
		t.Fatalf("Claim: %v, %v", claimed, err)
	}
	if events := follower.Check(t); len(events) != 2 {
		t.Errorf("the function and the claim left %+v, want an event each", events)
	}
	m := claimed[0]
	if m.ID != ids[1] || m.From != "Shop" || m.Channel != "sms" || m.Encoding != courier.EncodingGSM7 || m.Segments != 1 ||
		string(m.Metadata) != `{"order": 42}` || string(m.TemplateData) != `{"code": "123456"}` {
		t.Errorf("message is %+v", m)
	}
	if version := m.ID.String()[14]; version != '7' {
		t.Errorf("id %s has version %c, want 7", m.ID, version)
	}
}

// TestOutbox_IsIdempotent repeats a key, with the same and with other content.
func TestOutbox_IsIdempotent(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	const same = "SELECT courier.enqueue('+12065550199', 'text', idempotency_key => 'order-42')"
	first := a.call(t, a, same)
	if again := a.call(t, a, same); again != first {
		t.Errorf("a repeat returned %s, want %s", again, first)
	}
	a.queued(t, 1)
	_, err := a.Exec(t.Context(), "SELECT courier.enqueue('+12065550199', 'other', idempotency_key => 'order-42')")
	if failure, ok := errors.AsType[*pgconn.PgError](err); !ok || failure.Code != "23505" || failure.Hint == "" {
		t.Errorf("a key with other content: %v", err)
	}
	m, _, err := a.store.Message(t.Context(), first)
	if err != nil || m.Gateway != "" {
		t.Errorf("without a node the message waits for %q, %v, want no gateway", m.Gateway, err)
	}
}

// TestOutbox_TellsWhatIsWrong gives arguments that no message can have.
func TestOutbox_TellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	a := newApplication(t)
	for arguments, want := range map[string]string{
		"'12065550199', 'text'": "recipient",
		"NULL, 'text'":          "recipient",
		"'+0', 'text'":          "recipient",
		"'+12065550199', ''":    "body",
		"'+12065550199', NULL":  "body",
		"'+12065550199', 'text', send_at => '12000-01-01'":                                                  "more than a year ahead",
		"'+12065550199', 'text', send_at => 'infinity'":                                                     "more than a year ahead",
		"'+12065550199', 'text', expires_at => '200000-01-01'":                                              "more than a year ahead",
		"'+12065550199', 'text', expires_at => now() - interval '1 s'":                                      "expires_at",
		"'+12065550199', 'text', send_at => now() + interval '1 h', expires_at => now() + interval '1 min'": "expires_at",
		"'+12065550199', 'text', metadata => '[]'":                                                          "JSON object",
		"'+12065550199', 'text', template_data => '1'":                                                      "JSON object",
	} {
		_, err := a.Exec(t.Context(), "SELECT courier.enqueue("+arguments+")")
		failure, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || failure.Code != "22023" || !strings.Contains(failure.Message, want) || failure.Hint == "" {
			t.Errorf("%s: %v, want an error about %s with a hint", arguments, err, want)
		}
	}
	a.queued(t, 0)
}

// TestOutbox_Documented runs the statements of the document as a user of the
// application, who has no right to the tables.
func TestOutbox_Documented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/outbox.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```sql\n")[1:]
	if len(blocks) != 3 {
		t.Fatalf("the document has %d blocks of SQL, want 3", len(blocks))
	}
	for i := range blocks {
		blocks[i], _, _ = strings.Cut(blocks[i], "```")
	}
	a := newApplication(t)
	execute := func(text string) {
		t.Helper()
		if _, err := a.Exec(t.Context(), text, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	role := "shop_" + strings.ReplaceAll(a.Config().Database, "-", "_")
	execute("CREATE TABLE orders (id bigint PRIMARY KEY, phone text); GRANT ALL ON orders TO PUBLIC; CREATE ROLE " + role)
	defer execute("RESET ROLE; DROP OWNED BY " + role + "; DROP ROLE " + role)
	execute(strings.ReplaceAll(blocks[0], " shop;", " "+role+";"))
	execute("SET ROLE " + role)
	execute(blocks[1])
	a.queued(t, 1)
	if _, err := a.Exec(t.Context(), "SELECT body FROM courier.message"); err == nil {
		t.Error("the application reads the messages")
	}
	execute("RESET ROLE")
	execute(blocks[2])
	a.queued(t, 2)
}
