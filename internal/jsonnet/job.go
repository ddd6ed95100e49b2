package jsonnet

import (
	"sync/atomic"
)

// job is one evaluation or compilation that waits for a worker.
type job struct {
	operation operation
	template  *Template
	document  []byte
	// abandoned says that nobody waits for the result any more.
	abandoned atomic.Bool
	// solo says that the job is evaluated alone, since a batch it was part of
	// took its worker down. Guarded by whoever holds the job.
	solo bool
	// losses counts the workers that were lost under the job.
	losses int
	done   chan result
}

// result is what a job came to.
type result struct {
	reply reply
	err   error
}

// maxLosses is how many lost workers a job survives.
const maxLosses = 2

func newJob(op operation, t *Template, document []byte) *job {
	return &job{operation: op, template: t, document: document, done: make(chan result, 1)}
}

// finish hands the result over; it is called once.
func (j *job) finish(r result) { j.done <- r }

// joins says whether the job can travel in one batch with the other.
func (j *job) joins(other *job) bool {
	return j.operation == operationEvaluate && other.operation == operationEvaluate &&
		!j.solo && !other.solo && j.template == other.template
}
