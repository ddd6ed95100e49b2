//go:build !unix

package gateway

// canPeek says whether isQuiet can tell.
const canPeek = false

// isQuiet reports whether an idle connection is open and nothing came on it.
func (c *directConn) isQuiet() bool { return false }
