//go:build !unix

package jsonnet

import "syscall"

// limitProcess leaves the memory to the guard.
func limitProcess(int) error { return nil }

// processAttributes has nothing to set.
func processAttributes() *syscall.SysProcAttr { return nil }
