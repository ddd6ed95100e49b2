package jsonnet

import (
	"time"
)

// exchange sends one request and hands each reply to deliver, in order. Every
// reply may take the time-out. It returns how many replies came; with fewer
// than expected the worker is gone, and the error is errExpired or errDied when
// the first unanswered document is to blame, errLost when none is.
func (w *worker) exchange(req *request, timeout time.Duration, deliver func(int, reply)) (int, error) {
	expected := 1
	if req.operation == operationEvaluate {
		expected = len(req.documents)
	}
	timer := time.AfterFunc(timeout, w.expire)
	defer timer.Stop()
	w.announce(req)
	// A failed write shows as a missing reply.
	_ = writeFrame(w.in, req.appendTo(newFrame(req.size())))
	for i := range expected {
		answer, err := w.receive()
		if err != nil {
			return i, w.verdict()
		}
		inTime := timer.Stop()
		deliver(i, answer)
		if !inTime { // killed just after it answered: nobody else is to blame
			w.discard()
			return i + 1, errLost
		}
		timer.Reset(timeout)
	}
	if !timer.Stop() {
		w.discard()
		return expected, errLost
	}
	return expected, nil
}

// receive reads one reply.
func (w *worker) receive() (reply, error) {
	payload, err := readFrame(w.reader, w.maxReply)
	if err != nil {
		return reply{}, err
	}
	return decodeReply(payload)
}

// announce drops the source from a request when the child has it already, and
// keeps count of what the child has.
func (w *worker) announce(req *request) {
	if _, has := w.loaded[req.template]; has {
		req.source = nil
		return
	}
	req.hasSource = true
	if len(w.loaded) >= maxLoaded {
		req.forget = true
		clear(w.loaded)
	}
	w.loaded[req.template] = struct{}{}
}
