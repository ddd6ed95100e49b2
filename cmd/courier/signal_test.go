package main

import (
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestServe_ReloadsOnHangup sends SIGHUP twice: everything is read again, and the
// process goes on.
func TestServe_ReloadsOnHangup(t *testing.T) {
	// A signal that this process handles is not ignored in its children.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(handled) })
	p := startCourier(t, writeConfig(t, newLedger(t, time.Millisecond).url, ""))
	for range 2 {
		before := p.log.count("configuration is in force")
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatalf("hang up: %v", err)
		}
		waitFor(t, "the reload", func() bool { return p.log.count("configuration is in force") > before })
	}
	p.awaitReady(t)
	if err := p.terminate(t); err != nil {
		t.Errorf("end of the courier: %v\n%s", err, p.log)
	}
}

// TestServe_OutlivesHangupUnderNohup closes the terminal of a courier that was
// started with the signal ignored.
func TestServe_OutlivesHangupUnderNohup(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	t.Cleanup(func() { signal.Reset(syscall.SIGHUP) })
	p := startCourier(t, writeConfig(t, newLedger(t, time.Millisecond).url, ""))
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatalf("hang up: %v", err)
	}
	p.awaitReady(t)
	if err := p.terminate(t); err != nil {
		t.Errorf("end of the courier: %v\n%s", err, p.log)
	}
}

// TestDev_EndsOnHangup closes the terminal of `courier dev`, which leaves nothing behind.
func TestDev_EndsOnHangup(t *testing.T) {
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(handled) })
	dir := t.TempDir()
	cmd := courierCommand(t, dir, "dev", "--port", "0", "--public-port", "0", "--inbox-port", "0")
	cmd.Env = append(cmd.Env, "TMPDIR="+dir)
	out := &lineLog{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatalf("start: %v", err)
	}
	waitFor(t, "the sample", func() bool { return out.count("Stop with Ctrl-C") > 0 })
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatalf("hang up: %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("end: %v\n%s", err, out)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestServe_OutlivesItsLog takes the reader of the log away: messages go on to be
// taken and sent, and the end is in order.
func TestServe_OutlivesItsLog(t *testing.T) {
	t.Parallel()
	gateway := newLedger(t, time.Millisecond)
	p := startCourier(t, writeConfig(t, gateway.url, ""))
	if err := p.stderr.Close(); err != nil {
		t.Fatalf("close the log: %v", err)
	}
	for n := range 20 {
		status, _ := post(t, p.url("/v1/messages"), map[string]string{"to": "+12065550199", "body": strconv.Itoa(n)})
		if status != http.StatusAccepted {
			t.Fatalf("message %d: status %d", n, status)
		}
	}
	waitFor(t, "the messages to be sent", func() bool { return gateway.seen() == 20 })
	if err := p.terminate(t); err != nil {
		t.Errorf("end of the courier: %v", err)
	}
}
