package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// placeInterval is how often the names of the database are looked at.
const placeInterval = time.Second

// place watches that the names of the database still lead to the files that are
// open: what is written into files without a name is lost with the process.
type place struct {
	path string
	file os.FileInfo
	// log is the write-ahead log that is open, nil while none is.
	log atomic.Pointer[os.FileInfo]
	// fault is what was found last, nil when all is well.
	fault atomic.Pointer[misplaced]
}

// misplaced reports that a file of the database is not where it was opened.
type misplaced struct{ what string }

// Error implements error.
func (m *misplaced) Error() string {
	return m.what + " while it was open: nothing new is stored, what waits is still sent; put the file back, " +
		"or stop the courier: it saves what it could not send"
}

// look returns a *misplaced when a file is gone from its place now.
func (p *place) look() error {
	fault := p.lookAt(p.path, p.file)
	if log := p.log.Load(); fault == nil && log != nil {
		fault = p.lookAt(p.path+logSuffix, *log)
	}
	p.fault.Store(fault)
	if fault == nil {
		return nil
	}
	return fault
}

func (p *place) lookAt(path string, open os.FileInfo) *misplaced {
	switch now, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return &misplaced{fmt.Sprintf("%s was deleted or moved away", path)}
	case err != nil:
		return &misplaced{fmt.Sprintf("%s could not be looked at any more (%v)", path, err)}
	case !os.SameFile(now, open):
		return &misplaced{fmt.Sprintf("%s was replaced by another file", path)}
	}
	return nil
}

// known is look where nothing was wrong when it was looked at last.
func (p *place) known() error {
	if p.fault.Load() == nil {
		return nil
	}
	return p.look()
}

// watch looks every second until ctx ends, and logs when something changes.
func (p *place) watch(ctx context.Context, logger *slog.Logger) {
	ticker := time.NewTicker(placeInterval)
	defer ticker.Stop()
	logged := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := p.look()
		switch {
		case err != nil && !logged:
			logger.ErrorContext(ctx, "database is not in its place", slog.String("path", p.path), slog.String("error", err.Error()))
		case err == nil && logged:
			logger.InfoContext(ctx, "database is back in its place", slog.String("path", p.path))
		}
		logged = err != nil
	}
}

// savedSuffix and a time end the name of the file into which rescue saves.
const (
	savedSuffix = ".saved-"
	savedTime   = "20060102T150405.000"
)

// tellOfSaved warns of files that rescue left when this or another database was here.
func (p *place) tellOfSaved(ctx context.Context, logger *slog.Logger) {
	entries, err := os.ReadDir(filepath.Dir(p.path))
	if err != nil {
		logger.DebugContext(ctx, "saved files were not looked for", slog.String("error", err.Error()))
	}
	for _, entry := range entries {
		after, found := strings.CutPrefix(entry.Name(), filepath.Base(p.path)+savedSuffix)
		if _, err := time.Parse(savedTime, after); !found || err != nil {
			continue // also what SQLite and the lock keep next to such a file
		}
		logger.WarnContext(ctx, "a file next to the database holds messages that were not sent; they may be in the database too, and would be sent twice. "+
			"To send them, stop the courier and start another with a store.dsn of that file, or move it to the path of store.dsn; when they are not needed, delete it",
			slog.String("file", filepath.Join(filepath.Dir(p.path), entry.Name())), slog.String("path", p.path))
	}
}

// rescue saves a database that is not in its place under a new name, if messages
// wait in it, and tells what to do with it. When only its log is gone, the last
// connection moves what is in there into the database.
func (s *Store) rescue(ctx context.Context) error {
	fault, left := s.place.lookAt(s.path, s.place.file), s.counts.read()
	count := left.Queued + left.Processing + left.Unknown
	if fault == nil || count == 0 {
		return nil
	}
	path := fmt.Sprintf("%s%s%s", s.path, savedSuffix, s.nowFunc().UTC().Format(savedTime))
	if err := s.save(ctx, path); err != nil {
		return fmt.Errorf("%d messages that were not sent are lost, as %w, and they could not be saved to %s: %w", count, fault, path, err)
	}
	s.logger.ErrorContext(ctx, "messages that were not sent were saved to a file; move it to the path of store.dsn before the next start",
		slog.Int64("count", count), slog.String("file", path), slog.String("path", s.path))
	return nil
}

// save writes a copy of the database, readable by its owner alone, on the connection
// that has it open. The writer has ended.
func (s *Store) save(ctx context.Context, path string) error {
	if s.writer.session == nil {
		return errors.New("no connection to it is left")
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	_, err = s.writer.session.conn.ExecContext(ctx, "VACUUM INTO ?", path)
	return err
}
