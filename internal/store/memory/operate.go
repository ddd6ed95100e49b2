package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"courier"
	"courier/internal/store"
)

// action is an action, and which node has it until when.
type action struct {
	store.Action
	node  string
	until time.Time
}

// Pause implements store.Store.
func (s *Store) Pause(ctx context.Context, pause store.Pause) error {
	return s.do(ctx, "pause gateway", func() error {
		pause.At, pause.Reason = store.Floor(pause.At), store.CleanText(pause.Reason)
		s.pauses = slices.DeleteFunc(s.pauses, func(p store.Pause) bool { return p.Gateway == pause.Gateway })
		s.pauses = append(s.pauses, pause)
		slices.SortFunc(s.pauses, func(a, b store.Pause) int { return cmp.Compare(a.Gateway, b.Gateway) })
		return nil
	})
}

// Resume implements store.Store.
func (s *Store) Resume(ctx context.Context, gateway string) (bool, error) {
	return get(ctx, s, "resume gateway", func() (bool, error) {
		before := len(s.pauses)
		s.pauses = slices.DeleteFunc(s.pauses, func(p store.Pause) bool { return p.Gateway == gateway })
		return len(s.pauses) < before, nil
	})
}

// Pauses implements store.Store.
func (s *Store) Pauses(ctx context.Context) ([]store.Pause, error) {
	return get(ctx, s, "read pauses", func() ([]store.Pause, error) { return slices.Clone(s.pauses), nil })
}

// Audit implements store.Store.
func (s *Store) Audit(ctx context.Context, entry store.Entry) error {
	return s.do(ctx, "enter in audit log", func() error {
		entry.Seq, entry.At, entry.Reason = int64(len(s.audit)+1), store.Floor(entry.At), store.CleanText(entry.Reason)
		s.audit = append(s.audit, entry)
		return nil
	})
}

// Audits implements store.Store.
func (s *Store) Audits(ctx context.Context, query store.AuditQuery) ([]store.Entry, error) {
	return get(ctx, s, "read audit log", func() (found []store.Entry, _ error) {
		for _, e := range slices.Backward(s.audit) {
			if len(found) < query.Limit && (query.Before == 0 || e.Seq < query.Before) &&
				(query.Action == "" || e.Action == query.Action) && (query.Target == "" || e.Target == query.Target) {
				found = append(found, e)
			}
		}
		return found, nil
	})
}

// StartAction implements store.Store.
func (s *Store) StartAction(ctx context.Context, started store.Action) error {
	return s.do(ctx, "start action", func() error {
		started.Status, started.At, started.UpdatedAt = store.ActionRunning, store.Floor(started.At), store.Floor(started.At)
		s.actions = append(s.actions, action{Action: started})
		return nil
	})
}

// TakeAction implements store.Store.
func (s *Store) TakeAction(ctx context.Context, node string, now, until time.Time) (*store.Action, error) {
	return get(ctx, s, "take action", func() (*store.Action, error) {
		for i := range s.actions {
			if a := &s.actions[i]; a.Status == store.ActionRunning && !a.until.After(now) {
				a.node, a.until = node, until
				taken := a.Action
				return &taken, nil
			}
		}
		return nil, nil //nolint:nilnil // none is no fault
	})
}

// SaveAction implements store.Store.
func (s *Store) SaveAction(ctx context.Context, node string, saved store.Action, until time.Time) (bool, error) {
	return get(ctx, s, "save action", func() (bool, error) {
		a := s.action(saved.ID)
		if a == nil || a.node != node || a.Status != store.ActionRunning {
			return false, nil
		}
		saved.UpdatedAt, saved.EndedAt = store.Floor(saved.UpdatedAt), store.Floor(saved.EndedAt)
		a.Action, a.until = saved, until
		return true, nil
	})
}

func (d *database) action(id courier.ID) *action {
	if i := slices.IndexFunc(d.actions, func(a action) bool { return a.ID == id }); i >= 0 {
		return &d.actions[i]
	}
	return nil
}

// StopAction implements store.Store.
func (s *Store) StopAction(ctx context.Context, id courier.ID, now time.Time) (*store.Action, error) {
	return get(ctx, s, "stop action", func() (*store.Action, error) {
		a := s.action(id)
		if a == nil {
			return nil, store.ErrNotFound
		}
		if a.Status == store.ActionRunning {
			a.Status, a.UpdatedAt, a.EndedAt = store.ActionStopped, store.Floor(now), store.Floor(now)
		}
		stopped := a.Action
		return &stopped, nil
	})
}

// Action implements store.Store.
func (s *Store) Action(ctx context.Context, id courier.ID) (*store.Action, error) {
	return get(ctx, s, "read action", func() (*store.Action, error) {
		a := s.action(id)
		if a == nil {
			return nil, store.ErrNotFound
		}
		found := a.Action
		return &found, nil
	})
}

// Actions implements store.Store.
func (s *Store) Actions(ctx context.Context, limit int) ([]store.Action, error) {
	return get(ctx, s, "read actions", func() (found []store.Action, _ error) {
		for _, a := range slices.Backward(s.actions) {
			if len(found) < limit {
				found = append(found, a.Action)
			}
		}
		return found, nil
	})
}
