package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// seen is one call of the function of a watcher.
type seen struct {
	cfg *Config
	err error
}

// watching starts a watcher and returns its calls.
func watching(t *testing.T, options Options) <-chan seen {
	t.Helper()
	calls := make(chan seen, 16)
	ctx, cancel := context.WithCancel(t.Context())
	loaded, err := Load(options)
	if err != nil {
		t.Fatal(err)
	}
	w, err := Watch(ctx, options, loaded, func(cfg *Config, err error) { calls <- seen{cfg, err} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); w.Wait() })
	return calls
}

// await returns the next call.
func await(t *testing.T, calls <-chan seen) seen {
	t.Helper()
	select {
	case call := <-calls:
		return call
	case <-time.After(time.Minute):
		t.Fatal("the change was not noticed")
		return seen{}
	}
}

func TestWatch_FileInPlaceAndRenamedOver(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"c.yaml": "api: { port: 1 }"})
	calls := watching(t, Options{Files: []string{"c.yaml"}, Dir: dir})

	replace(t, filepath.Join(dir, "c.yaml"), "api: { port: 2 }")
	if call := await(t, calls); call.err != nil || call.cfg.API.Port != 2 {
		t.Fatalf("got %+v", call)
	}
	replace(t, filepath.Join(dir, "new"), "api: { port: x }")
	rename(t, filepath.Join(dir, "new"), filepath.Join(dir, "c.yaml"))
	var invalid *InvalidError
	if call := await(t, calls); call.cfg != nil || !errors.As(call.err, &invalid) {
		t.Fatalf("got %+v", call)
	}
	replace(t, filepath.Join(dir, "newer"), "api: { port: 3 }")
	rename(t, filepath.Join(dir, "newer"), filepath.Join(dir, "c.yaml"))
	if call := await(t, calls); call.err != nil || call.cfg.API.Port != 3 {
		t.Fatalf("got %+v", call)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// TestWatch_Kubernetes swaps the link that a mounted ConfigMap goes through.
func TestWatch_Kubernetes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	version := func(name, content string) {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		replace(t, filepath.Join(dir, name, "c.yaml"), content)
		link(t, name, filepath.Join(dir, "..data_tmp"))
		rename(t, filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))
	}
	version("..1", "api: { port: 1 }")
	link(t, filepath.Join("..data", "c.yaml"), filepath.Join(dir, "c.yaml"))
	calls := watching(t, Options{Files: []string{"c.yaml"}, Dir: dir})
	for port, name := range []string{"..2", "..3"} {
		version(name, "api: { port: "+string(rune('2'+port))+" }")
		if call := await(t, calls); call.err != nil || call.cfg.API.Port != 2+port {
			t.Fatalf("got %+v", call)
		}
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func TestWatch_TemplateAndSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other := write(t, map[string]string{"sms.jsonnet": "1", "pw": "old"})
	replace(t, filepath.Join(dir, "c.yaml"), `
courier:
  channels:
  - id: sms
    request_config:
      url: http://h/
      method: POST
      body: file://`+other+`/sms.jsonnet
      auth: { type: basic_auth, config: { user: u, password: file://`+other+`/pw } }
`)
	calls := watching(t, Options{Files: []string{"c.yaml"}, Dir: dir})
	replace(t, filepath.Join(other, "pw"), "new")
	if call := await(t, calls); call.err != nil || call.cfg.Gateways[0].Auth.Password.Reveal() != "new" {
		t.Fatalf("got %+v", call)
	}
	replace(t, filepath.Join(other, "sms.jsonnet"), "2")
	if call := await(t, calls); call.err != nil {
		t.Fatalf("got %+v", call)
	}
	if err := os.Remove(filepath.Join(other, "sms.jsonnet")); err != nil {
		t.Fatal(err)
	}
	if call := await(t, calls); call.err == nil {
		t.Fatalf("got %+v", call)
	}
	replace(t, filepath.Join(other, "sms.jsonnet"), "2")
	if call := await(t, calls); call.err != nil {
		t.Fatalf("got %+v", call)
	}
}

// TestWatch_ChangeBeforeTheStart changes files between the load and the watch, as
// a slow start leaves time for.
func TestWatch_ChangeBeforeTheStart(t *testing.T) {
	t.Parallel()
	const text = "courier: { channels: [ { id: sms, request_config: { url: 'http://h/', method: POST, body: 'file://t', headers: { X: file://s } } } ] }"
	for name, change := range map[string]string{"c.yaml": text + "\napi: { port: 2 }", "t": "2", "s": "new"} {
		dir := write(t, map[string]string{"c.yaml": text, "t": "1", "s": "old"})
		options := Options{Files: []string{"c.yaml"}, Dir: dir}
		loaded, err := Load(options)
		if err != nil {
			t.Fatal(err)
		}
		replace(t, filepath.Join(dir, name), change)
		calls := make(chan seen, 16)
		ctx, cancel := context.WithCancel(t.Context())
		w, err := Watch(ctx, options, loaded, func(cfg *Config, err error) { calls <- seen{cfg, err} })
		if err != nil {
			t.Fatal(err)
		}
		if call := await(t, calls); call.err != nil {
			t.Errorf("%s: got %+v", name, call)
		}
		cancel()
		w.Wait()
	}
}

func TestWatch_NeedsFiles(t *testing.T) {
	t.Parallel()
	if _, err := Watch(t.Context(), Options{}, &Config{}, nil); err == nil {
		t.Error("there is nothing to watch")
	}
}

// TestFollower_PollsWithoutSigns has no signs of the file system, as on a
// network mount.
func TestFollower_PollsWithoutSigns(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"c.yaml": "api: { port: 1 }"})
	options := Options{Files: []string{"c.yaml"}, Dir: dir}
	loaded, err := Load(options)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		calls := make(chan seen, 1)
		stop := following(t, newFollower(options, loaded.files, func(cfg *Config, err error) { calls <- seen{cfg, err} }))
		defer stop()
		replace(t, filepath.Join(dir, "c.yaml"), "api: { port: 22 }")
		started := time.Now()
		if call := <-calls; call.cfg.API.Port != 22 || time.Since(started) > pollInterval {
			t.Errorf("got %+v after %v", call, time.Since(started))
		}
	})
}

// TestFollower_ReadsOnceForManySigns writes beside the file without pause.
func TestFollower_ReadsOnceForManySigns(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"c.yaml": "api: { port: 1 }"})
	options := Options{Files: []string{"c.yaml"}, Dir: dir}
	loaded, err := Load(options)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		calls := make(chan seen, 16)
		events := make(chan fsnotify.Event)
		f := newFollower(options, loaded.files, func(cfg *Config, err error) { calls <- seen{cfg, err} })
		f.events = events
		stop := following(t, f)
		defer stop()
		replace(t, filepath.Join(dir, "c.yaml"), "api: { port: 22 }")
		started := time.Now()
		for time.Since(started) < 10*settleTime {
			<-time.After(settleTime / 10)
			events <- fsnotify.Event{Name: "courier.db-wal", Op: fsnotify.Write}
		}
		synctest.Wait()
		if len(calls) != 1 {
			t.Errorf("the file was read %d times", len(calls))
		}
		// The same content again, with another time, is no change.
		replace(t, filepath.Join(dir, "c.yaml"), "api: { port: 22 }")
		<-time.After(3 * pollInterval)
		synctest.Wait()
		if len(calls) != 1 {
			t.Errorf("the same content was read as a change")
		}
	})
}

// following runs a follower and returns what stops it.
func following(t *testing.T, f *follower) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.run(ctx)
	}()
	return func() { cancel(); <-done }
}
