package jsonnet

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"runtime"
	"time"
)

// workerMarker is the environment variable, and the only one, that makes a
// process of this program a worker.
const workerMarker = "COURIER_JSONNET_WORKER"

// workerMarkerValue is what a pool sets workerMarker to; any other value is ignored.
const workerMarkerValue = "pipes-1"

// Exit codes of a worker. Any other than these, such as the 2 with which Go ends
// when memory or stack run out, means that the evaluation was at fault, as
// exitMemory does.
const (
	exitDone     = 0
	exitMemory   = 3
	exitOrphaned = 4
	exitProtocol = 5
)

// workerProcs is how many CPUs a worker uses: one evaluates, one watches and
// collects garbage.
const workerProcs = 2

// ServeIfChild turns this process into a template worker when a Pool started
// it as one, and then never returns; otherwise it does nothing. It comes first
// in main, and in TestMain of every package whose tests evaluate templates.
func ServeIfChild() {
	if os.Getenv(workerMarker) != workerMarkerValue {
		return
	}
	exit(serve(os.Stdin, os.Stdout))
}

// exit ends a worker process. A worker is not the courier: it has nothing to
// release, and its exit code tells the pool why it ended.
func exit(code int) {
	os.Exit(code) //nolint:forbidigo // only ever called in a worker process, see above
}

// serve answers requests until the parent closes the pipe.
func serve(in io.Reader, out io.Writer) int {
	runtime.GOMAXPROCS(workerProcs)
	ignoreSignals()
	reader := bufio.NewReader(in)
	config, err := readConfig(reader)
	if err != nil {
		return exitProtocol
	}
	guard, err := applyLimits(config)
	if err != nil {
		return exitProtocol
	}
	if err := writeFrame(out, append(newFrame(len(greeting)), greeting...)); err != nil {
		return exitDone
	}
	requests := make(chan []byte)
	go readRequests(reader, config.MaxRequest, requests)
	evaluator := newEvaluator(config, bufio.NewWriter(out))
	for payload := range requests {
		guard.begin()
		err := evaluator.answer(payload)
		guard.end()
		if err != nil {
			return exitProtocol
		}
	}
	return exitDone
}

func readConfig(reader io.Reader) (workerConfig, error) {
	const maxConfig = 4096
	var config workerConfig
	payload, err := readFrame(reader, maxConfig)
	if err != nil {
		return config, err
	}
	return config, json.Unmarshal(payload, &config)
}

// readRequests passes requests on. The end of the stream means that the parent
// closed the pool or is gone: the worker ends at once, even in the middle of an
// evaluation that would never end.
func readRequests(reader io.Reader, limit int, requests chan<- []byte) {
	for {
		payload, err := readFrame(reader, limit)
		if err != nil {
			exit(exitDone)
		}
		requests <- payload
	}
}

// orphanAfter is how long one request may occupy a worker before it concludes
// that the parent, which kills it much earlier, is stopped.
func (c workerConfig) orphanAfter() time.Duration {
	return 10*time.Duration(c.TimeoutNanos) + time.Minute
}
