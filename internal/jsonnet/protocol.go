package jsonnet

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"courier/internal/jsonnet/plan"
)

// The protocol: JSON in frames of a four-byte big-endian length. The parent sends
// one childLimits, which the child answers with an empty reply once they are in
// force; after that every request gets one reply, one at a time. Both sides run the
// same binary, so there is nothing to negotiate.

// childLimits is the first thing that a child gets.
type childLimits struct {
	TimeoutNanos int64 `json:"timeout_nanos"`
	MaxMemory    int   `json:"max_memory"`
	MaxStack     int   `json:"max_stack"`
	MaxOutput    int   `json:"max_output"`
	MaxRequest   int   `json:"max_request"`
}

// request asks for the evaluation of a template with a value of its argument, or
// without Value for what it is. The child remembers the templates it has parsed by
// their source.
type request struct {
	Source   string          `json:"source"`
	Argument string          `json:"argument"`
	Value    json.RawMessage `json:"value,omitempty"`
}

// reply is what became of a request: one of its fields is set.
type reply struct {
	Result   json.RawMessage `json:"result,omitempty"`
	Canceled bool            `json:"canceled,omitempty"`
	Fault    *fault          `json:"fault,omitempty"`
	Template *facts          `json:"template,omitempty"`
}

// facts are what a child tells of a template that it accepts.
type facts struct {
	// Plan is set when the template can be run without the interpreter.
	Plan *plan.Plan `json:"plan,omitempty"`
	// Reads are the fields of the argument that the template looks at, unless Whole says that
	// it may look at any.
	Reads []string `json:"reads,omitempty"`
	Whole bool     `json:"whole,omitempty"`
	// Body is where the result of the template is written.
	Body place `json:"body"`
	// Warnings are mistakes in what a message may or may not come to.
	Warnings []fault `json:"warnings,omitempty"`
}

// place is a position in a template, counted from 1; 0 for none.
type place struct {
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

// fault is an error of a template: see TemplateError.
type fault struct {
	place

	Static  bool   `json:"static,omitempty"`
	Message string `json:"message"`
	Object  string `json:"object,omitempty"`
	Field   string `json:"field,omitempty"`
}

// headerSize is the length of a frame's header.
const headerSize = 4

// frameOverhead is what a frame may hold in addition to the texts in it.
const frameOverhead = 64 << 10

var (
	// errFrameTooLarge says that a frame announces more bytes than its reader takes.
	errFrameTooLarge = errors.New("frame too large")
	errMalformed     = errors.New("malformed protocol message")
)

// writeFrame writes a value in one call.
func writeFrame(w io.Writer, value any) error {
	var frame bytes.Buffer
	frame.Write(make([]byte, headerSize))
	encoder := json.NewEncoder(&frame)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	binary.BigEndian.PutUint32(frame.Bytes(), uint32(frame.Len()-headerSize)) //nolint:gosec // Options bound what is written to some MiB
	if _, err := w.Write(frame.Bytes()); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}

// readFrame reads a value of at most limit bytes. It returns io.EOF when the
// stream ends before a frame begins.
func readFrame(r io.Reader, limit int, into any) error {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return err
	}
	size := int64(binary.BigEndian.Uint32(header[:]))
	if size > int64(limit) {
		return errFrameTooLarge
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(r, payload); err != nil {
		return fmt.Errorf("read frame: %w", err)
	}
	if err := json.Unmarshal(payload, into); err != nil {
		return errMalformed
	}
	return nil
}
