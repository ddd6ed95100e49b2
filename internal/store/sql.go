package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/pressly/goose/v3"
)

// Migrations bring the schema of an engine up to date.
type Migrations struct {
	Dialect goose.Dialect
	// Files has the folder migrations.
	Files fs.FS
	// Table is where goose notes what it did; empty for its default.
	Table string
}

// Provider returns goose on a database.
func (m Migrations) Provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(m.Files, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	options := []goose.ProviderOption{goose.WithLogger(goose.NopLogger())}
	if m.Table != "" {
		options = append(options, goose.WithTableName(m.Table))
	}
	provider, err := goose.NewProvider(m.Dialect, db, files, options...)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return provider, nil
}

// Run brings the schema up to date. One that is newer than this program is refused.
func (m Migrations) Run(ctx context.Context, db *sql.DB, logger *slog.Logger) error {
	provider, err := m.Provider(db)
	if err != nil {
		return err
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read version of schema: %w", err)
	}
	if current > newest {
		return fmt.Errorf("schema has version %d and this program knows %d: start the newer program that wrote it", current, newest)
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate schema: %w", err)
	}
	for _, result := range results {
		logger.InfoContext(ctx, "schema migrated", slog.String("migration", result.Source.Path), slog.Duration("duration", result.Duration))
	}
	return nil
}

// ParseQueries reads the blocks of a file of statements by name. A block begins
// with "-- name: X"; {x} in it stands for the block "-- columns: x".
func ParseQueries(file string) map[string]string {
	texts, columns := map[string]string{}, []string{}
	for block := range strings.SplitSeq("\n"+file, "\n-- ") {
		head, body, _ := strings.Cut(block, "\n")
		kind, name, _ := strings.Cut(head, ": ")
		switch kind {
		case "name":
			texts[name] = strings.TrimSpace(body)
		case "columns":
			columns = append(columns, "{"+name+"}", strings.TrimSpace(body))
		}
	}
	replacer := strings.NewReplacer(columns...)
	for name, text := range texts {
		texts[name] = replacer.Replace(text)
	}
	return texts
}
