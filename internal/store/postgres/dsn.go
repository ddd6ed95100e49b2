package postgres

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrInvalidDSN reports an address that is no postgres:// address of a database.
var ErrInvalidDSN = errors.New("store address must be postgres://user:password@host:5432/database, with several hosts separated by commas")

// The connections of a store unless its address says pool_max_conns: those that
// write, and some that read.
const (
	defaultConns   = 10
	connectTimeout = 5 * time.Second
	// leastConns is one that is left to say that the node is alive, and one for the rest.
	leastConns = 2
)

// ParseDSN reports whether an address names a database: postgres:// or
// postgresql://, with what libpq and pgx take after it. Errors are ErrInvalidDSN
// and never show the password.
func ParseDSN(dsn string) error {
	_, err := parse(dsn)
	return err
}

// target is a database as its address names it.
type target struct {
	config *pgxpool.Config
	// fixedMode is true when the address says how statements are sent.
	fixedMode bool
	// name tells an operator which database it is.
	name string
}

func parse(dsn string) (target, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return target{}, ErrInvalidDSN
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// The error may quote the address, and so the password.
		if name := faultyParameter(dsn); name != "" {
			return target{}, fmt.Errorf("%w: its parameter %s has a value that cannot be used, or names a file that cannot be read", ErrInvalidDSN, name)
		}
		return target{}, fmt.Errorf("%w: check its ports and parameters, and write %%40 for @, %%2F for / and %%3A for : in the password", ErrInvalidDSN)
	}
	if config.ConnConfig.Database == "" {
		return target{}, fmt.Errorf("%w: it names no database", ErrInvalidDSN)
	}
	switch {
	case !hasParameter(dsn, "pool_max_conns"):
		config.MaxConns = defaultConns
	case config.MaxConns < leastConns:
		return target{}, fmt.Errorf("%w: its parameter pool_max_conns must be at least %d, one of them to say that the node is alive", ErrInvalidDSN, leastConns)
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "courier"
	}
	first := config.ConnConfig
	return target{
		config: config, fixedMode: hasParameter(dsn, "default_query_exec_mode"),
		name: fmt.Sprintf("%s:%d/%s", first.Host, first.Port, first.Database),
	}, nil
}

// faultyParameter returns the parameter without which the address could be read, "" for none.
func faultyParameter(dsn string) string {
	address, query, _ := strings.Cut(dsn, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		others := maps.Clone(values)
		delete(others, name)
		if _, err := pgxpool.ParseConfig(address + "?" + others.Encode()); err == nil {
			return name
		}
	}
	return ""
}

func hasParameter(dsn, name string) bool {
	_, query, _ := strings.Cut(dsn, "?")
	values, err := url.ParseQuery(query)
	return err == nil && values.Has(name)
}
