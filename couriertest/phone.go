package couriertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"courier"
	"courier/embed"
	"courier/internal/gateway/gatewaytest"
	"courier/internal/inbox"
)

// Failure is a way in which the gateway fails. Exactly one of Status, Hang and Reset is set.
type Failure struct {
	// Status is answered, such as 400 for a refusal of the message, 401 for one of the
	// account, 429 for too many at a time, 503 for a gateway in trouble.
	Status int
	// RetryAfter is asked for with Status.
	RetryAfter time.Duration
	// Body goes with Status.
	Body string
	// Hang never answers, Reset breaks the connection after the request was read: nobody
	// knows then whether the message was sent.
	Hang, Reset bool
}

func (f Failure) behavior() gatewaytest.Behavior {
	behavior := gatewaytest.Behavior{Status: f.Status, RetryAfter: f.RetryAfter}
	if f.Body != "" {
		behavior.Body = []byte(f.Body)
	}
	switch {
	case f.Hang:
		behavior.Fault = gatewaytest.FaultHang
	case f.Reset:
		behavior.Fault = gatewaytest.FaultResetAfterRead
	case f.Status == 0:
		behavior.Status = http.StatusServiceUnavailable
	}
	return behavior
}

// Fail has the gateway fail until Recover.
func (c *Courier) Fail(as Failure) {
	behavior := as.behavior()
	c.phone.Override(&behavior)
}

// Recover has the gateway take messages again.
func (c *Courier) Recover() { c.phone.Override(nil) }

// FailNext has the gateway fail for the next requests, each in its way.
func (c *Courier) FailNext(as ...Failure) {
	for _, failure := range as {
		c.phone.Script(failure.behavior())
	}
}

// posted is what the courier sends to the phone.
type posted struct {
	To   string `json:"to"`
	From string `json:"from"`
	Body string `json:"body"`
}

// request makes the request of a message, without a template, so that none is to be read.
func request(_ context.Context, m *courier.Message) (embed.Request, error) {
	body, err := json.Marshal(posted{m.To, m.From, m.Body})
	return embed.Request{Body: body}, err
}

// Send hands a message to the courier. The test fails when it is not taken.
func (c *Courier) Send(tb TB, to, body string) *courier.Message {
	tb.Helper()
	m, err := c.Courier.Send(tb.Context(), courier.Draft{To: to, Body: body})
	if err != nil {
		tb.Fatalf("send message: %v", err)
	}
	return m
}

// Messages returns what the phones received so far, in that order.
func (c *Courier) Messages() []Message {
	var messages []Message
	for _, caught := range c.phone.Messages() {
		if caught.Arrived() {
			messages = append(messages, messageOf(&caught))
		}
	}
	return messages
}

// WaitMessage returns the next message to a number: each message is returned once, by this
// or WaitCode. When none comes within Timeout, the test fails and is told what the courier
// knows of the last one.
func (c *Courier) WaitMessage(tb TB, to string) Message {
	tb.Helper()
	return c.wait(tb, to, func(*Message) bool { return true })
}

// WaitCode returns the one-time code of the next message to a number that has one.
func (c *Courier) WaitCode(tb TB, to string) string {
	tb.Helper()
	return c.wait(tb, to, func(m *Message) bool { return m.Code != "" }).Code
}

func (c *Courier) wait(tb TB, to string, wanted func(*Message) bool) Message {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), Timeout)
	defer cancel()
	for {
		count := c.phone.Count()
		if m, found := c.next(to, wanted); found {
			return m
		}
		if c.phone.WaitFor(ctx, count+1) != nil {
			tb.Fatalf("no such message to %s came within %s: %s", to, Timeout, c.explain(to))
			return Message{}
		}
	}
}

// next returns the first message that was not waited for, and marks those up to it.
func (c *Courier) next(to string, wanted func(*Message) bool) (Message, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, caught := range c.phone.Messages() {
		if !caught.Arrived() || !caught.IsTo(to) || c.read[caught.ID] {
			continue
		}
		c.read[caught.ID] = true
		if m := messageOf(&caught); wanted(&m) {
			return m, true
		}
	}
	return Message{}, false
}

func messageOf(caught *inbox.Message) Message {
	var sent posted
	_ = json.Unmarshal([]byte(caught.Body), &sent) // request made it
	return Message{To: sent.To, From: sent.From, Text: sent.Body, Code: caught.Code, ReceivedAt: caught.ReceivedAt}
}

// explain says what the gateway did with the last message to a number.
func (c *Courier) explain(to string) string {
	caught := c.phone.Messages()
	for i := range caught {
		last := &caught[len(caught)-1-i]
		switch {
		case !last.IsTo(to):
		case last.Arrived():
			return "those that came were waited for before, or have no code"
		case last.Status == 0:
			return "the gateway had one and did not answer"
		default:
			return fmt.Sprintf("the gateway answered %d %s", last.Status, http.StatusText(last.Status))
		}
	}
	return "none was sent to the gateway; the log of the test says more"
}

// logWriter writes the log of the courier to that of the test.
type logWriter struct{ tb TB }

// Write implements io.Writer.
func (w logWriter) Write(line []byte) (int, error) {
	w.tb.Logf("%s", bytes.TrimSuffix(line, []byte("\n")))
	return len(line), nil
}
