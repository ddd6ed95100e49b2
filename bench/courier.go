package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// startTimeout bounds the wait for a courier to become ready.
	startTimeout = time.Minute
	// readyInterval is how often a starting courier is asked whether it is ready.
	readyInterval = 2 * time.Millisecond
)

// courierSpec says what kind of courier to run.
type courierSpec struct {
	dsn      string
	template string
	under    condition
	// extra is put at the end of the configuration.
	extra string
}

// courier is a running `courier serve`.
type courier struct {
	spec courierSpec
	cmd  *exec.Cmd
	log  *os.File
	url  string
	// took is the time from the start of the process until it was ready.
	took time.Duration
}

// startCourier writes a configuration, starts a courier with it and waits until it is ready.
func (b *bench) startCourier(ctx context.Context, spec courierSpec) (*courier, error) {
	b.started++
	name := filepath.Join(b.dir, fmt.Sprintf("courier-%d", b.started))
	ports, err := freePorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	config := b.gatewayText(spec) + fmt.Sprintf(configuration, spec.dsn, spec.under.inFlight, ports[0], ports[1]) + spec.extra
	if err := os.WriteFile(name+".yml", []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	args := []string{"serve", "-c", name + ".yml"}
	if b.profiles != "" {
		args = append(args, "--cpuprofile", filepath.Join(b.profiles, filepath.Base(name)+".pprof"))
	}
	c := &courier{spec: spec, cmd: command(ctx, b.courier, args...), url: "http://127.0.0.1:" + strconv.Itoa(ports[0])}
	if c.log, err = os.Create(name + ".log"); err != nil {
		return nil, fmt.Errorf("create the log of a courier: %w", err)
	}
	c.cmd.Stderr = c.log
	c.cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+b.gateway.certificate)
	began := time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w; build it with: make build", b.courier, err)
	}
	if err := c.awaitReady(ctx); err != nil {
		c.kill()
		return nil, fmt.Errorf("%w\n%s", err, c.lastLog())
	}
	c.took = time.Since(began)
	return c, nil
}

// configuration, after the gateway, leaves everything but the addresses and the limit in
// flight at its default. The time-out lets attempts wait at a gateway that does not answer yet.
const configuration = `
store: { dsn: "%s" }
dispatch: { max_in_flight: %d, timeout: 1h }
api: { port: %d }
public: { port: %d, url: "https://sms.example.com" }
`

// gatewayText is the configuration of the gateway: one of one's own, or a preset that
// is asked for receipts too.
func (b *bench) gatewayText(spec courierSpec) string {
	if spec.template == twilioPreset {
		return fmt.Sprintf(`courier:
  gateways:
    - id: twilio
      preset: twilio
      from: "+12065550110"
      receipt_secret: not-so-secret
      params: { account_sid: %s, auth_token: "00000000000000000000000000000002", base_url: "%s" }`,
			twilioAccount, strings.TrimSuffix(b.gateway.url(spec.under.wire), "/send"))
	}
	return fmt.Sprintf(`courier:
  channels:
    - id: sms
      type: http
      request_config: { url: "%s", method: POST, body: "%s" }`, b.gateway.url(spec.under.wire), templateURL(spec.template))
}

// awaitReady asks until the courier is ready or startTimeout is over.
func (c *courier) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	client := newClient(1, nil)
	defer client.CloseIdleConnections()
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	for !ready(ctx, client, c.url) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the courier to be ready: %w", ctx.Err())
		}
	}
	return nil
}

func ready(ctx context.Context, client *http.Client, base string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/health/ready", http.NoBody)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// stop ends the courier as an operator would.
func (c *courier) stop() error {
	defer func() { _ = c.log.Close() }()
	if err := terminate(c.cmd); err != nil {
		return fmt.Errorf("courier: %w\n%s", err, c.lastLog())
	}
	return nil
}

// lastLog is the end of the log, for an error.
func (c *courier) lastLog() string {
	text, _ := os.ReadFile(c.log.Name())
	return string(text[max(0, len(text)-4000):])
}

// kill ends the courier as a loss of power would.
func (c *courier) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	_ = c.log.Close()
}

// freePorts returns ports that nothing listens on.
func freePorts(ctx context.Context, count int) ([]int, error) {
	var ports []int
	for range count {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = listener.Close() }()
		address, ok := listener.Addr().(*net.TCPAddr)
		if !ok {
			return nil, fmt.Errorf("find a free port: %v is no TCP address", listener.Addr())
		}
		ports = append(ports, address.Port)
	}
	return ports, nil
}
