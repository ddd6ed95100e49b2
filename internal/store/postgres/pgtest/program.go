package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// BinVariable names the folder of the programs of the PostgreSQL to use.
const BinVariable = "COURIER_PG_BIN"

// oldest is the first major version that the product supports.
const oldest = 14

// needed are the programs that a server is run with.
func needed() []string { return []string{"initdb", "postgres", "pg_basebackup", "psql"} }

// programs returns the folder of the server's programs: the one given, or that
// of the environment, of the path, or of a Debian package.
func programs(given string) (string, error) {
	if given == "" {
		given = os.Getenv(BinVariable)
	}
	if given != "" {
		if !complete(given) {
			return "", fmt.Errorf("find PostgreSQL: %s does not hold %s; set %s to the folder that does",
				given, strings.Join(needed(), ", "), BinVariable)
		}
		return given, nil
	}
	if bin, ok := search(); ok {
		return bin, nil
	}
	return "", fmt.Errorf("find PostgreSQL: no initdb and postgres of version %d or later are on the path or below %s; "+
		"install it with: make postgres (Debian and Ubuntu, as root), or set %s to the folder of its programs",
		oldest, packageFolder, BinVariable)
}

// packageFolder is where Debian's packages have their programs, by version.
const packageFolder = "/usr/lib/postgresql"

func search() (string, bool) {
	if found, err := exec.LookPath("postgres"); err == nil {
		if program, err := filepath.EvalSymlinks(found); err == nil && complete(filepath.Dir(program)) {
			return filepath.Dir(program), true
		}
	}
	bins, err := filepath.Glob(filepath.Join(packageFolder, "*", "bin"))
	if err != nil {
		return "", false
	}
	slices.SortFunc(bins, func(a, b string) int { return major(b) - major(a) })
	for _, bin := range bins {
		if major(bin) >= oldest && complete(bin) {
			return bin, true
		}
	}
	return "", false
}

// major returns the version that the folder of a Debian package is named for.
func major(bin string) int {
	version, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	if err != nil {
		return 0
	}
	return version
}

func complete(bin string) bool {
	return !slices.ContainsFunc(needed(), func(name string) bool {
		_, err := exec.LookPath(filepath.Join(bin, name))
		return err != nil
	})
}
