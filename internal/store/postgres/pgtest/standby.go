package pgtest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// standbyName is what a standby calls itself to its primary.
const standbyName = "standby"

// Standby makes a copy of the server that follows it, and without which the
// server acknowledges no commit any more: what was committed is in both. A
// server has at most one. The copy is stopped by itself.
func (s *Server) Standby(ctx context.Context) (*Server, error) {
	standby, err := prepare(s.options)
	if err != nil {
		return nil, err
	}
	standby.password = s.password
	if err := s.follow(ctx, standby); err != nil {
		return nil, errors.Join(err, standby.Stop())
	}
	return standby, nil
}

func (s *Server) follow(ctx context.Context, standby *Server) error {
	source := fmt.Sprintf("host=%s port=%s user=%s password=%s application_name=%s",
		host, strconv.Itoa(s.port), superuser, s.password, standbyName)
	if _, err := standby.folder.run(ctx, filepath.Join(s.bin, "pg_basebackup"), "--dbname="+source,
		"--pgdata="+standby.folder.data(), "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"); err != nil {
		return err
	}
	if err := standby.launchOnFreePort(ctx); err != nil {
		return err
	}
	if _, err := s.Query(ctx, superuser, "ALTER SYSTEM SET synchronous_standby_names = "+standbyName); err != nil {
		return err
	}
	if _, err := s.Query(ctx, superuser, "SELECT pg_reload_conf()"); err != nil {
		return err
	}
	return poll(ctx.Done(), func() (bool, error) {
		state, err := s.Query(ctx, superuser, "SELECT sync_state FROM pg_stat_replication")
		return strings.Contains(state, "sync") && !strings.Contains(state, "async"), err
	})
}

// Promote makes a standby a server that can be written. The old primary is to be
// killed before: nothing keeps it from going on.
func (s *Server) Promote(ctx context.Context) error {
	promoted, err := s.Query(ctx, superuser, "SELECT pg_promote(true, 60)")
	if err != nil {
		return err
	}
	if promoted != "t" {
		return fmt.Errorf("promote the standby: it was not done in time\n%s", s.folder.log())
	}
	return nil
}
