package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"courier/internal/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

func migrations() store.Migrations {
	return store.Migrations{Dialect: goose.DialectPostgres, Files: migrationFiles, Table: versionTable}
}

// Statements that are not needed for the store to work, and that not every
// database which speaks PostgreSQL's language has.
var (
	//go:embed storage.sql
	storageFile string
	//go:embed outbox.sql
	outboxFile string
)

// extrasVersion is raised when storage.sql or outbox.sql changes. A program that
// has a lower one leaves them as they are.
const extrasVersion = 4

// versionTable is where goose notes what it did.
const versionTable = "courier.goose_db_version"

// The row that one node at a time holds while it migrates. Several may make it at
// once, which fails for all but one; they try again.
const (
	createSetup = `CREATE SCHEMA IF NOT EXISTS courier;
CREATE TABLE IF NOT EXISTS courier.setup (id integer PRIMARY KEY CHECK (id = 1), extras integer NOT NULL);
INSERT INTO courier.setup (id, extras) VALUES (1, 0) ON CONFLICT DO NOTHING`
	hasSetup   = `SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = 'courier' AND tablename = 'setup')`
	lockSetup  = `SELECT extras FROM courier.setup WHERE id = 1 FOR UPDATE`
	writeSetup = `UPDATE courier.setup SET extras = $1 WHERE id = 1`
	// createTries bounds how often the row is tried to be made.
	createTries = 10
)

// migrate brings the schema up to date. A schema that is newer than this program is refused.
func migrate(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger) error {
	if err := ensureSetup(ctx, pool); err != nil {
		return fmt.Errorf("create schema courier: %w", err)
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var extras int
		// A row that is locked and not an advisory lock: every database has it, and it
		// does not outlive its transaction.
		if err := tx.QueryRow(ctx, lockSetup).Scan(&extras); err != nil {
			return fmt.Errorf("lock schema courier: %w", err)
		}
		if err := migrateLocked(ctx, pool, logger); err != nil {
			return err
		}
		if extras >= extrasVersion {
			return nil
		}
		for name, text := range map[string]string{"storage.sql": storageFile, "outbox.sql": outboxFile} {
			err := pgx.BeginFunc(ctx, tx, func(within pgx.Tx) error {
				_, err := within.Exec(ctx, text, pgx.QueryExecModeSimpleProtocol)
				return err
			})
			if err != nil {
				logger.WarnContext(ctx, "the database lacks a feature that the courier works without",
					slog.String("feature", name), slog.Any("error", err))
			}
		}
		_, err := tx.Exec(ctx, writeSetup, extrasVersion)
		return err
	})
}

// ensureSetup makes the row that migrate locks.
func ensureSetup(ctx context.Context, pool *pgxpool.Pool) error {
	var err error
	for range createTries {
		var found bool
		if err = pool.QueryRow(ctx, hasSetup).Scan(&found); err == nil && found {
			// The row may be missing still, when its maker was cut off.
			_, err = pool.Exec(ctx, "INSERT INTO courier.setup (id, extras) VALUES (1, 0) ON CONFLICT DO NOTHING")
			return err
		}
		if err == nil {
			_, err = pool.Exec(ctx, createSetup, pgx.QueryExecModeSimpleProtocol)
		}
		if err == nil || !isRace(err) {
			return err
		}
	}
	return err
}

// isRace reports whether two made the same thing at once.
func isRace(err error) bool {
	switch code(err) {
	case codeUnique, "42P06", "42P07", "XX000", codeSerialization, codeDeadlock:
		return true // duplicate schema and table, "tuple concurrently updated"
	}
	return false
}

func migrateLocked(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger) (err error) {
	config := pool.Config().ConnConfig
	// A pooler may stand between; each statement runs once anyway.
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	return migrations().Run(ctx, db, logger)
}
