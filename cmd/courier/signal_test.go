package main

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// TestServe_StopsOnHangup closes the terminal of a courier.
func TestServe_StopsOnHangup(t *testing.T) {
	// A signal that this process handles is not ignored in its children.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(handled) })
	p := startCourier(t, writeConfig(t, newLedger(t, time.Millisecond).url, ""))
	if err := p.stop(t, syscall.SIGHUP); err != nil {
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
