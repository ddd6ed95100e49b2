package pgtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// freePort returns a port on which nothing listens. It lies below the ones that
// systems give to outgoing connections, which would take it while the server is
// killed.
func freePort(ctx context.Context) (int, error) {
	const first, count, tries = 15000, 15000, 50
	var faults []error
	for range tries {
		port := first + rand.IntN(count)
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil {
			return port, listener.Close()
		}
		faults = append(faults, err)
	}
	return 0, fmt.Errorf("find a free port: %w", errors.Join(faults...))
}
