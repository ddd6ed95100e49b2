package store_test

import (
	"log/slog"
	"strings"
	"testing"

	"courier/internal/store"
)

// TestHealth_OneOutageIsOneStory lets several operations fail for one reason, and
// end one after the other: the log has the begin, another kind of
// fault, and of the end of all.
func TestHealth_OneOutageIsOneStory(t *testing.T) {
	t.Parallel()
	const begins, ends = `msg="store fails; messages wait until it works again"`, `msg="store works again"`
	log := &strings.Builder{}
	health := store.NewHealth(slog.New(slog.NewTextHandler(log, nil)))
	for i, step := range []struct {
		operation    string
		err          error
		begins, ends int
	}{
		{"claim messages", nil, 0, 0},
		{"beat", store.ErrUnavailable, 1, 0},
		{"claim messages", store.ErrUnavailable, 1, 0},
		{"beat", store.ErrUnavailable, 1, 0},
		{"claim messages", nil, 1, 0},
		{"claim messages", store.ErrFull, 2, 0},
		{"beat", nil, 2, 0},
		{"claim messages", store.ErrFull, 2, 0},
		{"claim messages", nil, 2, 1},
		{"claim messages", nil, 2, 1},
	} {
		health.Set(t.Context(), step.operation, step.err)
		if strings.Count(log.String(), begins) != step.begins || strings.Count(log.String(), ends) != step.ends {
			t.Errorf("step %d: want %d begins and %d ends:\n%s", i, step.begins, step.ends, log)
		}
	}
	if err := health.Err(); err != nil {
		t.Error(err)
	}
}
