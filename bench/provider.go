package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// provider is the gateway's process, as bench sees it.
type provider struct {
	cmd       *exec.Cmd
	input     io.Closer
	addresses map[wire]string
	// certificate is the file of the one that its https addresses show.
	certificate string
	control     *http.Client
}

// startProvider starts the gateway, which writes its certificate into a folder.
func startProvider(ctx context.Context, dir string) (*provider, error) {
	certificate := filepath.Join(dir, "gateway.pem")
	cmd, err := helper(ctx, roleGateway, certificate)
	if err != nil {
		return nil, err
	}
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("pipe to the gateway: %w", err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("pipe from the gateway: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start gateway: %w", err)
	}
	addresses, lines := make(map[wire]string), bufio.NewReader(output)
	for _, w := range wires() {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read the addresses of the gateway: %w", err), input.Close(), cmd.Wait())
		}
		addresses[w] = strings.TrimSpace(line)
	}
	control := newClient(1, nil)
	control.Timeout = 0
	return &provider{cmd: cmd, input: input, addresses: addresses, certificate: certificate, control: control}, nil
}

func (p *provider) stop() error {
	err := p.input.Close()
	if waited := p.cmd.Wait(); waited != nil {
		return fmt.Errorf("wait for the gateway: %w", waited)
	}
	return err
}

func (p *provider) url(w wire) string { return w.scheme() + p.addresses[w] + "/send" }

// base is where the gateway gets its orders.
func (p *provider) base() string { return plain.scheme() + p.addresses[plain] }

// hold makes all requests wait from now on. The tally comes when count do.
func (p *provider) hold(ctx context.Context, count int) error {
	return p.begin(ctx, "/hold", count, 0)
}

// open answers all requests after the latency. The tally comes when count new
// messages have arrived.
func (p *provider) open(ctx context.Context, count int, latency time.Duration) error {
	return p.begin(ctx, "/open", count, latency)
}

func (p *provider) begin(ctx context.Context, path string, count int, latency time.Duration) error {
	query := url.Values{"count": {strconv.Itoa(count)}, "latency": {latency.String()}}
	return post(ctx, p.control, p.base()+path+"?"+query.Encode(), nil)
}

// tally waits until the wanted number has arrived, however long that takes: the
// gateway says when nothing comes any more.
func (p *provider) tally(ctx context.Context) (tally, error) {
	var told tally
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base()+"/tally", http.NoBody)
	if err != nil {
		return told, fmt.Errorf("make request: %w", err)
	}
	response, err := p.control.Do(request)
	if err != nil {
		return told, fmt.Errorf("wait for the messages at the gateway: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return told, fmt.Errorf("wait for the messages at the gateway: %s", strings.TrimSpace(string(text)))
	}
	if err := json.NewDecoder(response.Body).Decode(&told); err != nil {
		return told, fmt.Errorf("read the tally of the gateway: %w", err)
	}
	return told, nil
}

// at is when the wanted number was reached.
func (t tally) at() time.Time { return time.Unix(0, t.At) }
