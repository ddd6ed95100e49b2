package gateway

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// The pauses between two attempts to warm a gateway's connections.
const (
	warmPause    = time.Second
	maxWarmPause = time.Minute
)

// KeepWarm dials a connection whenever none is open, so that the first message
// after a quiet time waits for no handshake. No request is sent for it. It returns
// when ctx ends.
func (g *Gateway) KeepWarm(ctx context.Context) {
	c := g.network.to(g.target)
	pause := warmPause
	for ctx.Err() == nil {
		if c.dialer.open.Load() == 0 {
			c.warm(ctx, g.target)
			pause = min(2*pause, maxWarmPause)
		}
		if c.dialer.open.Load() > 0 {
			pause = warmPause
			select {
			case <-c.dialer.drained:
			case <-ctx.Done():
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// warmKey is the key of a *warmDial in the context of a dial.
type warmKey struct{}

// warmDial is a dial for nobody.
type warmDial struct {
	ctx     context.Context //nolint:containedctx // net/http detaches the context of a dial from that of the request
	callOff context.CancelFunc
	// calledOff is closed when the request has ended, dialed when a dial has: net/http
	// may dial once more for one request.
	calledOff, dialed chan struct{}
	ended             sync.Once
}

// warm makes net/http dial a connection that it keeps for the next request. It
// is asked with a request that the dial calls off at once; should a connection
// be there already, the request cannot be written, as its target is invalid.
func (c *connections) warm(ctx context.Context, target *url.URL) {
	dial := &warmDial{ctx: ctx, calledOff: make(chan struct{}), dialed: make(chan struct{})}
	requestCtx, cancel := context.WithCancel(context.WithValue(ctx, warmKey{}, dial))
	dial.callOff = cancel
	request := (&http.Request{
		Method: http.MethodHead, URL: &url.URL{Scheme: target.Scheme, Host: target.Host, Opaque: "\x00"}, Header: http.Header{},
	}).WithContext(requestCtx)
	response, err := c.RoundTrip(request)
	if err == nil {
		_ = response.Body.Close()
	}
	wasDialing := requestCtx.Err() != nil && ctx.Err() == nil
	cancel()
	close(dial.calledOff)
	if wasDialing {
		<-dial.dialed
	}
}

// begin bounds a dial, and ends the request of one for nobody before a
// connection could be given to it.
func (d *dialer) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	dial, ok := ctx.Value(warmKey{}).(*warmDial)
	if !ok {
		return ctx, cancel
	}
	dial.callOff()
	<-dial.calledOff
	stop := context.AfterFunc(dial.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
		dial.ended.Do(func() { close(dial.dialed) })
	}
}
