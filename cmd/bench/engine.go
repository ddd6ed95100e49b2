package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// engine is a store that couriers run on.
type engine interface {
	// create makes a new database and returns its DSN.
	create(ctx context.Context) (string, error)
	// pid is the first of its own processes, 0 when it has none.
	pid() int
}

// sqliteEngine keeps every database in a file; the courier itself works on it.
type sqliteEngine struct {
	dir   string
	count int
}

func (e *sqliteEngine) create(context.Context) (string, error) {
	e.count++
	return "sqlite://" + filepath.Join(e.dir, fmt.Sprintf("bench-%d.db", e.count)), nil
}

func (e *sqliteEngine) pid() int { return 0 }
