package config

import (
	"context"
	"crypto/sha256"
	"os"
	"time"
)

// pollInterval is how often the files are looked at. Polling works everywhere:
// network file systems and some containers give no signs of a change.
const pollInterval = 300 * time.Millisecond

// Watch calls notify with each new configuration, or with the *InvalidError of
// one that is not valid, after the files of options, or a template, secret or
// certificate that they name, are others than when loaded was read from them. It
// sees a change in place, a file renamed over another, and the symlinks that
// Kubernetes swaps. Calls come one at a time, and none after the return, which the
// end of ctx brings about. Without files it returns at once.
func Watch(ctx context.Context, options Options, loaded *Config, notify func(*Config, error)) {
	if len(options.Files) == 0 {
		return
	}
	files := watchedFiles{}
	files.add(loaded.files)
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for settled := true; ; {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
		if files.changed() {
			settled = false // the file may be half-written
			continue
		}
		if !settled {
			settled = true
			c := read(options)
			files.add(c.config.files)
			notify(c.finish(c.problems))
		}
	}
}

// watchedFiles are files by path, with what they were when last looked at.
type watchedFiles map[string]fileState

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

// add adds files to look at. Those that are no longer named stay, so that a name
// that comes back is noticed.
func (w watchedFiles) add(files map[string]digest) {
	for path, held := range files {
		w[path] = fileState{digest: held}
	}
}

// changed compares the files with what they were, and remembers what they are.
func (w watchedFiles) changed() bool {
	changed := false
	for path, before := range w {
		w[path] = look(path, before)
		changed = changed || w[path].digest != before.digest
	}
	return changed
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
