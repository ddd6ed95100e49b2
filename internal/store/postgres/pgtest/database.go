package pgtest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Databases are those of one server. Its methods are safe for concurrent use.
type Databases struct {
	bin, password string
	port          int
}

// Addr returns the server's host and port.
func (d *Databases) Addr() string { return net.JoinHostPort(host, strconv.Itoa(d.port)) }

// DSN returns the connection string of a database, for its superuser.
func (d *Databases) DSN(database string) string { return d.dsnAt(d.Addr(), database) }

// DSNWith returns a connection string that names this server and others, the
// others being its copies, of which the one that can be written is taken.
func (d *Databases) DSNWith(database string, others ...*Server) string {
	addresses := []string{d.Addr()}
	for _, other := range others {
		addresses = append(addresses, other.Addr())
	}
	return d.dsnAt(strings.Join(addresses, ","), database) + "&target_session_attrs=read-write"
}

func (d *Databases) dsnAt(addresses, database string) string {
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable",
		url.UserPassword(superuser, d.password), addresses, url.PathEscape(database))
}

// CreateDatabase makes an empty database.
func (d *Databases) CreateDatabase(ctx context.Context, name string) error {
	return d.CloneDatabase(ctx, name, "template0")
}

// CloneDatabase makes a copy of a database to which nobody is connected. That
// is quicker than to build what it holds once more.
func (d *Databases) CloneDatabase(ctx context.Context, name, from string) error {
	_, err := d.Query(ctx, superuser, "CREATE DATABASE "+quote(name)+" TEMPLATE "+quote(from))
	return err
}

// DropDatabase removes a database and ends the connections to it.
func (d *Databases) DropDatabase(ctx context.Context, name string) error {
	_, err := d.Query(ctx, superuser, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)")
	return err
}

// Query runs statements in a database and returns their rows as lines, the
// columns separated by a bar.
func (d *Databases) Query(ctx context.Context, database, statements string) (string, error) {
	arguments := []string{
		"-XqAt", "-v", "ON_ERROR_STOP=1",
		"-h", host, "-p", strconv.Itoa(d.port), "-U", superuser, "-d", database, "-c", statements,
	}
	command := exec.CommandContext(ctx, filepath.Join(d.bin, "psql"), arguments...) //nolint:gosec // the tests' own programs
	command.Env = append(cleanEnvironment(), "PGPASSWORD="+d.password, "PGCONNECT_TIMEOUT=10")
	return output(command)
}

// answers reports whether the server takes connections.
func (d *Databases) answers(ctx context.Context) bool {
	_, err := d.Query(ctx, superuser, "SELECT 1")
	return err == nil
}

// cleanEnvironment is this process's without what would lead the programs
// astray, and with messages in English.
func cleanEnvironment() []string {
	var kept []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "PG") && !strings.HasPrefix(pair, "LC_") && !strings.HasPrefix(pair, "LANG") {
			kept = append(kept, pair)
		}
	}
	return append(kept, "LC_ALL=C")
}

// output runs a command and returns what it printed; an error has what it
// complained about.
func output(command *exec.Cmd) (string, error) {
	var complaint strings.Builder
	command.Stderr = &complaint
	printed, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("run %s: %w: %s", filepath.Base(command.Path), err, strings.TrimSpace(complaint.String()))
	}
	return strings.TrimSuffix(string(printed), "\n"), nil
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
