package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// clusterFolder holds further settings of the program that makes clusters for
// Debian's package.
const clusterFolder = "/etc/postgresql-common/createcluster.d"

// install installs Debian's package. Of several processes that need it, one
// does, and the others wait for it.
func install(ctx context.Context) error {
	if os.Getuid() != 0 {
		return errors.New("only root can install it")
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("there is no apt-get to install it with")
	}
	unlock, err := lockAll()
	if err != nil {
		return err
	}
	defer unlock()
	if _, ok := search(); ok {
		return nil
	}
	return installPackages(ctx)
}

// installPackages installs the server without a cluster: the tests make their
// own, and a machine is not to serve what nobody asked for.
func installPackages(ctx context.Context) error {
	if err := os.MkdirAll(clusterFolder, 0o755); err != nil { //nolint:gosec // the folder of a package, as it would make it
		return fmt.Errorf("keep the package from making a cluster: %w", err)
	}
	none := filepath.Join(clusterFolder, "courier-tests.conf")
	if err := os.WriteFile(none, []byte("create_main_cluster = false\n"), 0o644); err != nil { //nolint:gosec // read by another account
		return fmt.Errorf("keep the package from making a cluster: %w", err)
	}
	// Lists that are there may do when they cannot be brought up to date.
	_, stale := aptGet(ctx, "update")
	if _, err := aptGet(ctx, "install", "--yes", "--no-install-recommends", "postgresql"); err != nil {
		return errors.Join(err, stale)
	}
	return nil
}

func aptGet(ctx context.Context, arguments ...string) (string, error) {
	arguments = append([]string{"-q", "-o", "DPkg::Lock::Timeout=300"}, arguments...)
	command := exec.CommandContext(ctx, "apt-get", arguments...) //nolint:gosec // constants of this file
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	return output(command)
}
