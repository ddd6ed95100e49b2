package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// machine is what the figures depend on.
type machine struct{ facts [][2]string }

// readMachine describes the machine, the program and the disk of the databases.
func readMachine(ctx context.Context, s settings) (machine, error) {
	var m machine
	info, err := buildinfo.ReadFile(s.courier)
	if err != nil {
		return m, fmt.Errorf("read %s: %w; build it with: make build", s.courier, err)
	}
	synced, err := syncTime(s.dir)
	if err != nil {
		return m, err
	}
	m.add("date", time.Now().UTC().Format(time.DateOnly))
	m.add("commit", commit(ctx))
	m.add("processor", fmt.Sprintf("%s, %d cores", colonValue("/proc/cpuinfo", "model name"), runtime.NumCPU()))
	m.add("memory", memory())
	m.add("kernel", runtime.GOOS+" "+firstLine("/proc/sys/kernel/osrelease")+" "+runtime.GOARCH)
	m.add("disk", fmt.Sprintf("%.2f ms to write 4 KiB and fsync, median", float64(synced.Microseconds())/1000))
	m.add("Go", info.GoVersion)
	m.add("messages", fmt.Sprintf("%s in a measurement of throughput, %d attempts in flight unless a row says otherwise",
		grouped(float64(s.size.messages)), s.size.inFlight))
	return m, nil
}

func (m *machine) add(name, value string) { m.facts = append(m.facts, [2]string{name, value}) }

func (m *machine) text() string {
	var out strings.Builder
	for _, fact := range m.facts {
		fmt.Fprintf(&out, "%s: %s\n", fact[0], fact[1])
	}
	return out.String()
}

// commit names the commit of the work tree, as git describes it.
func commit(ctx context.Context) string {
	text, err := exec.CommandContext(ctx, "git", "describe", "--tags", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

// syncTime is the median time to write a page and to have it on the disk.
func syncTime(dir string) (time.Duration, error) {
	file, err := os.CreateTemp(dir, "fsync-")
	if err != nil {
		return 0, fmt.Errorf("measure the disk: %w", err)
	}
	defer func() {
		_ = file.Close()
		_ = os.Remove(filepath.Clean(file.Name()))
	}()
	const times = 100
	var taken []time.Duration
	page := make([]byte, 4096)
	for range times {
		began := time.Now()
		if _, err := file.Write(page); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		if err := file.Sync(); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		taken = append(taken, time.Since(began))
	}
	slices.Sort(taken)
	return taken[times/2], nil
}

func memory() string {
	kib, err := strconv.ParseFloat(strings.TrimSuffix(colonValue("/proc/meminfo", "MemTotal"), " kB"), 64)
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.0f GiB", kib/(1<<20))
}

// colonValue returns the first value of a "name: value" file, or unknown.
func colonValue(path, name string) string {
	text, _ := os.ReadFile(filepath.Clean(path))
	for line := range strings.Lines(string(text)) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func firstLine(path string) string {
	text, _ := os.ReadFile(filepath.Clean(path))
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
