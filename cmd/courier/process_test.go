package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asCourier makes the test binary behave as the courier itself, so that a test
// can start, kill and terminate a real process of it.
const asCourier = "RUN_AS_COURIER"

// patience bounds every wait for something that is certain to happen; no test
// measures against it.
const patience = 2 * time.Minute

// process is a running `courier serve`.
type process struct {
	cmd   *exec.Cmd
	admin string
	log   *lineLog
	done  chan error
	// stderr is the end of the log that this process reads.
	stderr io.Closer
}

// lineLog keeps what a process printed, for the failure report.
type lineLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lineLog) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

// count returns how often the log holds a text.
func (l *lineLog) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

func (l *lineLog) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.WriteString(line + "\n")
}

// String returns the end of the log.
func (l *lineLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	return text[max(0, len(text)-4000):]
}

// courierCommand returns the command that runs the courier with the arguments.
func courierCommand(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatalf("find the test binary: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asCourier+"=1")
	return cmd
}

// startCourier starts `courier serve -c FILE`, changed by the functions, and
// waits until it is ready.
func startCourier(t *testing.T, config string, changes ...func(*exec.Cmd)) *process {
	t.Helper()
	cmd := courierCommand(t, filepath.Dir(config), "serve", "-c", config)
	for _, change := range changes {
		change(cmd)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatalf("pipe the log: %v", err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start courier: %v", err)
	}
	p := &process{cmd: cmd, log: &lineLog{}, done: make(chan error, 1), stderr: stderr}
	address := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.readLog(stderr, address)
	}()
	go func() {
		<-read
		p.done <- cmd.Wait()
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	select {
	case p.admin = <-address:
	case err := <-p.done:
		t.Fatalf("courier ended before it listened: %v\n%s", err, p.log)
	case <-time.After(patience):
		t.Fatalf("courier named no admin address\n%s", p.log)
	}
	p.awaitReady(t)
	return p
}

// readLog keeps the log and picks out the address of the admin listener.
func (p *process) readLog(from io.Reader, address chan<- string) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.log.add(lines.Text())
		var entry struct{ Listener, Address string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Listener == "admin" && entry.Address != "" {
			select {
			case address <- entry.Address:
			default:
			}
		}
	}
}

func (p *process) url(path string) string { return "http://" + p.admin + path }

func (p *process) awaitReady(t *testing.T) {
	t.Helper()
	waitFor(t, "courier to be ready", func() bool {
		status, _ := get(t, p.url("/health/ready"))
		return status == http.StatusOK
	})
}

// kill ends the process at once, as kill -9 does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatalf("kill courier: %v", err)
	}
	if err := <-p.done; err == nil {
		t.Errorf("the killed courier ended as if it had been done\n%s", p.log)
	}
}

// terminate sends SIGTERM and returns how the process ended.
func (p *process) terminate(t *testing.T) error {
	t.Helper()
	return p.stop(t, syscall.SIGTERM)
}

// stop sends a signal and returns how the process ended.
func (p *process) stop(t *testing.T, with syscall.Signal) error {
	t.Helper()
	if err := p.cmd.Process.Signal(with); err != nil {
		t.Fatalf("send %v to the courier: %v", with, err)
	}
	select {
	case err := <-p.done:
		return err
	case <-time.After(patience):
		t.Fatalf("courier did not end after the signal %v\n%s", with, p.log)
		return nil
	}
}

// waitFor polls an outside process until the condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// client is for the tests' own calls to the courier.
func client() *http.Client { return &http.Client{Timeout: 30 * time.Second} }

// get returns the status and body, or status 0 when there was no answer.
func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	return call(t.Context(), client(), http.MethodGet, url, nil)
}

// post sends JSON and returns the status and body, or status 0 when there was no answer.
func post(t *testing.T, url string, body any) (int, []byte) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatalf("encode request: %v", err)
	}
	return call(t.Context(), client(), http.MethodPost, url, text)
}

func call(ctx context.Context, by *http.Client, method, url string, body []byte) (int, []byte) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := by.Do(request)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil
	}
	return response.StatusCode, text
}

// listen listens on an address of this machine.
func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	return listener
}

// writeConfig writes a configuration with the gateway and a database of its own;
// extra is appended to it, the keys of courier to its courier section.
func writeConfig(t *testing.T, gatewayURL, extra string, courier ...string) string {
	t.Helper()
	dir := t.TempDir()
	section := ""
	for _, key := range courier {
		section += "  " + key + "\n"
	}
	return writeConfigFile(t, dir, configText("sqlite://"+filepath.Join(dir, "courier.db"), gatewayURL, extra, section))
}

func writeConfigFile(t *testing.T, dir, text string) string {
	t.Helper()
	path := filepath.Join(dir, "courier.yml")
	if err := os.WriteFile(path, []byte(strings.TrimSpace(text)+"\n"), 0o600); err != nil {
		t.Fatalf("write configuration: %v", err)
	}
	return path
}

func configText(dsn, gatewayURL, extra, section string) string {
	return fmt.Sprintf(`courier:
%s  channels:
    - id: sms
      type: http
      request_config:
        url: %s
        method: POST
        body: base64://ZnVuY3Rpb24oY3R4KSB7IHRvOiBjdHgudG8sIGJvZHk6IGN0eC5ib2R5IH0=
store:
  dsn: %s
api: { port: 0 }
public: { port: 0 }
log: { level: info, format: json }
%s`, section, gatewayURL, dsn, extra)
}
