package httpapi

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// lookInterval is how often the files of a certificate are looked at, at most.
const lookInterval = time.Second

// Certificate is the TLS certificate of the listeners, read from files. When they
// change, the new pair is in force for the connections to come; one that does not
// fit leaves the old in force and is logged.
type Certificate struct {
	certFile, keyFile string
	logger            *slog.Logger

	mu   sync.Mutex
	pair *tls.Certificate
	// read is the state of the files that were read, looked is when they were looked at.
	read   string
	looked time.Time
}

// LoadCertificate reads a certificate with its chain and its key, both in PEM.
func LoadCertificate(certFile, keyFile string, logger *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, logger: logger}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files again, whether they changed or not.
func (c *Certificate) Reload(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reload(ctx)
}

func (c *Certificate) reload(ctx context.Context) {
	if err := c.load(); err != nil {
		c.logger.ErrorContext(ctx, "the changed TLS certificate cannot be used and the last good one stays in force; put it right, it is read again",
			slog.Any("error", err))
		return
	}
	c.logger.InfoContext(ctx, "the TLS certificate was read", slog.String("file", c.certFile), slog.Time("not_after", c.pair.Leaf.NotAfter))
}

// load reads the files. The old pair stays when it fails.
func (c *Certificate) load() error {
	c.read = c.state()
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read tls.cert and tls.key: %w; give a certificate in PEM and the key that belongs to it", err)
	}
	c.pair = &pair
	return nil
}

// state returns what the files are now: a changed one has another size or time.
func (c *Certificate) state() string {
	var state strings.Builder
	for _, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprintln(&state, info.Size(), info.ModTime().UnixNano())
		}
	}
	return state.String()
}

// get returns the pair for a connection.
func (c *Certificate) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= lookInterval {
		if c.looked = time.Now(); c.state() != c.read {
			c.reload(hello.Context())
		}
	}
	return c.pair, nil
}
