//go:build unix

package jsonnet

import (
	"fmt"
	"syscall"
)

// limitProcess forbids core dumps, which would hold message bodies, and
// writing files, and bounds the memory where the system can.
func limitProcess(maxMemory int) error {
	for _, resource := range []int{syscall.RLIMIT_CORE, syscall.RLIMIT_FSIZE} {
		if err := syscall.Setrlimit(resource, &syscall.Rlimit{}); err != nil {
			return fmt.Errorf("set resource limit %d: %w", resource, err)
		}
	}
	return limitMemory(maxMemory)
}
