package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// seen is one call of the function of a watcher.
type seen struct {
	cfg *Config
	err error
}

// watching starts a watcher and returns its calls.
func watching(t *testing.T, options Options) <-chan seen {
	t.Helper()
	loaded, err := Load(options)
	if err != nil {
		t.Fatal(err)
	}
	return watchingFrom(t, options, loaded)
}

func watchingFrom(t *testing.T, options Options, loaded *Config) <-chan seen {
	t.Helper()
	calls := make(chan seen, 16)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { Watch(ctx, options, loaded, func(cfg *Config, err error) { calls <- seen{cfg, err} }) })
	t.Cleanup(func() { cancel(); running.Wait() })
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
		if call := await(t, watchingFrom(t, options, loaded)); call.err != nil {
			t.Errorf("%s: got %+v", name, call)
		}
	}
}

func TestWatch_WithoutFiles(t *testing.T) {
	t.Parallel()
	Watch(t.Context(), Options{}, &Config{}, nil) // returns
}

// TestWatch_ReadsWholeFilesOnce writes a file piece by piece, then the same again.
func TestWatch_ReadsWholeFilesOnce(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"c.yaml": "api: { port: 1 }"})
	options := Options{Files: []string{"c.yaml"}, Dir: dir}
	loaded, err := Load(options)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		calls := watchingFrom(t, options, loaded)
		<-time.After(pollInterval / 2) // between two looks
		for _, piece := range []string{"api: {", "api: { port: 2", "api: { port: 22 }"} {
			replace(t, filepath.Join(dir, "c.yaml"), piece)
			<-time.After(pollInterval)
		}
		started := time.Now()
		if call := <-calls; call.err != nil || call.cfg.API.Port != 22 || time.Since(started) > 2*pollInterval {
			t.Errorf("got %+v after %v", call, time.Since(started))
		}
		// The same content again, with another time, is no change.
		replace(t, filepath.Join(dir, "c.yaml"), "api: { port: 22 }")
		<-time.After(5 * pollInterval)
		synctest.Wait()
		if len(calls) != 0 {
			t.Error("the same content was read as a change")
		}
	})
}

// TestWatch_LargeSecretIsOneChange has a secret that is larger than secrets may be:
// it is told of once.
func TestWatch_LargeSecretIsOneChange(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"c.yaml": "store: { dsn: file://s }", "s": "sqlite://a.db"})
	options := Options{Files: []string{"c.yaml"}, Dir: dir}
	loaded, err := Load(options)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		calls := watchingFrom(t, options, loaded)
		replace(t, filepath.Join(dir, "s"), strings.Repeat("x", maxSecretSize+1))
		<-time.After(10 * pollInterval)
		synctest.Wait()
		if call := <-calls; call.err == nil || len(calls) != 0 {
			t.Errorf("got %+v and %d more", call, len(calls))
		}
	})
}
