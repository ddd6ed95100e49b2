package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// requestTimeout bounds each request of the load.
const requestTimeout = time.Minute

// newClient returns a client that keeps a connection for each caller.
func newClient(callers int) *http.Client {
	return &http.Client{
		Timeout:   requestTimeout,
		Transport: &http.Transport{MaxIdleConns: callers, MaxIdleConnsPerHost: callers},
	}
}

// postAll posts the bodies from concurrent callers and returns how long it took.
func postAll(ctx context.Context, client *http.Client, callers int, url string, bodies [][]byte) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	for range callers {
		group.Go(func() {
			for ctx.Err() == nil {
				at := int(next.Add(1)) - 1
				if at >= len(bodies) {
					return
				}
				if err := post(ctx, client, url, bodies[at]); err != nil {
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
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("post: status %d: %s", response.StatusCode, text)
	}
	return nil
}

// message is what the load asks the courier to send.
type message struct {
	To     string     `json:"to"`
	Body   string     `json:"body"`
	SendAt *time.Time `json:"send_at,omitempty"`
}

func newMessage(at int, sendAt *time.Time) message {
	return message{
		To:     "+12065550199",
		Body:   fmt.Sprintf("Your login code is: %06d\n\nIt expires in 60 minutes.\n", at),
		SendAt: sendAt,
	}
}

// encode returns the JSON of a value of this package, which always has one.
func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

// singles returns a body for each message; batches one for each hundred.
func singles(count int) [][]byte {
	bodies := make([][]byte, count)
	for at := range bodies {
		bodies[at] = encode(newMessage(at, nil))
	}
	return bodies
}

func batches(count int, sendAt *time.Time) [][]byte {
	const size = 100
	var bodies [][]byte
	for at := 0; at < count; at += size {
		messages := make([]message, min(size, count-at))
		for i := range messages {
			messages[i] = newMessage(at+i, sendAt)
		}
		bodies = append(bodies, encode(map[string]any{"messages": messages}))
	}
	return bodies
}
