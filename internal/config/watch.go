package config

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleTime passes between the first sign of a change and reading the files,
	// so that a file is not read half-written.
	settleTime = 200 * time.Millisecond
	// pollInterval is how often files are looked at where no signs come: network
	// file systems, some containers, a machine out of inotify watches.
	pollInterval = 5 * time.Second
)

// Watcher reads a configuration again when its files change.
type Watcher struct{ done chan struct{} }

// Wait returns when the watcher has stopped, which the end of its context makes
// it do. No call of its function is under way then.
func (w *Watcher) Wait() { <-w.done }

// Watch calls notify with each new configuration, or with the *InvalidError of
// one that is not valid, after the files of options, or a template, secret or
// certificate that they name, are others than when loaded was read from them. It
// sees a change in place, a file renamed over another, and the symlinks that
// Kubernetes swaps. Calls come one at a time.
func Watch(ctx context.Context, options Options, loaded *Config, notify func(*Config, error)) (*Watcher, error) {
	if len(options.Files) == 0 {
		return nil, errors.New("watch configuration: no file is given")
	}
	f := newFollower(options, loaded.files, notify)
	system, err := fsnotify.NewWatcher()
	if err == nil { // without the system's signs the files are polled
		f.events, f.faults, f.subscribeFunc = system.Events, system.Errors, system.Add
	}
	f.subscribe()
	w := &Watcher{done: make(chan struct{})}
	go func() {
		defer close(w.done)
		f.run(ctx)
		if system != nil {
			_ = system.Close() // nothing is lost by it
		}
	}()
	return w, nil
}

// follower compares files with what they were.
type follower struct {
	options Options
	notify  func(*Config, error)
	files   map[string]fileState
	// events and faults are what the file system tells of the directories that
	// subscribeFunc was called with.
	events        <-chan fsnotify.Event
	faults        <-chan error
	subscribeFunc func(directory string) error
}

// fileState is a file at one time; one that cannot be read, or was not looked at
// since it was loaded, has no info.
type fileState struct {
	info   os.FileInfo
	digest digest
}

// digest is what a file holds, zero for one that cannot be read.
type digest [sha256.Size]byte

func digestOf(data []byte, err error) digest {
	if err != nil {
		return digest{}
	}
	return sha256.Sum256(data)
}

func newFollower(options Options, files map[string]digest, notify func(*Config, error)) *follower {
	f := &follower{
		options: options, notify: notify, files: map[string]fileState{},
		subscribeFunc: func(string) error { return nil },
	}
	f.follow(files)
	return f
}

func (f *follower) run(ctx context.Context) {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	settled := time.NewTimer(settleTime) // also for what changed since it was loaded
	defer settled.Stop()
	settling := true
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-f.events:
			// Further signs do not put it off: a database may be written beside the file.
			if event.Op != fsnotify.Chmod && !settling {
				settled.Reset(settleTime)
				settling = true
			}
			continue
		case <-settled.C:
			settling = false
		case _, ok := <-f.faults: // signs were lost
			if !ok {
				return
			}
		case <-poll.C:
		}
		f.refresh()
	}
}

// refresh reads the configuration again if a file has changed.
func (f *follower) refresh() {
	if !f.changed() {
		return
	}
	c := read(f.options)
	f.follow(c.config.files)
	f.subscribe()
	f.notify(c.finish(c.problems))
}

// changed compares the files with what they were, and remembers what they are.
func (f *follower) changed() bool {
	changed := false
	for path, before := range f.files {
		f.files[path] = look(path, before)
		changed = changed || f.files[path].digest != before.digest
	}
	return changed
}

// follow adds files to look at. Those that are no longer named stay, so that a
// name that comes back is noticed.
func (f *follower) follow(files map[string]digest) {
	for path, held := range files {
		f.files[path] = fileState{digest: held}
	}
}

// look reads the state of a file, its content only when it is another than before.
func look(path string, before fileState) fileState {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{}
	}
	if before.info != nil && os.SameFile(info, before.info) &&
		info.Size() == before.info.Size() && info.ModTime().Equal(before.info.ModTime()) {
		return before
	}
	data, err := readBounded(path, maxFileSize)
	return fileState{info: info, digest: digestOf(data, err)}
}

// subscribe asks for the signs of the directories of the files, and of those
// that links lead to. What cannot be watched is polled.
func (f *follower) subscribe() {
	for path := range f.files {
		_ = f.subscribeFunc(filepath.Dir(path))
		if target, err := filepath.EvalSymlinks(path); err == nil {
			_ = f.subscribeFunc(filepath.Dir(target))
		}
	}
}
