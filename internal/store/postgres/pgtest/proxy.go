package pgtest

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
)

// Verdict is what becomes of bytes that a client sends through a Proxy.
type Verdict int

// The verdicts.
const (
	// Pass forwards the bytes.
	Pass Verdict = iota
	// Drop cuts the connection instead: the server never sees them.
	Drop
	// Lose forwards them and cuts the connection when the server has begun to
	// answer: it has done what they ask for, and the client does not learn of it.
	Lose
)

// Judge decides about bytes of a connection, which is named by its number. They
// are what one read gave, so one that looks for a text may find it in two
// pieces when the client sends much at once.
type Judge func(connection int, sent []byte) Verdict

// Proxy stands between clients and a server, and cuts connections. Its
// Databases are those of the server, by way of the proxy. Its methods are safe
// for concurrent use.
type Proxy struct {
	Databases
	server   string
	listener net.Listener
	serving  sync.WaitGroup

	mu      sync.Mutex
	refuses bool
	judge   Judge
	count   int
	open    map[net.Conn]struct{}
}

// Proxy starts a proxy to the server. It works until Close.
func (d *Databases) Proxy(ctx context.Context) (*Proxy, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, fmt.Errorf("listen for a proxy: %w", err)
	}
	p := &Proxy{Databases: *d, server: d.Addr(), listener: listener, open: map[net.Conn]struct{}{}}
	if address, ok := listener.Addr().(*net.TCPAddr); ok {
		p.port = address.Port
	}
	serving := context.WithoutCancel(ctx)
	p.serving.Go(func() { p.accept(serving) })
	return p, nil
}

// Cut ends all connections at once.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		_ = conn.Close()
	}
}

// Refuse lets connections be closed as soon as they are made, or not any more.
func (p *Proxy) Refuse(refuses bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = refuses
}

// Watch lets a judge see what clients send from now on, nil none. It is called
// for one piece at a time.
func (p *Proxy) Watch(judge Judge) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.judge = judge
}

// Close cuts all connections, and returns when nothing of the proxy runs any more.
func (p *Proxy) Close() error {
	p.Refuse(true)
	err := p.listener.Close()
	p.Cut()
	p.serving.Wait()
	if err != nil {
		return fmt.Errorf("close a proxy: %w", err)
	}
	return nil
}

func (p *Proxy) accept(ctx context.Context) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.serving.Go(func() {
			defer func() { _ = client.Close() }()
			p.serve(ctx, client)
		})
	}
}

// serve forwards one connection both ways until an end closes it or it is cut.
func (p *Proxy) serve(ctx context.Context, client net.Conn) {
	server, err := new(net.Dialer).DialContext(ctx, "tcp", p.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	number, ok := p.enter(client, server)
	if !ok {
		return
	}
	defer p.leave(client, server)
	answers := &answers{to: client}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(answers, server)
		_ = client.Close()
	})
	p.forward(number, client, server, answers)
	_ = server.Close()
	back.Wait()
}

// enter notes the two ends of a connection, so that they can be cut.
func (p *Proxy) enter(ends ...net.Conn) (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuses {
		return 0, false
	}
	p.count++
	for _, end := range ends {
		p.open[end] = struct{}{}
	}
	return p.count, true
}

func (p *Proxy) leave(ends ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, end := range ends {
		delete(p.open, end)
	}
}

// forward passes on what the client sends, as the judge decides.
func (p *Proxy) forward(number int, client, server net.Conn, answers *answers) {
	buffer := make([]byte, 256<<10)
	for {
		n, err := client.Read(buffer)
		if n > 0 {
			verdict := p.verdict(number, buffer[:n])
			if verdict == Drop {
				return
			}
			if verdict == Lose {
				answers.lose()
			}
			if _, err := server.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) verdict(number int, sent []byte) Verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.judge == nil {
		return Pass
	}
	return p.judge(number, sent)
}

// answers passes on what the server sends, until it has to lose the rest.
type answers struct {
	to   io.Writer
	mu   sync.Mutex
	lost bool
}

func (a *answers) lose() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lost = true
}

// Write implements io.Writer.
func (a *answers) Write(answer []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lost {
		return 0, io.ErrClosedPipe
	}
	return a.to.Write(answer)
}
