package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// requestTimeout bounds each request of the load.
const requestTimeout = 5 * time.Minute

// clientResult is what the bare client prints.
type clientResult struct {
	Took time.Duration `json:"took"`
}

// runClient is the bare client: it posts what the courier would post for the
// messages FIRST to FIRST+COUNT-1 to URL, from as many callers as the courier
// has attempts in flight, and does nothing else. It trusts what the file CERTIFICATE
// holds. Arguments: URL CALLERS FIRST COUNT CERTIFICATE.
func runClient(args []string, out io.Writer) error {
	if len(args) != 5 {
		return fmt.Errorf("the bare client got the arguments %q", args)
	}
	var numbers [3]int
	for at := range numbers {
		number, err := strconv.Atoi(args[at+1])
		if err != nil {
			return fmt.Errorf("read arguments: %w", err)
		}
		numbers[at] = number
	}
	callers, first, count := numbers[0], numbers[1], numbers[2]
	roots, err := trust(args[4])
	if err != nil {
		return err
	}
	load := load{
		client: newClient(callers, roots), callers: callers, url: args[0], count: count,
		body: func(at int) []byte { return gatewayBody(first + at) },
	}
	took, err := load.run(context.Background())
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(clientResult{Took: took})
}

// newClient returns a client that keeps a connection for each caller, and speaks
// HTTP/2 where the server offers nothing else.
func newClient(callers int, roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout: requestTimeout,
		Transport: &http.Transport{
			MaxIdleConns: callers, MaxIdleConnsPerHost: callers, ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		},
	}
}

// load is a number of requests from concurrent callers.
type load struct {
	client  *http.Client
	callers int
	url     string
	count   int
	body    func(at int) []byte
}

// run sends all requests and returns how long it took.
func (l *load) run(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	for range l.callers {
		group.Go(func() {
			for ctx.Err() == nil {
				at := int(next.Add(1)) - 1
				if at >= l.count {
					return
				}
				if err := post(ctx, l.client, l.url, l.body(at)); err != nil {
					cancel(err)
				}
			}
		})
	}
	group.Wait()
	return time.Since(began), context.Cause(ctx)
}

// post sends one JSON body and reads the answer whole, so that the connection is kept.
func post(ctx context.Context, client *http.Client, url string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return fmt.Errorf("post to %s: status %d: %s", url, response.StatusCode, text)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}
