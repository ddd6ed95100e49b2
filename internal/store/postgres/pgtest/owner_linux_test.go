package pgtest_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServer_OwnerKilled wants the server to end with the process that started it.
func TestServer_OwnerKilled(t *testing.T) {
	t.Parallel()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	owner := exec.CommandContext(t.Context(), executable)
	owner.Env = append(os.Environ(), ownerVariable+"=1")
	owner.Stderr = os.Stderr
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("read the address of the server: %v", err)
	}
	addr := strings.TrimSpace(line)
	if err := dial(t, addr); err != nil {
		t.Fatalf("connect to the server: %v", err)
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for err = nil; !errors.Is(err, syscall.ECONNREFUSED); err = dial(t, addr) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("the server outlived its owner by a minute")
		}
	}
}

func dial(t *testing.T, addr string) error {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}
