package sqlite

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// scheme begins the address of a database of this engine.
const scheme = "sqlite://"

// ErrInvalidDSN reports an address that is no sqlite:// address of a file.
var ErrInvalidDSN = errors.New("store address must be sqlite:///absolute/path.db or sqlite://relative/path.db")

// ParseDSN returns the path of the file that an address names:
// "sqlite:///var/lib/courier.db" is absolute, "sqlite://courier.db" is relative
// to the working directory. Errors are ErrInvalidDSN.
func ParseDSN(dsn string) (string, error) {
	path, found := strings.CutPrefix(dsn, scheme)
	switch {
	case !found:
		return "", ErrInvalidDSN
	case path == "" || strings.HasSuffix(path, "/"):
		return "", fmt.Errorf("%w: it names no file", ErrInvalidDSN)
	case strings.ContainsAny(path, "?#\x00"):
		return "", fmt.Errorf("%w: it takes no parameters", ErrInvalidDSN)
	case strings.Contains(path, ":memory:"):
		return "", fmt.Errorf("%w: a queue in memory would be lost with the process", ErrInvalidDSN)
	}
	return path, nil
}

// busyTimeout is how long a connection waits for the lock of another program.
const busyTimeout = "busy_timeout(5000)"

// writerPragmas are those of the connection that writes: the syncer forces its
// commits to the disk, checkpoints and the beginning of a log are forced by SQLite
// (synchronous=NORMAL). They stand in the address, so that each connection of a
// pool has them. The page caches bound the memory of the engine.
func writerPragmas() []string {
	return []string{
		busyTimeout, "journal_mode(wal)", "synchronous(normal)", "foreign_keys(1)", "temp_store(memory)",
		"cache_size(-16384)", "wal_autocheckpoint(2000)", "journal_size_limit(33554432)", "mmap_size(0)", "trusted_schema(0)",
		// What is deleted is overwritten.
		"secure_delete(1)",
	}
}

func readerPragmas() []string {
	return []string{
		busyTimeout, "synchronous(full)", "foreign_keys(1)", "temp_store(memory)",
		"cache_size(-2048)", "mmap_size(0)", "trusted_schema(0)", "query_only(1)",
	}
}

// address returns what the driver opens for an absolute path.
func address(path string, pragmas []string) string {
	query := url.Values{
		"mode":    {"rw"}, // the file is made beforehand, with permissions of its own
		"_pragma": pragmas,
		// Text in double quotes is a name; error texts are those of the call that
		// failed; ordinary statements cannot change the schema tables.
		"_dqs": {"0"}, "_error_rc": {"1"}, "_defensive": {"1"},
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // a drive of Windows
		path = "/" + path
	}
	file := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query.Encode()}
	return file.String()
}
