package config

import (
	"context"
	"crypto/sha256"
	"maps"
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
	files := maps.Clone(loaded.files)
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for settled := true; ; {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
		if changed(files) {
			settled = false // the file may be half-written
			continue
		}
		if !settled {
			settled = true
			c := read(options)
			maps.Copy(files, c.config.files) // one that is no longer named stays: its name may come back
			notify(c.finish(c.problems))
		}
	}
}

// digest is what a file holds, zero for one that cannot be read.
type digest [sha256.Size]byte

func digestOf(data []byte, err error) digest {
	if err != nil {
		return digest{}
	}
	return sha256.Sum256(data)
}

// changed compares files with what they held, and notes what they hold. They are
// small, and a file may change without another size or time.
func changed(files map[string]digest) bool {
	changed := false
	for path, before := range files {
		files[path] = digestOf(readBounded(path, maxFileSize))
		changed = changed || files[path] != before
	}
	return changed
}
