//go:build !unix

package pgtest

import (
	"errors"
	"os"
	"os/exec"
)

// errSystem reports a system on which this package runs no server.
var errSystem = errors.New("servers for tests run on Unix systems only")

// account is whom a server runs as.
type account struct{ name string }

func serverAccount() (account, error) { return account{}, errSystem }

func (account) other() bool      { return false }
func (account) own(string) error { return errSystem }
func (account) apply(*exec.Cmd)  {}

const tryLock = 0

func lockAll() (func(), error)                    { return nil, errSystem }
func lockFile(string, int, int) (*os.File, error) { return nil, errSystem }
func endWithParent(*exec.Cmd)                     {}
func (p *postmaster) kill() error                 { return p.signal(os.Kill) }
