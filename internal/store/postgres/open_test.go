package postgres

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"courier"
	"courier/internal/store"
	"courier/internal/store/postgres/pgtest"
)

const secret = "sesame-4711"

// TestParseDSN refuses what names no database, without quoting it.
func TestParseDSN(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"postgres://courier:" + secret + "@localhost:5432/courier",
		"postgresql://courier:" + secret + "@one:5432,two:5433/courier?target_session_attrs=read-write",
		"postgres://courier@localhost/courier?pool_max_conns=4&default_query_exec_mode=exec",
	} {
		if err := ParseDSN(dsn); err != nil {
			t.Errorf("%s: %v", dsn, err)
		}
	}
	for _, dsn := range []string{
		"", "courier.db", "sqlite://courier.db", "host=localhost password=" + secret,
		"postgres://courier:" + secret + "@localhost:port/courier",
		"postgres://courier:" + secret + "%zz@localhost/courier",
		"postgres://courier:" + secret + "@localhost/courier?sslmode=never",
		"postgres://courier:" + secret + "@localhost/courier?pool_max_conns=many",
	} {
		err := ParseDSN(dsn)
		if !errors.Is(err, ErrInvalidDSN) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

// TestParseDSN_NamesTheParameter refuses values that only the check could tell apart.
func TestParseDSN_NamesTheParameter(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"sslmode=" + secret: "its parameter sslmode ",
		"sslmode=verify-full&sslrootcert=/none/" + secret: "its parameter sslrootcert ",
		"application_name=a&connect_timeout=" + secret:    "its parameter connect_timeout ",
		"pool_max_conns=many":                             "its parameter pool_max_conns ",
		"pool_max_conns=1":                                "pool_max_conns must be at least 2",
	} {
		err := ParseDSN("postgres://courier:" + secret + "@localhost/courier?" + query)
		if !errors.Is(err, ErrInvalidDSN) || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", query, err, want)
		}
	}
}

// TestOpen_TellsWhatToDo opens databases that are not there.
func TestOpen_TellsWhatToDo(t *testing.T) {
	t.Parallel()
	shared := pgtest.Shared(t)
	refusing := shared.NewProxy(t)
	refusing.Refuse(true)
	for name, c := range map[string]struct{ dsn, want string }{
		"NoServer":      {"postgres://courier:" + secret + "@127.0.0.1:1/courier", "check that the server runs"},
		"Refused":       {refusing.DSN("postgres"), "check that the server runs"},
		"NoDatabase":    {shared.DSN("nowhere"), "create the database"},
		"WrongPassword": {"postgres://postgres:" + secret + "@" + shared.Addr() + "/postgres?sslmode=disable", "check the user and the password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), Options{DSN: c.dsn})
			if err == nil {
				_ = s.Close()
				t.Fatal("it opened")
			}
			if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("error is %v, want it to say %q", err, c.want)
			}
		})
	}
}

// TestOpen_RefusesAForgetfulServer opens a database that acknowledges before a
// commit is on the disk.
func TestOpen_RefusesAForgetfulServer(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Shared(t).NewDatabase(t)
	run(t, connect(t, dsn), "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$")
	s, err := Open(t.Context(), Options{DSN: dsn})
	if err == nil {
		_ = s.Close()
	}
	if !errors.Is(err, errUnsafe) {
		t.Errorf("Open: %v", err)
	}
}

// TestOpen_TogetherMigrateOnce opens an empty database by several nodes at once.
func TestOpen_TogetherMigrateOnce(t *testing.T) {
	t.Parallel()
	const nodes = 4
	dsn := pgtest.Shared(t).NewDatabase(t)
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&guarded{to: &log}, nil))
	var group sync.WaitGroup
	for range nodes {
		group.Go(func() {
			s, err := Open(context.Background(), Options{DSN: dsn, Logger: logger})
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			if err := errors.Join(s.Check(t.Context()), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := strings.Count(log.String(), "0001_create_message.sql"); got != 1 {
		t.Errorf("the first migration ran %d times: %s", got, log.String())
	}
}

// guarded is a writer for several goroutines.
type guarded struct {
	mutex sync.Mutex
	to    *strings.Builder
}

func (g *guarded) Write(text []byte) (int, error) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.to.Write(text)
}

// TestOpen_RefusesANewerSchema lets an older program meet what a newer one wrote.
func TestOpen_RefusesANewerSchema(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	run(t, conn, "INSERT INTO courier.goose_db_version (version_id, is_applied) VALUES (9999, true)")
	again, err := Open(t.Context(), Options{DSN: s.target.config.ConnString()})
	if err == nil {
		_ = again.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "start the newer program") {
		t.Errorf("Open: %v", err)
	}
}

// TestOpen_FailsForABrokenStatement opens a store whose schema lacks a column.
func TestOpen_FailsForABrokenStatement(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	run(t, conn, "ALTER TABLE courier.message RENAME COLUMN content TO something")
	again, err := Open(t.Context(), Options{DSN: s.target.config.ConnString()})
	if err == nil {
		_ = again.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "prepare statement") || !strings.Contains(err.Error(), "content") {
		t.Errorf("Open: %v", err)
	}
}

// TestStore_MissingStatementTurnsPreparingOff answers as a pooler does that lets
// sessions of the server change between statements.
func TestStore_MissingStatementTurnsPreparingOff(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	if mode := pgx.QueryExecMode(s.mode.Load()); mode != pgx.QueryExecModeCacheStatement {
		t.Fatalf("statements are sent in mode %v, want them prepared", mode)
	}
	run(t, conn, `CREATE SEQUENCE tries; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF nextval('tries') = 1 THEN RAISE EXCEPTION 'no such statement' USING ERRCODE = '26000'; END IF;
		RETURN NULL;
	END $$; CREATE TRIGGER refuse AFTER INSERT OR UPDATE ON courier.probe FOR EACH STATEMENT EXECUTE FUNCTION refuse()`)
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	if mode := pgx.QueryExecMode(s.mode.Load()); mode != pgx.QueryExecModeCacheDescribe {
		t.Errorf("statements are sent in mode %v, want them not prepared", mode)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
}

// TestStore_Modes runs each way in which a DSN lets statements be sent.
func TestStore_Modes(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s, err := Open(context.Background(), Options{DSN: pgtest.Shared(t).NewDatabase(t) + "&default_query_exec_mode=" + mode})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			now := s.Now()
			for i, m := range []*courier.Message{
				{ID: courier.ID{1}, Status: courier.StatusQueued, To: "+12065550199", Body: "a\x00b", Gateway: "sms", CreatedAt: now},
				{ID: courier.ID{2}, Status: courier.StatusQueued, To: "+12065550199", Body: "b", Gateway: "sms", CreatedAt: now, IdempotencyKey: "k"},
			} {
				if answers, err := s.Enqueue(t.Context(), []*courier.Message{m}); err != nil || answers[0].Duplicate {
					t.Fatalf("Enqueue %d: %+v, %v", i, answers, err)
				}
			}
			claimed, err := s.Claim(t.Context(), store.Claim{Gateway: "sms", Node: "n", Now: now.Add(time.Second), LeaseUntil: now.Add(time.Minute), Limit: 9})
			if err != nil || len(claimed) != 2 || claimed[0].Body != "a\x00b" {
				t.Fatalf("Claim: %v, %v", claimed, err)
			}
			applied, err := s.Settle(t.Context(), []store.Settlement{
				{ID: claimed[0].ID, Token: claimed[0].Lease.Token, Status: courier.StatusSent, At: now, Attempt: &courier.Attempt{
					Number: 1, Gateway: "sms", Outcome: courier.OutcomeAccepted, HTTPStatus: 200, StartedAt: now,
				}},
				{ID: claimed[1].ID, Token: claimed[1].Lease.Token, Status: courier.StatusQueued, At: now},
			})
			if err != nil || !applied[0] || !applied[1] {
				t.Errorf("Settle: %v, %v", applied, err)
			}
			if stats, err := s.Stats(t.Context(), now.Add(time.Hour)); err != nil || stats.Queued != 1 || stats.Processing != 0 {
				t.Errorf("Stats: %+v, %v", stats, err)
			}
			if _, err := s.Beat(t.Context(), store.Beat{Node: "n", Lapse: time.Minute, StartedAt: now, Gateways: []string{"sms"}}); err != nil {
				t.Errorf("Beat: %v", err)
			}
		})
	}
}

// TestTally_Folds lets housekeeping add up the rows of stores that are gone.
func TestTally_Folds(t *testing.T) {
	t.Parallel()
	s, conn := openInside(t)
	run(t, conn, `INSERT INTO courier.tally (store, writer, changed_at, queued, processing, unknown) VALUES
		(gen_random_uuid(), 0, now() - interval '1 hour', 5, -2, 0), (gen_random_uuid(), 3, now() - interval '1 hour', 2, 1, 4),
		(gen_random_uuid(), -1, now(), 1, 0, 0), (gen_random_uuid(), 1, now(), 10, 10, 0)`)
	for range 2 { // the second finds the sum of the first
		if _, err := s.Beat(t.Context(), store.Beat{Node: "n", Lapse: time.Minute, StartedAt: s.Now()}); err != nil {
			t.Fatal(err)
		}
		Eventually(t, "the rows are added up", func() bool {
			got := lines(t, conn, "SELECT queued || ' ' || processing || ' ' || unknown FROM courier.tally ORDER BY queued")
			return slices.Equal(got, []string{"8 -1 4", "10 10 0"})
		})
	}
	stats, err := s.Stats(t.Context(), s.Now())
	if err != nil || stats.Queued != 18 || stats.Processing != 9 || stats.Unknown != 4 {
		t.Errorf("Stats: %+v, %v", stats, err)
	}
}
