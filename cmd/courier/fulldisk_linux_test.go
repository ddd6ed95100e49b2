package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ownMount makes the command run with a small file system of its own on the
// folder, in a mount namespace that ends with it.
func ownMount(cmd *exec.Cmd, folder string) {
	script := `mount -t tmpfs -o size=64m tmpfs "$0" && exec "$@"`
	cmd.Args = append([]string{"sh", "-c", script, folder, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	attributes := &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		attributes.Cloneflags = syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
	}
	cmd.SysProcAttr = attributes
}

// fill writes a file until the file system has no room, and returns what removes it.
func fill(t *testing.T, folder string) func() {
	t.Helper()
	path := filepath.Join(folder, "filler")
	file, err := os.Create(path)
	if err != nil {
		t.Fatalf("fill the disk: %v", err)
	}
	for size := 64 << 10; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = file.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("fill the disk: %v", err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatalf("fill the disk: %v", err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatalf("free the disk: %v", err)
		}
	}
}

// TestServe_FullDisk fills the disk of a courier under load. It answers 503
// with a clear code, hands over what it accepted, sends nothing twice, and takes
// messages again once there is room.
func TestServe_FullDisk(t *testing.T) {
	gateway := newLedger(t, 5*time.Millisecond)
	data := t.TempDir()
	config := writeConfig(t, gateway.url, fmt.Sprintf("dispatch: { max_in_flight: %d }", inFlight))
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatalf("read configuration: %v", err)
	}
	moved := strings.Replace(string(text), filepath.Join(filepath.Dir(config), "courier.db"), filepath.Join(data, "courier.db"), 1)
	if err := os.WriteFile(config, []byte(moved), 0o600); err != nil { //nolint:gosec // a file of this test
		t.Fatalf("write configuration: %v", err)
	}
	p := startCourier(t, config, func(cmd *exec.Cmd) { ownMount(cmd, data) })
	posted := newLoad("full disk")
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		posted.run(t.Context(), p, 8)
	}()
	posted.awaitMore(t, 100)
	free := fill(t, fmt.Sprintf("/proc/%d/root%s", p.cmd.Process.Pid, data))
	<-loaded // every caller was refused

	// A checkpoint may make room in the files that are there, so one refusal is
	// not the last word.
	waitFor(t, "a refusal with the code store_full", func() bool {
		status, body := post(t, p.url("/v1/messages"), map[string]string{"to": "+12065550199", "body": "no room"})
		return status == http.StatusServiceUnavailable && strings.Contains(string(body), `"store_full"`)
	})
	waitFor(t, "the courier to be not ready", func() bool {
		status, _ := get(t, p.url("/health/ready"))
		return status == http.StatusServiceUnavailable
	})
	free()
	p.awaitReady(t)
	p.await(t, p.send(t, "room again"), "sent")
	awaitDrained(t, p)
	if missing := gateway.missing(posted.acknowledged()); len(missing) > 0 {
		t.Errorf("%d of %d acknowledged messages never reached the gateway", len(missing), len(posted.acknowledged()))
	}
	if repeats := gateway.repeats("no room"); repeats != 0 {
		t.Errorf("%d messages were repeated, want none", repeats)
	}
	t.Logf("%d acknowledged, %d repeats", len(posted.acknowledged()), gateway.repeats("no room"))
	if err := p.terminate(t); err != nil {
		t.Errorf("end of the courier: %v\n%s", err, p.log)
	}
}
