package jsonnet

import (
	"context"
	"regexp"
	"time"
)

// The bounds of a template that is read in this process, in bytes and in what may nest
// in it: each level takes the parser 48 KiB of stack, and a stack that overflows at 1 GB,
// or a quarter of that, ends the program.
const (
	maxOwnSource = 64 << 10
	maxOwnNests  = 4000
)

// nestsTooDeep reports whether a template might nest deeper than this process takes. It
// counts what may begin a level, also in texts and comments, so depth is never more.
func nestsTooDeep(source string) bool {
	level := regexp.MustCompile(`[\[{(!~+-]|\b(local|function|if|then|else|error|assert|for|in|import\w*)\b`)
	return len(level.FindAllStringIndex(source, maxOwnNests+1)) > maxOwnNests
}

// interpreter answers the requests about one template in this process, one at a
// time. go-jsonnet cannot be stopped, so one that takes too long is left to itself:
// until it ends, those that come after it fail too, and no second one begins.
type interpreter struct {
	// free holds the evaluator while nothing runs.
	free chan *evaluator
}

func newInterpreter(o *Options) *interpreter {
	i := &interpreter{free: make(chan *evaluator, 1)}
	i.free <- newEvaluator(childLimits{MaxStack: o.MaxStack, MaxOutput: o.MaxOutput})
	return i
}

// do answers a request within the time-out. Errors are ErrTimeout, ErrCrashed, ErrClosed,
// or that of ctx.
func (i *interpreter) do(ctx context.Context, p *Pool, req *request) (reply, error) {
	timer := time.NewTimer(p.options.Timeout)
	defer timer.Stop()
	var e *evaluator
	select {
	case e = <-i.free:
	case <-timer.C:
		return reply{}, ErrTimeout
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
	answered := make(chan *reply, 1)
	if !p.begin(func() {
		answered <- e.answerOrNil(req)
		i.free <- e
	}) {
		i.free <- e
		return reply{}, ErrClosed
	}
	select {
	case answer := <-answered:
		if answer == nil {
			return reply{}, ErrCrashed
		}
		return *answer, nil
	case <-timer.C:
		return reply{}, ErrTimeout
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
}

// answerOrNil is answer that contains a panic of the interpreter.
func (e *evaluator) answerOrNil(req *request) (answer *reply) {
	defer func() {
		if recover() != nil {
			answer = nil
		}
	}()
	given := e.answer(req)
	return &given
}
