package main

import (
	"context"
	"fmt"
	"time"
)

// endurance loads a database for long with retention at work, and looks at what
// is left in it: PostgreSQL keeps old rows until it has cleaned up.
func endurance(k kind, s size) measurement {
	under := condition{https1, s.inFlight}
	return measurement{
		goals: []goal{
			{enduranceRow(k), ""},
			{k.row("rows after the long load"), ""},
			{k.row("size of the messages after the long load"), ""},
			{workRow(k), ""},
		},
		compares: true, under: under,
		run: func(ctx context.Context, b *bench) ([]row, error) {
			server, ok := b.engine(k).(*postgresEngine)
			if !ok {
				return nil, fmt.Errorf("%s tells nothing of its tables", k.name)
			}
			spec := courierSpec{template: placingTemplate, under: under, extra: shortRetention}
			return b.with(ctx, server, spec, func(r *rig) ([]row, error) { return r.endure(ctx, server) })
		},
	}
}

func enduranceRow(k kind) string {
	return k.row("long load through the API, batches of %d, retention at work", batchSize)
}

func workRow(k kind) string { return k.row("work of the database in the long load") }

// shortRetention makes housekeeping work as hard as the load.
const shortRetention = `retention: { scrub_after: 5s, delete_after: 15s }
`

func (r *rig) endure(ctx context.Context, server *postgresEngine) ([]row, error) {
	count := r.bench.size.steady
	before, err := server.work(ctx)
	if err != nil {
		return nil, err
	}
	taken, err := r.steady(ctx, count, func(r *rig, count int) *load { return r.batches(count, batchSize, batchCallers) })
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, statisticsDelay); err != nil {
		return nil, err
	}
	after, err := server.work(ctx)
	if err != nil {
		return nil, err
	}
	tuples, err := server.query(ctx, tupleQuery)
	if err != nil {
		return nil, err
	}
	sizes, err := server.query(ctx, sizeQuery)
	if err != nil {
		return nil, err
	}
	taken.note = grouped(float64(count)) + " messages"
	done := fmt.Sprintf("%.0f bytes of WAL, %.3f transactions a message", (after.wal-before.wal)/float64(count), (after.transactions-before.transactions)/float64(count))
	return []row{taken, {result: tuples}, {result: sizes}, {result: done}}, nil
}

// statisticsDelay is for how long a connection of PostgreSQL may keep to itself
// what it did (PGSTAT_MAX_INTERVAL is a minute when busy, PGSTAT_MIN_INTERVAL a
// second when it falls idle), with room to spare.
const statisticsDelay = 3 * time.Second

const (
	tupleQuery = `SELECT n_live_tup || ' live, ' || n_dead_tup || ' dead, cleaned up ' || autovacuum_count || ' times'
FROM pg_stat_user_tables WHERE relname = 'message'`
	sizeQuery = `SELECT pg_size_pretty(pg_table_size(relid)) || ' table, ' || pg_size_pretty(pg_indexes_size(relid)) || ' indexes, '
|| pg_size_pretty(pg_total_relation_size(relid)) || ' in all' FROM pg_stat_user_tables WHERE relname = 'message'`
)

// databaseWork is what a database has done so far.
type databaseWork struct{ wal, transactions float64 }

func (e *postgresEngine) work(ctx context.Context) (databaseWork, error) {
	wal, err := e.number(ctx, e.database(), "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
	if err != nil {
		return databaseWork{}, err
	}
	transactions, err := e.number(ctx, e.database(),
		"SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
	return databaseWork{wal: wal, transactions: transactions}, err
}
