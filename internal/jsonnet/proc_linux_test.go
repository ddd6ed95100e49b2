package jsonnet

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// procFile is a file of /proc about a process.
func procFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// TestWorker_environment shows that a worker sees nothing of the courier's
// environment.
func TestWorker_environment(t *testing.T) {
	t.Setenv("COURIER_SECRET", "s3cr3t")
	started := make(chan *worker, 1)
	p := startTestPool(t, Options{Workers: 1}, func(o *Options) (*worker, error) {
		w, err := startWorker(o)
		started <- w
		return w, err
	})
	mustWork(t, p)
	environment, err := os.ReadFile(procFile((<-started).process.Process.Pid, "environ"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(environment), workerMarker+"="+workerMarkerValue+"\x00"; got != want {
		t.Errorf("environment = %q, want %q", got, want)
	}
}
