package gateway

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settleTime passes between the notice of a change and the reading: editors and
// deployments change a file in several steps.
const settleTime = 100 * time.Millisecond

// Watch reads the text anew, at once and until the context ends: a file when its directory
// changes and at every interval, an http(s) address at every interval. It calls
// changedFunc with each new text. It returns at once for base64.
func (s *Source) Watch(ctx context.Context, changedFunc func(ctx context.Context, text []byte)) {
	if _, fixed := s.reader.(*base64Reader); fixed {
		return
	}
	watcher := s.watchFile()
	var events <-chan fsnotify.Event
	var faults <-chan error
	if watcher != nil {
		events, faults = watcher.Events, watcher.Errors
		defer func() { s.tell(ctx, watcher.Close()) }()
	}
	timer := time.NewTimer(0) // what changed before the watch began
	defer timer.Stop()
	for pending := false; ; {
		select {
		case <-ctx.Done():
			return
		case event := <-events:
			if !pending && s.concerns(event) {
				pending = true
				timer.Reset(settleTime)
			}
		case err := <-faults:
			s.tell(ctx, err)
		case <-timer.C:
			pending = false
			s.reread(ctx, changedFunc)
			timer.Reset(s.options.Interval)
		}
	}
}

// concerns leaves out the other files of the directory, a database say. A mounted
// Kubernetes volume changes by its link ..data.
func (s *Source) concerns(event fsnotify.Event) bool {
	file, ok := s.reader.(*fileReader)
	name := filepath.Base(event.Name)
	return ok && (name == filepath.Base(file.path) || name == "..data")
}

// watchFile returns nil for what is no file, and when notices cannot be had:
// the interval is left then.
func (s *Source) watchFile() *fsnotify.Watcher {
	file, ok := s.reader.(*fileReader)
	if !ok {
		return nil
	}
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		err = watcher.Add(filepath.Dir(file.path))
	}
	if err == nil {
		return watcher
	}
	s.options.Logger.Warn("template is looked at once in an interval only: its directory cannot be watched",
		slog.String("template", s.Name()), slog.Duration("interval", s.options.Interval), slog.Any("error", err))
	if watcher != nil {
		if err := watcher.Close(); err != nil {
			return nil
		}
	}
	return nil
}

func (s *Source) reread(ctx context.Context, changedFunc func(ctx context.Context, text []byte)) {
	changed, err := s.Refresh(ctx)
	if ctx.Err() != nil {
		return
	}
	s.tell(ctx, err)
	if changed {
		changedFunc(ctx, s.Current())
	}
}

// tell logs a fault once, until it is another or was over.
func (s *Source) tell(ctx context.Context, err error) {
	if err == nil {
		s.told = ""
		return
	}
	if text := err.Error(); text != s.told {
		s.told = text
		s.options.Logger.WarnContext(ctx, "template cannot be read anew, the last one stays in use",
			slog.String("template", s.Name()), slog.Any("error", err))
	}
}
