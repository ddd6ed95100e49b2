package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startTimeout bounds the wait for a process to name its address.
const startTimeout = 30 * time.Second

// process is a running courier or inbox.
type process struct {
	cmd     *exec.Cmd
	address string
}

// start runs the binary and waits until its log names the listener's address.
func start(ctx context.Context, binary, listener string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, binary, args...) //nolint:gosec // the binary that is measured
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = startTimeout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("pipe the log of %s: %w", args[0], err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w; build it with: make build", binary, err)
	}
	found := make(chan string, 1)
	go followLog(stderr, listener, found)
	select {
	case address, ok := <-found:
		if !ok {
			return nil, fmt.Errorf("start %s: it ended before it named its %s address: %w", args[0], listener, cmd.Wait())
		}
		return &process{cmd: cmd, address: address}, nil
	case <-time.After(startTimeout):
		_ = cmd.Process.Kill()
		return nil, fmt.Errorf("start %s: no %s address after %v", args[0], listener, startTimeout)
	}
}

// followLog sends the address that the log names and reads the rest away,
// passing on what is not information.
func followLog(log io.Reader, listener string, found chan<- string) {
	defer close(found)
	sent := false
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		// The lines of attempts are many; those are not worth a decoder.
		if sent && strings.Contains(lines.Text(), `"level":"INFO"`) {
			continue
		}
		level, address := readLine(lines.Text(), listener)
		if level != "INFO" {
			fmt.Fprintln(os.Stderr, lines.Text())
		}
		if !sent && address != "" {
			sent = true
			found <- address
		}
	}
}

// readLine returns the level of a line of a log and the address that it names
// for the listener. The inbox tells its own to people, as information.
func readLine(line, listener string) (level, address string) {
	if rest, ok := strings.CutPrefix(line, listener+" listens on http://"); ok {
		address, _, _ = strings.Cut(rest, ",")
		return "INFO", address
	}
	var entry struct{ Level, Listener, Address string }
	if json.Unmarshal([]byte(line), &entry) != nil || entry.Listener != listener {
		return entry.Level, ""
	}
	return entry.Level, entry.Address
}

// stop ends the process as an operator would.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop process: %w", err)
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("wait for process: %w", err)
	}
	return nil
}

// peakRSS returns the high-water marks of the process and of its children in
// MiB, or 0 where the system does not tell.
func (p *process) peakRSS() float64 {
	kib := highWater(p.cmd.Process.Pid)
	pattern := fmt.Sprintf("/proc/%d/task/*/children", p.cmd.Process.Pid)
	lists, _ := filepath.Glob(pattern)
	for _, list := range lists {
		text, _ := os.ReadFile(filepath.Clean(list))
		for field := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				kib += highWater(pid)
			}
		}
	}
	return float64(kib) / 1024
}

func highWater(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return kib
		}
	}
	return 0
}

// startCourier runs `courier serve` on a new database with the gateway.
func startCourier(ctx context.Context, s settings, name, gateway string) (*process, error) {
	config := filepath.Join(s.dir, name+".yml")
	text := fmt.Sprintf(`courier:
  channels:
    - id: sms
      type: http
      request_config:
        url: http://%s/send
        method: POST
        body: base64://ZnVuY3Rpb24oY3R4KSB7IHRvOiBjdHgudG8sIGJvZHk6IGN0eC5ib2R5IH0=
store: { dsn: "sqlite://%s" }
dispatch: { max_in_flight: %d }
api: { port: 0 }
public: { port: 0 }
log: { level: info, format: json }
`, gateway, filepath.Join(s.dir, name+".db"), s.callers)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return start(ctx, s.courier, "admin", "serve", "-c", config)
}
