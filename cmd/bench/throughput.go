package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// measureThroughput compares a bare client with a courier that drains a queue
// to the same inbox, and measures how fast the API takes messages.
func measureThroughput(ctx context.Context, s settings, out *table) error {
	inbox, err := start(ctx, s.courier, "inbox", "inbox", "--port", "0")
	if err != nil {
		return err
	}
	client := newClient(s.callers)
	bare, err := postAll(ctx, client, s.callers, "http://"+inbox.address+"/send", singles(s.messages))
	if err != nil {
		return fmt.Errorf("bare client: %w", err)
	}
	out.add("bare client to the inbox", "%.0f messages/s", rate(s.messages, bare))
	courier, err := startCourier(ctx, s, "throughput", inbox.address)
	if err != nil {
		return err
	}
	drained, err := measureDrain(ctx, s, client, courier, out)
	if err != nil {
		return err
	}
	out.add("ratio to the bare client", "%.2f", rate(s.messages, drained)/rate(s.messages, bare))
	if err := measureEnqueue(ctx, s, client, courier, out); err != nil {
		return err
	}
	out.add("peak RSS of the courier with its template processes", "%.0f MiB", courier.peakRSS())
	if err := courier.stop(); err != nil {
		return err
	}
	return inbox.stop()
}

// measureDrain queues the messages for a moment ahead and times how long the
// courier takes from that moment to hand over the last.
func measureDrain(ctx context.Context, s settings, client *http.Client, courier *process, out *table) (time.Duration, error) {
	const lead = 10 * time.Second
	due := time.Now().Add(lead).UTC()
	took, err := postAll(ctx, client, 4, "http://"+courier.address+"/v1/messages/batch", batches(s.messages, &due))
	if err != nil {
		return 0, fmt.Errorf("queue messages: %w", err)
	}
	if took > lead {
		return 0, fmt.Errorf("queueing %d messages took %v, longer than the lead of %v", s.messages, took, lead)
	}
	drained, err := awaitAccepted(ctx, client, courier, s.messages)
	if err != nil {
		return 0, err
	}
	out.add("enqueue for later, batches of 100", "%.0f messages/s", rate(s.messages, took))
	out.add(fmt.Sprintf("courier drains a queue of %d", s.messages), "%.0f messages/s", rate(s.messages, drained.Sub(due)))
	return drained.Sub(due), nil
}

// measureEnqueue times the API while the courier sends what it takes.
func measureEnqueue(ctx context.Context, s settings, client *http.Client, courier *process, out *table) error {
	accepted, err := acceptedCount(ctx, client, courier)
	if err != nil {
		return err
	}
	for _, kind := range []struct {
		name, path string
		bodies     [][]byte
		callers    int
	}{
		{"single requests", "/v1/messages", singles(s.messages / 2), s.callers},
		{"batches of 100", "/v1/messages/batch", batches(s.messages, nil), 4},
	} {
		count := len(kind.bodies)
		if kind.path != "/v1/messages" {
			count = s.messages
		}
		began := time.Now()
		took, err := postAll(ctx, client, kind.callers, "http://"+courier.address+kind.path, kind.bodies)
		if err != nil {
			return fmt.Errorf("enqueue %s: %w", kind.name, err)
		}
		accepted += count
		finished, err := awaitAccepted(ctx, client, courier, accepted)
		if err != nil {
			return err
		}
		out.add("enqueue over the API, "+kind.name, "%.0f messages/s (sent as well: %.0f messages/s)",
			rate(count, took), rate(count, finished.Sub(began)))
	}
	return nil
}

// lookEvery is how often the courier's counters are read. Reading them takes it
// a millisecond, so the measurement is not to do it often.
const lookEvery = 50 * time.Millisecond

// awaitAccepted waits until the courier counts the accepted attempts and
// returns when it saw that.
func awaitAccepted(ctx context.Context, client *http.Client, courier *process, want int) (time.Time, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		got, err := acceptedCount(ctx, client, courier)
		if err != nil {
			return time.Time{}, err
		}
		if got >= want {
			return time.Now(), nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("wait for %d accepted attempts, saw %d: %w", want, got, ctx.Err())
		}
	}
}

// acceptedCount reads courier_attempts_total{outcome="accepted"}.
func acceptedCount(ctx context.Context, client *http.Client, courier *process) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+courier.address+"/metrics", http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("make request: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("read metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	total := 0.0
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "courier_attempts_total{") && strings.Contains(line, `outcome="accepted"`) {
			value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			if err != nil {
				return 0, fmt.Errorf("read metrics: %w", err)
			}
			total += value
		}
	}
	return int(total), lines.Err()
}
