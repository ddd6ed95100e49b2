package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"courier/internal/store/postgres/pgtest"
)

// postgresEngine is a private PostgreSQL server with a database for each rig.
type postgresEngine struct {
	server     *pgtest.Server
	postmaster int
	// version is what the server calls itself, with its settings.
	version string
	count   int
}

// maintenance is the database that every server has.
const maintenance = "postgres"

// postgresSettings are those of a server that has a machine to itself, in small.
func postgresSettings() map[string]string {
	return map[string]string{"shared_buffers": "512MB", "max_wal_size": "4GB"}
}

func startPostgres(ctx context.Context) (*postgresEngine, error) {
	server, err := pgtest.Start(ctx, pgtest.Options{Settings: postgresSettings()})
	if err != nil {
		return nil, err
	}
	e := &postgresEngine{server: server}
	if err := e.describe(ctx); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return e, nil
}

// describe finds the server's first process and its version.
func (e *postgresEngine) describe(ctx context.Context) error {
	// A process of the server has the first of them as its parent.
	pid, err := e.number(ctx, maintenance, "SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
	if err != nil {
		return err
	}
	if fields := statFields(int(pid)); len(fields) > 1 {
		e.postmaster, _ = strconv.Atoi(fields[1])
	}
	parts := []string{}
	for _, name := range []string{"server_version", "shared_buffers", "max_wal_size", "fsync", "synchronous_commit"} {
		value, err := e.server.Query(ctx, maintenance, "SHOW "+name)
		if err != nil {
			return err
		}
		parts = append(parts, name+" "+value)
	}
	e.version = strings.Join(parts, ", ")
	return nil
}

func (e *postgresEngine) database() string { return fmt.Sprintf("bench_%d", e.count) }

func (e *postgresEngine) create(ctx context.Context) (string, error) {
	e.count++
	if err := e.server.CreateDatabase(ctx, e.database()); err != nil {
		return "", err
	}
	return e.server.DSN(e.database()), nil
}

func (e *postgresEngine) remove(ctx context.Context) error {
	return e.server.DropDatabase(ctx, e.database())
}

// size counts the database without the write-ahead log, which all share.
func (e *postgresEngine) size(ctx context.Context) (int64, error) {
	bytes, err := e.number(ctx, e.database(), "SELECT pg_database_size(current_database())")
	return int64(bytes), err
}

func (e *postgresEngine) pid() int { return e.postmaster }

// query runs a query in the database of the rig and returns its one line.
func (e *postgresEngine) query(ctx context.Context, text string) (string, error) {
	return e.server.Query(ctx, e.database(), text)
}

// number runs a query of one number.
func (e *postgresEngine) number(ctx context.Context, database, query string) (float64, error) {
	text, err := e.server.Query(ctx, database, query)
	if err != nil {
		return 0, err
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("read the result of %s: %w", query, err)
	}
	return value, nil
}
