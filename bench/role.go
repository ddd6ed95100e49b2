package main

import (
	"fmt"
	"io"
	"os"
)

// roleVariable makes a process of this program a helper. A helper gets its
// arguments from the command line, says what it has to say on its standard
// output, and ends when its standard input does, so that none outlives bench.
const roleVariable = "COURIER_BENCH_ROLE"

const (
	roleGateway = "gateway"
	roleClient  = "client"
)

// serveIfHelper does the work of a helper, and reports whether this process is one.
func serveIfHelper() (bool, error) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		return false, nil
	case roleGateway:
		return true, serveGateway(os.Args[1:], os.Stdin, os.Stdout)
	case roleClient:
		return true, runClient(os.Args[1:], os.Stdout)
	default:
		return true, fmt.Errorf("%s=%q is no role", roleVariable, role)
	}
}

// untilEnd returns a channel that is closed at the end of the input.
func untilEnd(in io.Reader) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, in)
	}()
	return ended
}
