package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// idlePause lets the courier fall idle between two messages.
const idlePause = 20 * time.Millisecond

// measureIdle times single messages on an idle courier: from the 202, as its
// caller reads it, to the arrival at the gateway, and from the caller's request.
func measureIdle(ctx context.Context, s settings, out *table) error {
	arrivals := make(chan time.Time, 1)
	gateway, stop, err := stampGateway(ctx, arrivals)
	if err != nil {
		return err
	}
	defer stop()
	courier, err := startCourier(ctx, s, "idle", gateway)
	if err != nil {
		return err
	}
	client := newClient(1)
	var fromAnswer, fromRequest []time.Duration
	pause := time.NewTicker(idlePause)
	defer pause.Stop()
	for at := range s.idle {
		<-pause.C
		asked := time.Now()
		if err := post(ctx, client, "http://"+courier.address+"/v1/messages", encode(newMessage(at, nil))); err != nil {
			return fmt.Errorf("idle message: %w", err)
		}
		answered := time.Now()
		select {
		case arrived := <-arrivals:
			fromAnswer = append(fromAnswer, max(0, arrived.Sub(answered)))
			fromRequest = append(fromRequest, arrived.Sub(asked))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(requestTimeout):
			return fmt.Errorf("idle message %d never reached the gateway", at)
		}
	}
	out.add("idle: from the 202 to the gateway", "p50 %v, p99 %v", quantile(fromAnswer, 0.50), quantile(fromAnswer, 0.99))
	out.add("idle: from the request to the gateway", "p50 %v, p99 %v", quantile(fromRequest, 0.50), quantile(fromRequest, 0.99))
	return courier.stop()
}

// stampGateway serves a gateway that tells when each request arrived.
func stampGateway(ctx context.Context, arrivals chan<- time.Time) (string, func(), error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{
		ReadHeaderTimeout: requestTimeout,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			arrivals <- time.Now()
			w.WriteHeader(http.StatusCreated)
		}),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	stop := func() {
		_ = server.Close()
		<-served
	}
	return listener.Addr().String(), stop, nil
}

// quantile returns the q-quantile of the durations, rounded to 10 µs.
func quantile(durations []time.Duration, q float64) time.Duration {
	slices.Sort(durations)
	return durations[int(q*float64(len(durations)-1))].Round(10 * time.Microsecond)
}
