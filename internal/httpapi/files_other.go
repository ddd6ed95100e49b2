//go:build !unix

package httpapi

// openFileLimit returns how many files the process may have open, 0 for unknown.
func openFileLimit() int { return 0 }
