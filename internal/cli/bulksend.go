package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"courier"
	"courier/client"
)

// bulkBatch is how many rows travel in one request.
const bulkBatch = 100

// batchClient is what a bulkSender needs of the client.
type batchClient interface {
	SendBatch(ctx context.Context, requests []client.SendRequest) ([]client.BatchResult, error)
}

// outcome is what became of one row.
type outcome struct {
	row row
	// err is why it was refused, nil when it was accepted.
	err error
}

// tally counts the rows of a run.
type tally struct {
	Rows     int `json:"rows"`
	Accepted int `json:"accepted"`
	Refused  int `json:"refused"`
	// Seconds is how long the run took.
	Seconds float64 `json:"seconds"`
}

func (t *tally) add(outcomes []outcome) {
	for _, outcome := range outcomes {
		t.Rows++
		if outcome.err == nil {
			t.Accepted++
		} else {
			t.Refused++
		}
	}
}

func (t *tally) print(out io.Writer, format format) error {
	if format == formatJSON {
		return printJSON(out, t)
	}
	took := time.Duration(t.Seconds * float64(time.Second)).Round(time.Millisecond)
	if _, err := fmt.Fprintf(out, "%d rows: %d accepted, %d refused, in %s\n", t.Rows, t.Accepted, t.Refused, took); err != nil {
		return fmt.Errorf("print summary: %w", err)
	}
	return nil
}

// bulkSender sends rows in batches, a few at once. It holds no more than the
// batches in flight in memory, and a few bytes of each row to tell equal ones apart.
type bulkSender struct {
	client      batchClient
	runID       string
	concurrency int
}

// run sends the rows that next returns until io.EOF. It tells done of the
// outcomes, one call at a time, in no certain order of batches. An error means
// that it stopped before the end.
func (s bulkSender) run(ctx context.Context, next func() (row, error), done func([]outcome, tally)) (tally, error) {
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	batches, finished := make(chan []row), make(chan []outcome)
	group.Go(func() error {
		defer close(batches)
		return produce(ctx, s.keyed(next), batches)
	})
	for range s.concurrency {
		group.Go(func() error { return s.consume(ctx, batches, finished) })
	}
	stopped := make(chan error, 1)
	go func() {
		stopped <- group.Wait()
		close(finished)
	}()
	var total tally
	for outcomes := range finished {
		total.add(outcomes)
		total.Seconds = time.Since(began).Seconds()
		done(outcomes, total)
	}
	return total, <-stopped
}

// produce cuts the rows into batches.
func produce(ctx context.Context, next func() (row, error), batches chan<- []row) error {
	for {
		batch, err := nextBatch(next)
		if len(batch) > 0 {
			select {
			case batches <- batch:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func nextBatch(next func() (row, error)) ([]row, error) {
	batch := make([]row, 0, bulkBatch)
	for len(batch) < bulkBatch {
		read, err := next()
		if err != nil {
			return batch, err
		}
		batch = append(batch, read)
	}
	return batch, nil
}

func (s bulkSender) consume(ctx context.Context, batches <-chan []row, finished chan<- []outcome) error {
	for batch := range batches {
		outcomes, err := s.send(ctx, batch)
		if len(outcomes) > 0 {
			finished <- outcomes
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// send sorts out the rows that are at fault and delivers the others.
func (s bulkSender) send(ctx context.Context, batch []row) ([]outcome, error) {
	outcomes := make([]outcome, 0, len(batch))
	good := make([]row, 0, len(batch))
	for _, row := range batch {
		if row.err != nil {
			outcomes = append(outcomes, outcome{row, row.err})
			continue
		}
		good = append(good, row)
	}
	delivered, err := s.deliver(ctx, good)
	return append(outcomes, delivered...), err
}

// deliver sends rows in one request. When the server refuses the request as a
// whole, it halves them until it is known which row is at fault.
func (s bulkSender) deliver(ctx context.Context, rows []row) ([]outcome, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	requests := make([]client.SendRequest, len(rows))
	for i, row := range rows {
		requests[i] = row.request
	}
	results, err := s.client.SendBatch(ctx, requests)
	switch {
	case err == nil:
		return outcomesOf(rows, results), nil
	case !aboutRequest(err):
		return nil, err
	case len(rows) == 1:
		return []outcome{{rows[0], err}}, nil
	}
	half := len(rows) / 2
	first, err := s.deliver(ctx, rows[:half])
	if err != nil {
		return first, err
	}
	second, err := s.deliver(ctx, rows[half:])
	return append(first, second...), err
}

func outcomesOf(rows []row, results []client.BatchResult) []outcome {
	outcomes := make([]outcome, len(rows))
	for i, row := range rows {
		outcomes[i] = outcome{row, results[i].Err()}
	}
	return outcomes
}

// aboutRequest reports whether the server refused what was sent, so that
// another request may be taken.
func aboutRequest(err error) bool {
	if _, ok := errors.AsType[*courier.Error](err); !ok {
		return false
	}
	switch courier.CodeOf(err) {
	case courier.CodeInvalidRequest, courier.CodeInvalidRecipient, courier.CodeInvalidSender, courier.CodeMessageTooLong,
		courier.CodeUnknownChannel, courier.CodeIdempotencyConflict, courier.CodeRequestTooLarge:
		return true
	case courier.CodeSMSDisabled, courier.CodeIllegalTransition, courier.CodeContentScrubbed, courier.CodeNotFound, courier.CodeMethodNotAllowed,
		courier.CodeUnauthorized, courier.CodeForbidden, courier.CodeUnsupportedMedia, courier.CodeStoreFull,
		courier.CodeStoreReadOnly, courier.CodeStoreUnavailable, courier.CodeShuttingDown, courier.CodeInternal:
		return false
	}
	return false
}

// rowIdentity is what a row is known by. Its JSON is part of the idempotency
// keys of runs under way, so a field that is added must be left out when empty.
type rowIdentity struct {
	Run string `json:"run,omitempty"`
	// Copy counts the rows before it that say the same, so that equal rows are
	// told apart. The place in the file does not count: a file that lost its
	// refused rows, or got more rows, sends none of the others again.
	Copy         uint32          `json:"copy,omitempty"`
	To           string          `json:"to"`
	Body         string          `json:"body"`
	From         string          `json:"from,omitempty"`
	Channel      string          `json:"channel,omitempty"`
	Subject      string          `json:"subject,omitempty"`
	TTL          time.Duration   `json:"ttl,omitempty"`
	SendAt       time.Time       `json:"send_at,omitzero"`
	ExpiresAt    time.Time       `json:"expires_at,omitzero"`
	TemplateType string          `json:"template_type,omitempty"`
	TemplateData json.RawMessage `json:"template_data,omitempty"`
	Metadata     map[string]any  `json:"metadata,omitempty"`
}

// keyed gives an idempotency key to each good row that has none.
func (s bulkSender) keyed(next func() (row, error)) func() (row, error) {
	keys := rowKeys{runID: s.runID, copies: make(map[[8]byte]uint32)}
	return func() (row, error) {
		read, err := next()
		if err == nil && read.err == nil && read.request.IdempotencyKey == "" {
			read.request.IdempotencyKey, read.err = keys.key(read.request)
		}
		return read, err
	}
}

// rowKeys makes the idempotency keys of the rows of a file, in their order. It
// remembers a few bytes of each row.
type rowKeys struct {
	runID  string
	copies map[[8]byte]uint32
}

// key returns the same key for the same content, whatever the file is called
// and wherever the row is in it.
func (k *rowKeys) key(request client.SendRequest) (string, error) {
	identity := rowIdentity{
		Run: k.runID, To: request.To, Body: request.Body, From: request.From,
		Channel: request.Channel, Subject: request.Subject, TTL: request.TTL, SendAt: request.SendAt,
		ExpiresAt: request.ExpiresAt, TemplateType: request.TemplateType,
		TemplateData: request.TemplateData, Metadata: request.Metadata,
	}
	sum, err := identity.sum()
	if err != nil {
		return "", err
	}
	short := [8]byte(sum[:8])
	identity.Copy = k.copies[short]
	k.copies[short]++
	if identity.Copy > 0 {
		if sum, err = identity.sum(); err != nil {
			return "", err
		}
	}
	return "csv-" + hex.EncodeToString(sum[:]), nil
}

func (i rowIdentity) sum() ([sha256.Size]byte, error) {
	content, err := json.Marshal(i)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("make idempotency key: %w", err)
	}
	return sha256.Sum256(content), nil
}
