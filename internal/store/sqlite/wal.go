package sqlite

import (
	"context"
	"log/slog"
	"os"
)

// How often the size of the write-ahead log is looked at, and the size from
// which it is emptied even if readers must be waited for. SQLite itself starts
// it again every autoCheckpoint pages, unless somebody reads at each such moment.
const (
	// logSuffix is added to the path of the database to name its write-ahead log.
	logSuffix     = "-wal"
	walCheckEvery = 256
	walMaxBytes   = 64 << 20
)

// walLimit bounds the write-ahead log. Only the goroutine of the writer uses it.
type walLimit struct {
	path    string
	limit   int64
	every   int
	commits int
	logger  *slog.Logger
}

// check is called after each commit.
func (k *walLimit) check(ctx context.Context, s *session) {
	k.commits++
	if k.commits%k.every != 0 || s == nil {
		return
	}
	info, err := os.Stat(k.path)
	if err != nil || info.Size() <= k.limit {
		return
	}
	if _, err := s.conn.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		k.logger.WarnContext(ctx, "write-ahead log could not be emptied: free space on its disk and end other readers",
			slog.String("path", k.path), slog.Int64("bytes", info.Size()), slog.Any("error", err))
	}
}
