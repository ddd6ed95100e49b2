package jsonnet

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// The protocol: the parent sends one workerConfig (JSON) and the child answers
// with greeting; after that every request is answered by exactly one reply for
// a compilation, or one for each document, in order. One request is under way
// at a time. Both sides run the same binary, so there is nothing to negotiate.

// greeting is what a worker says once its limits are in force.
const greeting = "courier-jsonnet-1"

// workerConfig is the first frame a worker receives.
type workerConfig struct {
	TimeoutNanos int64 `json:"timeout_nanos"`
	MaxMemory    int   `json:"max_memory"`
	MaxStack     int   `json:"max_stack"`
	MaxOutput    int   `json:"max_output"`
	MaxRequest   int   `json:"max_request"`
}

// operation is what a request asks for.
type operation byte

const (
	operationCompile operation = iota + 1
	operationEvaluate
)

// request is one round trip: a template, named by its id and sent along when
// the worker does not have it yet, and the ctx documents to evaluate it with.
type request struct {
	operation operation
	// forget tells the worker to drop every template it holds first.
	forget    bool
	template  uint64
	hasSource bool
	source    []byte
	documents [][]byte
}

var errMalformed = errors.New("malformed protocol message")

// appendTo appends the encoded request to a frame.
func (r *request) appendTo(frame []byte) []byte {
	frame = append(frame, byte(r.operation), flag(r.forget), flag(r.hasSource))
	frame = binary.AppendUvarint(frame, r.template)
	frame = appendBytes(frame, r.source)
	frame = binary.AppendUvarint(frame, uint64(len(r.documents)))
	for _, document := range r.documents {
		frame = appendBytes(frame, document)
	}
	return frame
}

// size returns an upper bound of the encoded length.
func (r *request) size() int {
	size := 4*binary.MaxVarintLen64 + len(r.source)
	for _, document := range r.documents {
		size += binary.MaxVarintLen64 + len(document)
	}
	return size
}

// decodeRequest reads a request; its byte slices share the payload.
func decodeRequest(payload []byte) (*request, error) {
	if len(payload) < 3 {
		return nil, errMalformed
	}
	r := &request{operation: operation(payload[0]), forget: payload[1] != 0, hasSource: payload[2] != 0}
	d := decoder{rest: payload[3:]}
	r.template = d.uvarint()
	r.source = d.bytes()
	count := d.uvarint()
	for i := uint64(0); i < count && d.err == nil; i++ {
		r.documents = append(r.documents, d.bytes())
	}
	if d.err == nil && len(d.rest) != 0 {
		d.err = errMalformed
	}
	return r, d.err
}

// outcome is what became of one evaluation or compilation in a worker.
type outcome byte

const (
	// outcomeOK carries the JSON result, or the compiled form of a template.
	outcomeOK outcome = iota + 1
	// outcomeCanceled carries nothing.
	outcomeCanceled
	// outcomeFault carries a fault as JSON.
	outcomeFault
)

// reply is the answer to one evaluation or compilation.
type reply struct {
	outcome outcome
	payload []byte
}

// fault is an error of a template on its way to the parent.
type fault struct {
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

// compiled is what a worker tells about a template that it accepts.
type compiled struct {
	// Plan is set when the template can be run without the interpreter.
	Plan *plan `json:"plan,omitempty"`
}

// compiledReply encodes what a worker tells about a template.
func compiledReply(c compiled) reply {
	payload, err := json.Marshal(c)
	if err != nil {
		return reply{outcome: outcomeOK, payload: []byte("{}")}
	}
	return reply{outcome: outcomeOK, payload: payload}
}

func (r reply) appendTo(frame []byte) []byte {
	return append(append(frame, byte(r.outcome)), r.payload...)
}

func decodeReply(payload []byte) (reply, error) {
	if len(payload) == 0 {
		return reply{}, errMalformed
	}
	return reply{outcome: outcome(payload[0]), payload: payload[1:]}, nil
}

// faultReply encodes a fault.
func faultReply(f fault) reply {
	payload, err := json.Marshal(f)
	if err != nil {
		payload = []byte(`{"message":"unreadable error"}`)
	}
	return reply{outcome: outcomeFault, payload: payload}
}

// decodeFault reads what faultReply wrote.
func decodeFault(payload []byte) (fault, error) {
	var f fault
	if err := json.Unmarshal(payload, &f); err != nil {
		return fault{}, fmt.Errorf("read fault: %w", err)
	}
	return f, nil
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func appendBytes(frame, value []byte) []byte {
	return append(binary.AppendUvarint(frame, uint64(len(value))), value...)
}

// decoder reads length-prefixed values; its first error stays.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) uvarint() uint64 {
	value, n := binary.Uvarint(d.rest)
	if d.err != nil || n <= 0 {
		d.err = errMalformed
		return 0
	}
	d.rest = d.rest[n:]
	return value
}

func (d *decoder) bytes() []byte {
	size := d.uvarint()
	if d.err != nil || size > uint64(len(d.rest)) {
		d.err = errMalformed
		return nil
	}
	value := d.rest[:size]
	d.rest = d.rest[size:]
	return value
}
