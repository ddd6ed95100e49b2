//go:build unix

package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is whom a server runs as.
type account struct {
	name string
	// credential is nil for the account of this process.
	credential *syscall.Credential
}

// serverAccount returns the account of this process, or for root, whom
// PostgreSQL refuses, one without rights.
func serverAccount() (account, error) {
	if os.Getuid() != 0 {
		return account{name: "of this process"}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(found.Uid, 10, 32)
		if err != nil {
			return account{}, fmt.Errorf("read the number of the account %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(found.Gid, 10, 32)
		if err != nil {
			return account{}, fmt.Errorf("read the group of the account %s: %w", name, err)
		}
		return account{name: name, credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return account{}, errors.New("find an account: PostgreSQL refuses root, and there is no postgres or nobody to run it as")
}

// other reports whether the account is another than that of this process.
func (a account) other() bool { return a.credential != nil }

// own gives a file to the account.
func (a account) own(path string) error {
	if a.credential == nil {
		return nil
	}
	if err := os.Chown(path, int(a.credential.Uid), int(a.credential.Gid)); err != nil {
		return fmt.Errorf("give a file to the account %s: %w", a.name, err)
	}
	return nil
}

// apply makes a command run as the account.
func (a account) apply(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential}
}

// lockAll takes the lock that the test processes of this account share, and
// returns what gives it up.
func lockAll() (func(), error) {
	name := folderPrefix + strconv.Itoa(os.Getuid()) + ".lock"
	file, err := lockFile(filepath.Join(os.TempDir(), name), os.O_CREATE, 0)
	if err != nil {
		return nil, err
	}
	return func() { _ = file.Close() }, nil
}

// tryLock makes lockFile fail instead of wait.
const tryLock = syscall.LOCK_NB

// lockFile opens a file and locks it until it is closed or the process ends.
func lockFile(path string, flags, how int) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open a lock: %w", err)
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return file, nil
}
