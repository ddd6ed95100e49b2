package cli

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
)

// profiled runs do and writes what the processor did meanwhile to the file, in
// the format of pprof. Without a file it only runs do.
func profiled(path string, do func() error) (err error) {
	if path == "" {
		return do()
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("create the CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(fmt.Errorf("start the CPU profile: %w", err), file.Close())
	}
	defer func() {
		pprof.StopCPUProfile()
		err = errors.Join(err, file.Close())
	}()
	return do()
}
