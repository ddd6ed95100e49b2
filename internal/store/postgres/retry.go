package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"courier/internal/store"
)

// How long an operation is tried again after a fault that may pass, unless
// Options say otherwise: a failover takes some seconds. A try ends when a server
// does not answer at all.
const (
	retryFor      = 20 * time.Second
	tryFor        = 10 * time.Second
	firstPause    = 10 * time.Millisecond
	longestPause  = 500 * time.Millisecond
	growthOfPause = 2
)

// try is one go at an operation. Again is true when an earlier one may have
// been done although it failed.
type try func(ctx context.Context, on *session, again bool) error

// attempt runs an operation until it succeeds, fails for good, or its time is
// over. uncertain is true when it may have been done already; attempt reports
// whether it may have been done although it failed.
func (s *Store) attempt(ctx context.Context, writer int32, run try, uncertain bool) (bool, error) {
	var err error
	ended := time.NewTimer(s.retryFor)
	defer ended.Stop()
	for pause := firstPause; ; pause = min(pause*growthOfPause, longestPause) {
		if err := s.refusal(writer); err != nil {
			return uncertain, err
		}
		err = s.once(ctx, writer, run, uncertain)
		if err == nil {
			return false, nil
		}
		if !passing(err) || ctx.Err() != nil {
			return uncertain || isConnection(err), err
		}
		uncertain = uncertain || !definite(err)
		s.heal(ctx, err)
		select {
		case <-ended.C:
			return uncertain, err
		case <-ctx.Done():
			return uncertain, err
		case <-s.closing:
			if uncertain {
				return true, err
			}
			return false, store.ErrClosed
		case <-s.known(writer, err): // the next round tells why
		case <-time.After(pause/2 + rand.N(pause)):
		}
	}
}

// once runs an operation on a connection of the pool, for a bounded time. All but
// those of the node itself leave it one.
func (s *Store) once(ctx context.Context, writer int32, run try, again bool) error {
	if writer != nodeWriter {
		select {
		case s.shared <- struct{}{}:
			defer func() { <-s.shared }()
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errNoConnection, ctx.Err())
		}
	}
	began := time.Now()
	bounded, cancel := context.WithTimeoutCause(ctx, tryFor, errNoAnswer)
	defer cancel()
	if writer != nodeWriter {
		defer context.AfterFunc(s.outages.away.now(), cancel)() //nolint:contextcheck // an outage ends the tries of all callers
	}
	conn, err := acquire(bounded, s.pool)
	if err == nil {
		defer conn.Release()
		err = run(bounded, &session{on: conn, texts: s.texts, store: s.id, writer: writer, segments: &s.segments}, again)
	}
	// What was cut short because the outage is known says nothing more.
	if cutShort := errors.Is(bounded.Err(), context.Canceled) && ctx.Err() == nil; err == nil || !cutShort {
		s.learn(ctx, writer, began, err)
	}
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		// The text alone: the context of the caller has not ended.
		return noAnswer(err)
	}
	return err
}

// noAnswer replaces an error of a context that was the store's own.
func noAnswer(err error) error {
	if errors.Is(err, errNoConnection) {
		return fmt.Errorf("%w: %w", errNoConnection, errNoAnswer)
	}
	return errNoAnswer
}

// heal does what lets the next try succeed.
func (s *Store) heal(ctx context.Context, err error) {
	switch code(err) {
	case codeReadOnly:
		// Another server is the one that is written now: find it.
		s.pool.Reset()
	case codeNoStatement, codeStatementExists:
		s.withoutPrepared(ctx)
	}
}

// withoutPrepared stops the use of prepared statements, which a pooler between
// here and the server does not keep apart.
func (s *Store) withoutPrepared(ctx context.Context) {
	if s.target.fixedMode || !s.mode.CompareAndSwap(int32(pgx.QueryExecModeCacheStatement), int32(pgx.QueryExecModeCacheDescribe)) {
		return
	}
	s.logger.InfoContext(ctx, "a connection pooler stands before the database: statements are not prepared",
		slog.String("database", s.target.name))
	s.pool.Reset()
}

// poolerProbe is a statement that no other is equal to.
const poolerProbe, poolerProbeFor = "SELECT 'courier'", 2 * time.Second

// detectPooler finds out whether two statements of one connection may run in two
// sessions of the server, as with a pooler in transaction mode that does not
// follow prepared statements: one is prepared, its session of the server given to
// a transaction of another connection, and then run.
func (s *Store) detectPooler(ctx context.Context) error {
	if s.target.fixedMode {
		return nil
	}
	first, err := acquire(ctx, s.pool)
	if err != nil {
		return err
	}
	defer first.Release()
	second, err := acquire(ctx, s.pool)
	if err != nil {
		return err
	}
	defer second.Release()
	name := "courier_" + s.signature()[1:]
	if _, err := first.Conn().PgConn().Prepare(ctx, name, poolerProbe, nil); err != nil {
		return fmt.Errorf("prepare a statement: %w", err)
	}
	tx, err := second.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	_, err = tx.Exec(ctx, poolerProbe, pgx.QueryExecModeSimpleProtocol)
	if err == nil {
		bounded, cancel := context.WithTimeout(ctx, poolerProbeFor)
		defer cancel()
		_, err = first.Conn().PgConn().ExecPrepared(bounded, name, nil, nil, nil).Close()
	}
	if code(err) == codeNoStatement {
		s.withoutPrepared(ctx)
	}
	_ = tx.Rollback(ctx)
	// Any other failure leaves it open; a statement that is missing tells later.
	_ = first.Conn().PgConn().Deallocate(ctx, name)
	return nil
}
