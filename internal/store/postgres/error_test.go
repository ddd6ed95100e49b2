package postgres

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"courier/internal/store"
)

// TestFault_Words checks what each condition of the database is for the contract:
// its word, whether another try may help, and whether it is known to have changed nothing.
func TestFault_Words(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code              string
		word              error
		passing, definite bool
	}{
		{"", store.ErrUnavailable, true, false}, // the connection was lost
		{"08006", store.ErrUnavailable, true, false},
		{"22021", store.ErrInvalid, false, true},
		{"23505", store.ErrInvalid, false, true},
		{"23514", store.ErrInvalid, false, true},
		{"25006", store.ErrReadOnly, true, true},
		{"26000", store.ErrUnavailable, true, true},
		{"28P01", store.ErrUnavailable, false, true},
		{"3D000", store.ErrUnavailable, false, true},
		{"40001", store.ErrUnavailable, true, true},
		{"40003", store.ErrUnavailable, true, false},
		{"40P01", store.ErrUnavailable, true, true},
		{"42501", store.ErrUnavailable, false, true},
		{"53100", store.ErrFull, false, true},
		{"53300", store.ErrUnavailable, true, true},
		{"57P01", store.ErrUnavailable, true, false},
		{"57P03", store.ErrUnavailable, true, false},
	} {
		err := fmt.Errorf("run Something: %w", io.ErrUnexpectedEOF)
		if c.code != "" {
			err = fmt.Errorf("run Something: %w", &pgconn.PgError{Code: c.code})
		}
		step, word := classify(err)
		if !errors.Is(word, c.word) || step == "" || passing(err) != c.passing || definite(err) != c.definite {
			t.Errorf("condition %q is %v, passing %v, definite %v; next step %q", c.code, word, passing(err), definite(err), step)
		}
	}
	if err := fmt.Errorf("%w: %w", errNoConnection, io.EOF); !passing(err) || !definite(err) {
		t.Error("without a connection nothing was changed, and another try may help")
	}
	for _, err := range []error{store.ErrNotFound, store.ErrDuplicateID, fmt.Errorf("%w: a row", errRow)} {
		if passing(err) {
			t.Errorf("another try does not help with %v", err)
		}
	}
}
