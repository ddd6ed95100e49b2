package cli

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"courier"
	"courier/client"
)

const (
	// bulkRetryFor is how long a batch is sent again while the server is away.
	bulkRetryFor = 2 * time.Minute
	// bulkBatch is how many rows travel in one request, maxConcurrency bounds the requests in flight.
	bulkBatch, maxConcurrency = 100, 64
	// maxShownRefusals is how many refused rows are printed on standard error when a
	// report file has them all.
	maxShownRefusals = 20
)

// bulkFlags describe a file of messages.
type bulkFlags struct {
	file, delimiter, runID, report string
	concurrency                    int
}

func (f *bulkFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.file, "csv", "", "send the rows of this `FILE`, or - for standard input")
	flags.StringVar(&f.delimiter, "delimiter", ",", "what separates the fields of the file, such as ; or tab")
	flags.StringVar(&f.runID, "run-id", "", "`NAME` of this run: rows are sent once a run")
	flags.StringVar(&f.report, "report", "", "write the refused rows with line numbers and reasons to this CSV `FILE`")
	flags.IntVar(&f.concurrency, "concurrency", 4, "batches of 100 rows in flight at once")
}

// check returns the separator of fields, and refuses flags that are about one message.
func (f *bulkFlags) check(one sendFlags) (rune, error) {
	for name, given := range map[string]bool{
		"--to": one.to != "", "--body": one.body != "", "--wait": one.wait, "--idempotency-key": one.idempotencyKey != "",
	} {
		if given {
			return 0, fmt.Errorf("%s is about one message, it cannot be given with --csv", name)
		}
	}
	if f.concurrency < 1 || f.concurrency > maxConcurrency {
		return 0, fmt.Errorf("read --concurrency: it must be 1 to %d", maxConcurrency)
	}
	if f.delimiter == "tab" || f.delimiter == `\t` {
		return '\t', nil
	}
	comma, size := utf8.DecodeRuneInString(f.delimiter)
	if size != len(f.delimiter) || size == 0 || comma == utf8.RuneError || comma == '"' || comma == '\n' || comma == '\r' {
		return 0, errors.New("read --delimiter: it must be one character such as ; or the word tab")
	}
	return comma, nil
}

// sendBulk sends the rows of a file.
func sendBulk(ctx context.Context, cmd *cobra.Command, connection *connection, format format, one sendFlags, bulk bulkFlags) (err error) {
	comma, err := bulk.check(one)
	if err != nil {
		return &usageError{err}
	}
	base, err := one.base()
	if err != nil {
		return &usageError{err}
	}
	file, size, err := openMessages(bulk.file, cmd.InOrStdin())
	if err != nil {
		return &usageError{fmt.Errorf("open file of messages: %w", err)}
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	reader, err := newRowReader(file, comma, base)
	if err != nil {
		return &usageError{fmt.Errorf("read %s: %w", bulk.file, err)}
	}
	progress := connection.shared.newProgress(cmd.ErrOrStderr())
	report, err := newReport(bulk.report, file, progress)
	if err != nil {
		return &usageError{err}
	}
	opened, err := connection.open(client.Options{RetryFor: bulkRetryFor, OnRetryFunc: progress.onRetry})
	if err != nil {
		return errors.Join(err, report.close())
	}
	sender := bulkSender{client: opened, runID: bulk.runID, concurrency: bulk.concurrency}
	total, sending := sender.run(ctx, reader.next, func(rows []row, total totals) {
		report.write(rows)
		progress.update(total.Rows, total.share(size), fmt.Sprintf("%d rows, %d refused", total.Rows, total.Refused))
	})
	progress.finish()
	return bulkFault(total, sending, errors.Join(report.close(), total.print(cmd.OutOrStdout(), format)))
}

func bulkFault(total totals, sending, reporting error) error {
	switch {
	case errors.Is(sending, context.Canceled):
		return errors.New("interrupted before the end; repeat the same command to go on, nothing is sent twice")
	case sending != nil:
		return fmt.Errorf("stopped before the end: %w; repeat the same command to go on, nothing is sent twice", sending)
	case reporting != nil:
		return fmt.Errorf("print what became of the rows: %w", reporting)
	case total.Refused > 0:
		return fmt.Errorf("%d of %d rows were refused; correct them and repeat the same command, nothing is sent twice", total.Refused, total.Rows)
	}
	return nil
}

// openMessages returns the file and its size, 0 when nobody knows it.
func openMessages(path string, stdin io.Reader) (io.ReadCloser, int64, error) {
	if path == "-" {
		return io.NopCloser(stdin), 0, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a folder", path)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// totals count the rows of a run.
type totals struct {
	Rows     int `json:"rows"`
	Accepted int `json:"accepted"`
	// Replayed counts the accepted ones that were sent before, and not again now.
	Replayed int     `json:"replayed"`
	Refused  int     `json:"refused"`
	Seconds  float64 `json:"seconds"`
	// end is how much of the file they came from, in bytes.
	end int64
}

func (t *totals) add(rows []row) {
	t.Rows += len(rows)
	for _, row := range rows {
		t.end = max(t.end, row.end)
		switch {
		case row.err != nil:
			t.Refused++
		case row.replayed:
			t.Replayed++
			fallthrough
		default:
			t.Accepted++
		}
	}
}

// share is how much of the file is done, from 0 to 1, or -1 when nobody knows.
func (t *totals) share(size int64) float64 {
	if size <= 0 {
		return -1
	}
	return min(float64(t.end)/float64(size), 1)
}

func (t *totals) print(out io.Writer, format format) error {
	if format == formatJSON {
		return printJSON(out, t)
	}
	before := ""
	if t.Replayed > 0 {
		before = fmt.Sprintf(" (%d of them were sent before)", t.Replayed)
	}
	took := time.Duration(t.Seconds * float64(time.Second)).Round(time.Millisecond)
	return printText(out, fmt.Sprintf("%d rows: %d accepted%s, %d refused, in %s\n", t.Rows, t.Accepted, before, t.Refused, took))
}

// batchClient is what a bulkSender needs of the client.
type batchClient interface {
	SendBatch(ctx context.Context, requests []client.SendRequest) ([]client.BatchResult, error)
}

// bulkSender sends rows in batches, a few at once. It holds no more than the
// batches in flight in memory, and a few bytes of each row to tell equal ones apart.
type bulkSender struct {
	client      batchClient
	runID       string
	concurrency int
}

// run sends the rows that next returns until io.EOF. It calls done with those that are
// settled, one call at a time, in no certain order of batches. An error means that it
// stopped before the end.
func (s bulkSender) run(ctx context.Context, next func() (row, error), done func([]row, totals)) (totals, error) {
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.concurrency)
	var mutex sync.Mutex
	var total totals
	keys := rowKeys{runID: s.runID, copies: map[[8]byte]uint32{}}
	var reading error
	for reading == nil && ctx.Err() == nil {
		batch := make([]row, 0, bulkBatch)
		for len(batch) < bulkBatch && reading == nil {
			var read row
			if read, reading = next(); reading == nil {
				batch = append(batch, keys.give(read))
			}
		}
		group.Go(func() error {
			settled, err := s.send(ctx, batch)
			mutex.Lock()
			defer mutex.Unlock()
			total.add(settled)
			total.Seconds = time.Since(began).Seconds()
			if len(settled) > 0 {
				done(settled, total)
			}
			return err
		})
	}
	ended := ctx.Err() // before Wait ends it
	if err := group.Wait(); err != nil || errors.Is(reading, io.EOF) {
		return total, err
	}
	return total, errors.Join(reading, ended)
}

// send sorts out the rows that are wrong and delivers the others. It returns those that
// are settled.
func (s bulkSender) send(ctx context.Context, batch []row) ([]row, error) {
	var wrong, good []row
	for _, row := range batch {
		if row.err != nil {
			wrong = append(wrong, row)
		} else {
			good = append(good, row)
		}
	}
	delivered, err := s.deliver(ctx, good)
	return append(wrong, delivered...), err
}

// deliver sends rows in one request. When the server refuses the request as a
// whole, it halves them until it is known which row is to blame.
func (s bulkSender) deliver(ctx context.Context, rows []row) ([]row, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	requests := make([]client.SendRequest, len(rows))
	for i, row := range rows {
		requests[i] = row.request
	}
	results, err := s.client.SendBatch(ctx, requests)
	switch {
	case err != nil && !aboutRequest(err):
		return nil, err
	case err != nil && len(rows) == 1:
		rows[0].err = err
		return rows, nil
	case err != nil:
		half := len(rows) / 2
		first, err := s.deliver(ctx, rows[:half])
		if err != nil {
			return first, err
		}
		second, err := s.deliver(ctx, rows[half:])
		return append(slices.Clip(first), second...), err
	}
	for i := range rows {
		rows[i].replayed, rows[i].err = results[i].Replayed, results[i].Err()
	}
	return rows, nil
}

// aboutRequest reports whether the server refused what was sent, so that
// another request may be taken.
func aboutRequest(err error) bool {
	return slices.Contains([]courier.ErrorCode{
		courier.CodeInvalidRequest, courier.CodeInvalidRecipient, courier.CodeInvalidSender, courier.CodeMessageTooLong,
		courier.CodeUnknownChannel, courier.CodeIdempotencyConflict, courier.CodeRequestTooLarge,
	}, courier.CodeOf(err))
}

// rowKeys makes the idempotency keys of the rows of a file, in their order. It
// remembers a few bytes of each row.
type rowKeys struct {
	runID  string
	copies map[[8]byte]uint32
}

// give gives a key to a good row that has none: the same for the same content, whatever
// the file is called and wherever the row is in it. Equal rows get different keys, by
// how many came before: a file that lost its refused rows, or got more rows, sends none
// of the others again.
func (k *rowKeys) give(r row) row {
	if r.err != nil || r.request.IdempotencyKey != "" {
		return r
	}
	of := r.request
	identity := rowIdentity{
		Run: k.runID, To: of.To, Body: of.Body, From: of.From, Channel: of.Channel, Subject: of.Subject, TTL: of.TTL, SendAt: of.SendAt,
		ExpiresAt: of.ExpiresAt, TemplateType: of.TemplateType, TemplateData: of.TemplateData, Metadata: of.Metadata,
		Lane: of.Lane, SupersedeKey: of.SupersedeKey,
	}
	sum, err := identity.sum()
	if err == nil {
		short := [8]byte(sum[:8])
		if identity.Copy = k.copies[short]; identity.Copy > 0 {
			sum, err = identity.sum()
		}
		k.copies[short]++
	}
	r.request.IdempotencyKey, r.err = "csv-"+hex.EncodeToString(sum[:]), err
	return r
}

// rowIdentity is what a row is known by. Its JSON is part of the idempotency
// keys of runs under way, so a field that is added must be left out when empty.
type rowIdentity struct {
	Run          string          `json:"run,omitempty"`
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
	Lane         courier.Lane    `json:"lane,omitempty"`
	SupersedeKey *string         `json:"supersede_key,omitempty"`
}

func (i rowIdentity) sum() ([sha256.Size]byte, error) {
	content, err := json.Marshal(i)
	return sha256.Sum256(content), err
}

// report prints the refused rows on standard error and writes them to a CSV file.
type report struct {
	progress *progress
	file     io.WriteCloser
	writer   *csv.Writer
	// printed counts the rows on standard error, which are at most limit.
	printed, limit int
}

// newReport creates the file at path, or returns a report without a file when path is
// empty. The file of the messages themselves is refused.
func newReport(path string, messages io.Reader, progress *progress) (*report, error) {
	r := &report{progress: progress, writer: csv.NewWriter(io.Discard), limit: math.MaxInt}
	if path == "" {
		return r, nil
	}
	if file, ok := messages.(*os.File); ok {
		one, oneErr := os.Stat(path)
		two, twoErr := file.Stat()
		if oneErr == nil && twoErr == nil && os.SameFile(one, two) {
			return nil, errors.New("create report: it would overwrite the file of messages; name another --report")
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create report: %w", err)
	}
	r.file, r.writer, r.limit = file, csv.NewWriter(file), maxShownRefusals
	return r, r.writer.Write([]string{"line", "to", "code", "field", "reason"})
}

// write reports the refused ones among the rows, in the order of the file. close
// returns what went wrong with the file.
func (r *report) write(rows []row) {
	slices.SortFunc(rows, func(a, b row) int { return a.number - b.number })
	for _, row := range rows {
		if row.err == nil {
			continue
		}
		code, field, reason := courier.CodeInvalidRequest, "", row.err.Error()
		if refusal, ok := errors.AsType[*courier.Error](row.err); ok {
			code, field, reason = refusal.Code, refusal.Field, refusal.Message
		} else if fault, ok := errors.AsType[*fieldError](row.err); ok {
			field, reason = fault.field, fault.text
		}
		to := ""
		if row.request.To != "" {
			to = courier.MaskRecipient(row.request.To)
		}
		_ = r.writer.Write([]string{strconv.Itoa(row.line), to, string(code), field, reason})
		if field != "" {
			reason = field + ": " + reason
		}
		switch r.printed++; {
		case r.printed <= r.limit:
			r.progress.line(fmt.Sprintf("line %d: %s", row.line, reason))
		case r.printed == r.limit+1:
			r.progress.line("more refused rows are in the report only")
		}
	}
}

func (r *report) close() error {
	r.writer.Flush()
	err := r.writer.Error()
	if r.file != nil {
		err = errors.Join(err, r.file.Close())
	}
	return err
}
