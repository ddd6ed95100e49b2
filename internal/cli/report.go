package cli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"courier"
)

// maxToldRefusals is how many refused rows are told on standard error when a
// report file has them all.
const maxToldRefusals = 20

// report tells of the refused rows, on standard error and in a CSV file.
type report struct {
	progress *progress
	// file and writer are nil without a file.
	file   *os.File
	writer *csv.Writer
	told   int
}

// newReport creates the file at path, unless path is empty. The file of the
// messages themselves is refused.
func newReport(path string, messages *input, progress *progress) (*report, error) {
	r := &report{progress: progress}
	if path == "" {
		return r, nil
	}
	if messages.file != nil && isSameFile(path, messages.file) {
		return nil, errors.New("create report: it would overwrite the file of messages; name another --report")
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create report: %w", err)
	}
	r.file, r.writer = file, csv.NewWriter(file)
	if err := r.writer.Write([]string{"line", "to", "code", "field", "reason"}); err != nil {
		return nil, errors.Join(fmt.Errorf("write report: %w", err), file.Close())
	}
	return r, nil
}

func isSameFile(path string, other *os.File) bool {
	one, err := os.Stat(path)
	if err != nil {
		return false
	}
	two, err := other.Stat()
	return err == nil && os.SameFile(one, two)
}

// write tells of the refused rows among the outcomes, in the order of the file.
// Flush returns what went wrong with the file.
func (r *report) write(outcomes []outcome) {
	refused := slices.DeleteFunc(slices.Clone(outcomes), func(o outcome) bool { return o.err == nil })
	slices.SortFunc(refused, func(a, b outcome) int { return a.row.number - b.row.number })
	for _, outcome := range refused {
		code, field, reason := describe(outcome.err)
		r.tell(outcome.row.line, field, reason)
		if r.writer != nil {
			to := ""
			if outcome.row.request.To != "" {
				to = courier.MaskRecipient(outcome.row.request.To)
			}
			_ = r.writer.Write([]string{strconv.Itoa(outcome.row.line), to, code, field, reason})
		}
	}
}

func (r *report) tell(line int, field, reason string) {
	r.told++
	switch {
	case r.writer == nil || r.told <= maxToldRefusals:
		if field != "" {
			reason = field + ": " + reason
		}
		r.progress.line(fmt.Sprintf("line %d: %s", line, reason))
	case r.told == maxToldRefusals+1:
		r.progress.line("more refused rows are in the report only")
	}
}

// describe takes the reason of a refusal apart.
func describe(err error) (code, field, reason string) {
	if refusal, ok := errors.AsType[*courier.Error](err); ok {
		return string(refusal.Code), refusal.Field, refusal.Message
	}
	if fault, ok := errors.AsType[*fieldError](err); ok {
		return string(courier.CodeInvalidRequest), fault.field, fault.err.Error()
	}
	return string(courier.CodeInvalidRequest), "", err.Error()
}

// Flush writes what is left to the file.
func (r *report) Flush() error {
	if r.writer == nil {
		return nil
	}
	r.writer.Flush()
	if err := r.writer.Error(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// Close implements io.Closer.
func (r *report) Close() error {
	if r.file == nil {
		return nil
	}
	if err := r.file.Close(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
