package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"courier/internal/store"
)

// The conditions of PostgreSQL that the store tells apart (its manual, appendix A).
const (
	codeReadOnly          = "25006" // read_only_sql_transaction
	codeSerialization     = "40001"
	codeCompletionUnknown = "40003"
	codeDeadlock          = "40P01"
	codeUnique            = "23505"
	codePrivilege         = "42501"
	codeDiskFull          = "53100"
	codeCannotConnect     = "57P03"
	codeNoStatement       = "26000"
	codeStatementExists   = "42P05"
	codeNoFeature         = "0A000"
	codeLockNotAvailable  = "55P03"
	classConnection       = "08"
	classResources        = "53"
	classShutdown         = "57P"
	classData             = "22"
	classIntegrity        = "23"
	constraintPrimary     = "message_pkey"
)

// errNoAnswer reports that the server did not answer a statement in time.
var errNoAnswer = errors.New("the server gave no answer in time")

// code returns the SQLSTATE in the chain, empty for none.
func code(err error) string {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return ""
	}
	return failure.Code
}

// constraint returns the name of the constraint that an error is about.
func constraint(err error) string {
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return failure.ConstraintName
	}
	return ""
}

// definite reports whether a try that failed is known to have changed nothing.
func definite(err error) bool {
	sqlstate := code(err)
	return errors.Is(err, errNoConnection) || sqlstate != "" && sqlstate != codeCompletionUnknown &&
		!strings.HasPrefix(sqlstate, classShutdown) && !strings.HasPrefix(sqlstate, classConnection)
}

// passing reports whether another try may succeed: the connection was lost, the
// server is starting, stopping or has another leader, or two transactions met.
func passing(err error) bool {
	switch code(err) {
	case codeSerialization, codeDeadlock, codeCompletionUnknown, codeReadOnly, codeLockNotAvailable,
		codeNoStatement, codeStatementExists:
		return true
	}
	return isAway(err)
}

// isAway reports whether an error says that the database does not serve at all.
func isAway(err error) bool {
	sqlstate := code(err)
	if sqlstate == "" {
		return isConnection(err)
	}
	return sqlstate != codeDiskFull && (strings.HasPrefix(sqlstate, classShutdown) ||
		strings.HasPrefix(sqlstate, classConnection) || strings.HasPrefix(sqlstate, classResources))
}

// isConnection reports whether an error without a SQLSTATE is one of the connection.
func isConnection(err error) bool {
	return err != nil && !store.Known(err) && !errors.Is(err, errRow)
}

// errRow reports an answer that cannot be read, which another try would not change.
var errRow = errors.New("the database answered what this program does not understand")

// fault wraps an error of the database with the operation, the sentinel of the
// contract for it and the next step.
func (s *Store) fault(operation string, err error) error {
	switch {
	case err == nil:
		return nil
	case store.Known(err), code(err) == "" && store.IsContext(err):
		return fmt.Errorf("%s: %w", operation, err)
	case code(err) == "" && definite(err) && s.queue.isClosed():
		return fmt.Errorf("%s: %w", operation, store.ErrClosed)
	}
	step, word := classify(err)
	return fmt.Errorf("%s: %w: %s (%s): %w", operation, word, step, s.target.name, err)
}

// classify returns what an operator does about a failure of the database, and
// the sentinel of the contract for it.
func classify(err error) (step string, word error) {
	switch sqlstate := code(err); {
	case sqlstate == codeDiskFull:
		return "free space on the disk of the database", store.ErrFull
	case sqlstate == codeReadOnly:
		return "the server takes no writes: name all servers in store.dsn with target_session_attrs=read-write", store.ErrReadOnly
	case sqlstate == codePrivilege:
		return "grant the user of store.dsn what it lacks", store.ErrUnavailable
	case strings.HasPrefix(sqlstate, classIntegrity), strings.HasPrefix(sqlstate, classData):
		return "a rule of the database forbids it", store.ErrInvalid
	case sqlstate == "28P01", sqlstate == "28000":
		return "check the user and the password of store.dsn", store.ErrUnavailable
	case sqlstate == "3D000":
		return "create the database or change store.dsn", store.ErrUnavailable
	case strings.HasPrefix(sqlstate, classResources):
		return "the server has no connection or memory left: raise max_connections or lower pool_max_conns in store.dsn", store.ErrUnavailable
	case sqlstate == "" || sqlstate == codeCannotConnect || strings.HasPrefix(sqlstate, classShutdown):
		return "check that the server runs and that store.dsn names it", store.ErrUnavailable
	}
	return "see the cause", store.ErrUnavailable
}
