package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"courier/internal/store"
)

// querier is a connection or a transaction on it.
type querier interface {
	Query(ctx context.Context, text string, arguments ...any) (pgx.Rows, error)
	Exec(ctx context.Context, text string, arguments ...any) (pgconn.CommandTag, error)
	SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults
	Begin(ctx context.Context) (pgx.Tx, error)
}

// session runs statements by name, on behalf of one row of the table tally, which counts.
type session struct {
	on     querier
	texts  map[string]string
	store  pgtype.UUID
	writer int32
	// segments are those of the keys of messages that are sent from now on.
	segments *store.Segments
}

// counted returns arguments that begin with the row of tally.
func (s *session) counted(arguments ...any) []any {
	return append([]any{s.store, s.writer}, arguments...)
}

// read runs a statement and calls read for each row.
func (s *session) read(ctx context.Context, name string, read func(rows pgx.Rows) error, arguments ...any) error {
	rows, err := s.on.Query(ctx, s.texts[name], arguments...)
	if err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return readAll(rows, name, read)
}

func readAll(rows pgx.Rows, name string, read func(rows pgx.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := read(rows); err != nil {
			return fmt.Errorf("read row of %s: %w: %w", name, errRow, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}

// query is a statement with what reads its rows.
type query struct {
	name      string
	arguments []any
	read      func(rows pgx.Rows) error
}

// readTogether runs statements, one after the other, in one round trip. Where it is not
// called in a transaction, they are one.
func (s *session) readTogether(ctx context.Context, queries ...query) error {
	batch := &pgx.Batch{}
	for _, q := range queries {
		batch.Queue(s.texts[q.name], q.arguments...)
	}
	results := s.on.SendBatch(ctx, batch)
	for _, q := range queries {
		rows, err := results.Query()
		if err == nil {
			err = readAll(rows, q.name, q.read)
		}
		if err != nil {
			_ = results.Close()
			return err
		}
	}
	return results.Close()
}

// exec runs a statement that answers nothing.
func (s *session) exec(ctx context.Context, name string, arguments ...any) error {
	if _, err := s.on.Exec(ctx, s.texts[name], arguments...); err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}

// confirm makes sure that what was read is kept as safely as what is written. A
// commit that waits for standbys may have become visible when its wait was broken
// off, and would be lost with its server; a commit that comes after it waits for
// both. So what was only read is answered once this is done.
func (s *session) confirm(ctx context.Context) error { return s.add(ctx, store.Counts{}) }

// add writes a difference to the row of the session.
func (s *session) add(ctx context.Context, change store.Counts) error {
	return s.readTogether(ctx, s.adding(change))
}

func (s *session) adding(change store.Counts) query {
	return query{name: "AddTally", arguments: s.counted(change.Queued, change.Processing, change.Unknown)}
}

// counts returns how many messages are in the statuses that are watched.
func (s *session) counts(ctx context.Context) (store.Counts, error) {
	var sums store.Counts
	err := s.read(ctx, "ReadTally", func(rows pgx.Rows) error { return rows.Scan(&sums.Queued, &sums.Processing, &sums.Unknown) })
	return sums, err
}

// segment returns the segment for the keys of so many messages.
func (s *session) segment(ctx context.Context, count int) (int64, error) {
	return s.segments.Take(count, func() (segment int64, err error) {
		err = s.read(ctx, "NextSegment", func(rows pgx.Rows) error { return rows.Scan(&segment) })
		return segment, err
	})
}

// count runs a statement that answers one number.
func (s *session) count(ctx context.Context, name string, arguments ...any) (int, error) {
	var count int64
	err := s.read(ctx, name, func(rows pgx.Rows) error { return rows.Scan(&count) }, arguments...)
	return int(count), err
}

// inTx runs statements in a transaction, all or none.
func (s *session) inTx(ctx context.Context, run func(in *session) error) error {
	tx, err := s.on.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	within := *s
	within.on = tx
	if err := run(&within); err != nil {
		// A connection on which this fails is not used again.
		_ = tx.Rollback(ctx)
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// errNoConnection reports that nothing was sent, as there is no connection.
var errNoConnection = errors.New("no connection to the server")

// acquire takes a connection out of the pool.
func acquire(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoConnection, err)
	}
	return conn, nil
}

//go:embed queries.sql
var queriesFile string

// claimMessages is the name of the statement that has a text for each of claimSizes.
const claimMessages = "ClaimMessages"

// claimSizes are the numbers that stand for {most} in ClaimMessages: the smallest
// that is not below what is asked for is used.
func claimSizes() []int { return []int{16, 128, 1024, 1 << 20} }

// newest begins the names of the texts of ClaimMessages that take the newest first.
const newest = "Newest"

// claimQuery returns the name of ClaimMessages with a size.
func claimQuery(limit int, newestFirst bool) string {
	name := claimMessages
	if newestFirst {
		name = newest + name
	}
	for _, size := range claimSizes() {
		if limit <= size {
			return name + strconv.Itoa(size)
		}
	}
	return name + strconv.Itoa(claimSizes()[len(claimSizes())-1])
}

// statementTexts are the texts of all statements by name.
func statementTexts() map[string]string {
	texts := store.ParseQueries(queriesFile)
	for _, size := range claimSizes() {
		text := strings.ReplaceAll(texts[claimMessages], "{most}", strconv.Itoa(size))
		texts[claimMessages+strconv.Itoa(size)] = text
		texts[newest+claimMessages+strconv.Itoa(size)] = strings.ReplaceAll(text, "ORDER BY next_attempt_at, id", "ORDER BY next_attempt_at DESC, id DESC")
	}
	delete(texts, claimMessages)
	return texts
}
