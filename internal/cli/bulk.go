package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"courier/client"
)

// bulkRetryFor is how long a batch is sent again while the server is away.
const bulkRetryFor = 2 * time.Minute

// maxConcurrency bounds the batches in flight.
const maxConcurrency = 64

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

// comma returns the separator of fields.
func (f *bulkFlags) comma() (rune, error) {
	if f.delimiter == "tab" || f.delimiter == `\t` {
		return '\t', nil
	}
	char, size := utf8.DecodeRuneInString(f.delimiter)
	if size != len(f.delimiter) || size == 0 || char == utf8.RuneError || char == '"' || char == '\n' || char == '\r' {
		return 0, errors.New("read --delimiter: it must be one character such as ; or the word tab")
	}
	return char, nil
}

// bulkJob is one `courier send --csv`.
type bulkJob struct {
	connection *connection
	format     format
	flags      sendFlags
	bulk       bulkFlags
}

// check refuses flags that are about one message.
func (j bulkJob) check() error {
	for name, given := range map[string]bool{
		"--to": j.flags.to != "", "--body": j.flags.body != "", "--wait": j.flags.wait,
		"--idempotency-key": j.flags.idempotencyKey != "",
	} {
		if given {
			return fmt.Errorf("%s is about one message, it cannot be given with --csv", name)
		}
	}
	if j.bulk.concurrency < 1 || j.bulk.concurrency > maxConcurrency {
		return fmt.Errorf("read --concurrency: it must be 1 to %d", maxConcurrency)
	}
	return nil
}

func sendBulk(ctx context.Context, cmd *cobra.Command, job bulkJob) (err error) {
	if err := job.check(); err != nil {
		return &usageError{err}
	}
	input, err := openInput(job.bulk.file, cmd.InOrStdin())
	if err != nil {
		return &usageError{err}
	}
	defer func() { err = errors.Join(err, input.Close()) }()
	reader, err := job.rows(input)
	if err != nil {
		return &usageError{fmt.Errorf("read %s: %w", job.bulk.file, err)}
	}
	drawn := isTerminal(cmd.ErrOrStderr(), job.connection.shared.getenv("TERM") == "dumb")
	progress := newProgress(progressOptions{Out: cmd.ErrOrStderr(), Drawn: drawn, ShareFunc: input.share, NowFunc: time.Now})
	report, err := newReport(job.bulk.report, input, progress)
	if err != nil {
		return &usageError{err}
	}
	defer func() { err = errors.Join(err, report.Close()) }()
	opened, err := job.connection.open(client.Options{RetryFor: bulkRetryFor, OnRetryFunc: progress.onRetry})
	if err != nil {
		return err
	}
	sender := bulkSender{client: opened, runID: job.bulk.runID, concurrency: job.bulk.concurrency}
	tally, err := sender.run(ctx, reader.next, func(outcomes []outcome, total tally) {
		report.write(outcomes)
		progress.update(total)
	})
	progress.finish()
	return finishBulk(cmd, job.format, tally, err, report.Flush())
}

// finishBulk prints the summary, also of a run that was broken off.
func finishBulk(cmd *cobra.Command, format format, total tally, sending, reporting error) error {
	if err := total.print(cmd.OutOrStdout(), format); err != nil {
		return err
	}
	switch {
	case errors.Is(sending, context.Canceled):
		return errors.New("interrupted before the end; repeat the same command to go on, nothing is sent twice")
	case sending != nil:
		return fmt.Errorf("stopped before the end: %w; repeat the same command to go on, nothing is sent twice", sending)
	case reporting != nil:
		return reporting
	case total.Refused > 0:
		return fmt.Errorf("%d of %d rows were refused; correct them and repeat the same command, nothing is sent twice", total.Refused, total.Rows)
	default:
		return nil
	}
}

func (j bulkJob) rows(input io.Reader) (*rowReader, error) {
	comma, err := j.bulk.comma()
	if err != nil {
		return nil, err
	}
	base, err := j.flags.base()
	if err != nil {
		return nil, err
	}
	return newRowReader(input, comma, base)
}

// input is a file that knows how much of it was read.
type input struct {
	reader io.Reader
	file   *os.File
	size   int64
	read   atomic.Int64
}

func openInput(path string, stdin io.Reader) (*input, error) {
	if path == "-" {
		return &input{reader: stdin}, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open file of messages: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a folder", path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open file of messages: %w", err), file.Close())
	}
	return &input{reader: file, file: file, size: info.Size()}, nil
}

// Read implements io.Reader.
func (i *input) Read(p []byte) (int, error) {
	n, err := i.reader.Read(p)
	i.read.Add(int64(n))
	return n, err
}

// Close implements io.Closer. It leaves standard input open.
func (i *input) Close() error {
	if i.file == nil {
		return nil
	}
	return i.file.Close()
}

// share returns how much of the input was read, from 0 to 1, or -1 when its
// size is not known.
func (i *input) share() float64 {
	if i.size <= 0 {
		return -1
	}
	return min(float64(i.read.Load())/float64(i.size), 1)
}
