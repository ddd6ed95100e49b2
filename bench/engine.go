package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// engine is a store that couriers run on.
type engine interface {
	// create makes a new database and returns its DSN.
	create(ctx context.Context) (string, error)
	// remove deletes the last database, so that no work on it is left for later.
	remove(ctx context.Context) error
	// size is how many bytes the last database takes on the disk.
	size(ctx context.Context) (int64, error)
	// pid is the first of its own processes, 0 when it has none.
	pid() int
}

// sqliteEngine keeps every database in a file; the courier itself works on it.
type sqliteEngine struct {
	dir   string
	count int
}

func (e *sqliteEngine) file() string {
	return filepath.Join(e.dir, fmt.Sprintf("bench-%d.db", e.count))
}

func (e *sqliteEngine) create(context.Context) (string, error) {
	e.count++
	return "sqlite://" + e.file(), nil
}

func (e *sqliteEngine) remove(context.Context) error {
	files, err := filepath.Glob(e.file() + "*")
	if err != nil {
		return fmt.Errorf("find the database: %w", err)
	}
	var errs []error
	for _, file := range files {
		errs = append(errs, os.Remove(file))
	}
	return errors.Join(errs...)
}

// size counts the database and its journal.
func (e *sqliteEngine) size(context.Context) (int64, error) {
	var total int64
	for _, name := range []string{e.file(), e.file() + "-wal"} {
		info, err := os.Stat(name)
		if err != nil {
			return 0, fmt.Errorf("size of the database: %w", err)
		}
		total += info.Size()
	}
	return total, nil
}

func (e *sqliteEngine) pid() int { return 0 }
