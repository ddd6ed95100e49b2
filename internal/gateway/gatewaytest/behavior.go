package gatewaytest

import (
	"maps"
	"net/http"
	"strconv"
	"time"
)

// Fault is a way in which a gateway can fail without a bad status.
type Fault int

// The faults.
const (
	// FaultNone answers.
	FaultNone Fault = iota
	// FaultReset resets the connection before the body is read. The request is not recorded.
	FaultReset
	// FaultResetAfterRead records the request and resets the connection instead of answering.
	FaultResetAfterRead
	// FaultHang records the request and never answers.
	FaultHang
	// FaultSlowBody answers with a body that comes one byte at a time without end.
	FaultSlowBody
	// FaultHangBody answers with the headers and half a body, and hangs.
	FaultHangBody
	// FaultHugeBody answers with a body of HugeSize bytes.
	FaultHugeBody
	// FaultRaw writes Raw instead of an answer and closes the connection.
	FaultRaw
)

// Behavior is what the gateway does with one request. The zero value takes it
// with 201 and {"id": "<uuid>"}.
type Behavior struct {
	// Status is the status of the answer, 0 is 201.
	Status int
	Header http.Header
	// Body is the body of the answer, nil is the id or an error.
	Body []byte
	// Latency passes before the answer.
	Latency time.Duration
	// FailRate is the share of requests, 0 to 1, that FailStatus answers.
	FailRate float64
	// FailStatus is 503 when it is 0.
	FailStatus int
	// RetryAfter is asked for in answers that are no success, in whole seconds.
	RetryAfter time.Duration
	Fault      Fault
	// Raw is what FaultRaw writes.
	Raw []byte
	// HugeSize is the size of FaultHugeBody, 0 is 1 GiB.
	HugeSize int64
	// Interval is the pause between the bytes of FaultSlowBody, 0 is 10 ms.
	Interval time.Duration
	// taken is the message that an emulator took.
	taken *Message
}

func (b *Behavior) setDefaults() {
	if b.Status == 0 {
		b.Status = http.StatusCreated
	}
	if b.FailStatus == 0 {
		b.FailStatus = http.StatusServiceUnavailable
	}
	if b.HugeSize == 0 {
		b.HugeSize = 1 << 30
	}
	if b.Interval <= 0 {
		b.Interval = 10 * time.Millisecond
	}
}

// answers reports whether the client is meant to read a status.
func (b *Behavior) answers() bool {
	switch b.Fault {
	case FaultNone, FaultSlowBody, FaultHangBody, FaultHugeBody:
		return true
	case FaultReset, FaultResetAfterRead, FaultHang, FaultRaw:
	}
	return false
}

func (b *Behavior) writeHeader(header http.Header) {
	maps.Copy(header, b.Header)
	if b.RetryAfter > 0 && b.Status >= http.StatusMultipleChoices {
		seconds := int64((b.RetryAfter + time.Second - 1) / time.Second)
		header.Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
}
