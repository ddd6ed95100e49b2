package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// folder is where a server lives. It is locked by the process that owns it, so
// that another can tell, and remove, one whose owner was killed.
type folder struct {
	path string
	lock *os.File
	// account is whom the server runs as.
	account account
}

const (
	folderPrefix = "courier-pgtest-"
	lockName     = "owner"
	logName      = "log"
)

// newFolder makes a folder that the server's account can open, and removes
// those that killed processes have left.
func newFolder() (*folder, error) {
	owner, err := serverAccount()
	if err != nil {
		return nil, err
	}
	parent, err := reachable(owner)
	if err != nil {
		return nil, err
	}
	// Between the making of a folder and its lock, it looks like a left one.
	unlock, err := lockAll()
	if err != nil {
		return nil, err
	}
	defer unlock()
	sweep(parent)
	path, err := os.MkdirTemp(parent, folderPrefix)
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	lock, err := lockFile(filepath.Join(path, lockName), os.O_CREATE, tryLock)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	f := &folder{path: path, lock: lock, account: owner}
	if err := owner.own(path); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	return f, nil
}

// reachable returns a folder for temporary files all of whose parents can be
// entered by the server's account. That of root may lie in root's home.
func reachable(owner account) (string, error) {
	candidates := []string{os.TempDir(), "/tmp", "/var/tmp"}
	for _, candidate := range candidates {
		path, err := filepath.EvalSymlinks(candidate)
		if err == nil && (!owner.other() || open(path)) {
			return path, nil
		}
	}
	return "", fmt.Errorf("make a temporary folder: the account %s can open none of %s",
		owner.name, strings.Join(candidates, ", "))
}

// open reports whether every account can enter a folder.
func open(path string) bool {
	for {
		info, err := os.Stat(path)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if path == filepath.Dir(path) {
			return true
		}
		path = filepath.Dir(path)
	}
}

// sweep removes the folders whose owner is gone. Their servers went with it.
func sweep(parent string) {
	left, err := filepath.Glob(filepath.Join(parent, folderPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range left {
		lock, err := lockFile(filepath.Join(path, lockName), 0, tryLock)
		if err != nil {
			continue
		}
		_ = os.RemoveAll(path)
		_ = lock.Close()
	}
}

func (f *folder) data() string    { return filepath.Join(f.path, "data") }
func (f *folder) logPath() string { return filepath.Join(f.path, logName) }

// write writes a file for the server's account alone.
func (f *folder) write(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write a file of the server: %w", err)
	}
	return f.account.own(path)
}

// log returns the end of the server's log.
func (f *folder) log() string {
	const most = 4000
	text, err := os.ReadFile(f.logPath())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

func (f *folder) logged(text string) bool { return strings.Contains(f.log(), text) }

// run runs one of the server's programs to its end, as the server's account.
func (f *folder) run(ctx context.Context, program string, arguments ...string) (string, error) {
	return output(f.command(ctx, program, arguments...))
}

func (f *folder) command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, arguments...) //nolint:gosec // the tests' own programs
	command.Dir = f.path
	command.Env = cleanEnvironment()
	f.account.apply(command)
	return command
}

// start starts the server itself, whose log in the folder begins again.
func (f *folder) start(ctx context.Context, program string, arguments ...string) (*postmaster, error) {
	log, err := os.OpenFile(f.logPath(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	defer func() { _ = log.Close() }()
	command := f.command(context.WithoutCancel(ctx), program, arguments...)
	command.Stdout, command.Stderr = log, log
	return startPostmaster(command)
}

// remove removes the folder, the lock last, and gives that up.
func (f *folder) remove() error {
	return errors.Join(os.RemoveAll(f.data()), os.RemoveAll(f.path), f.lock.Close())
}
