package cli

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"courier/client"
)

// maxRecord bounds one row, in bytes: a quote that is never closed must not
// read the rest of a file into memory.
const maxRecord = 1 << 20

// errRecordTooLong reports a row of more than maxRecord bytes.
var errRecordTooLong = errors.New("row is longer than 1 MiB; is a closing quote missing?")

// row is one message of a file, or why it cannot be one.
type row struct {
	// number counts the rows after the header from 1, line the lines of the file.
	number, line int
	request      client.SendRequest
	err          error
}

// rowReader reads the rows of a CSV file (RFC 4180), one at a time.
type rowReader struct {
	input   *boundedReader
	csv     *csv.Reader
	columns columns
	base    client.SendRequest
	// number and line are those of the row read last.
	number, line int
}

// newRowReader reads the header row. What base says holds for every row.
func newRowReader(input io.Reader, delimiter rune, base client.SendRequest) (*rowReader, error) {
	buffered := bufio.NewReader(input)
	if err := skipByteOrderMark(buffered); err != nil {
		return nil, err
	}
	bounded := &boundedReader{reader: buffered, left: maxRecord}
	reader := csv.NewReader(bounded)
	reader.Comma = delimiter
	reader.ReuseRecord = true
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("file is empty: the first row must name the columns, such as to,body")
	}
	if err != nil {
		return nil, fmt.Errorf("read header row: %w", err)
	}
	columns, err := newColumns(header)
	if err != nil {
		return nil, err
	}
	return &rowReader{input: bounded, csv: reader, columns: columns, base: base}, nil
}

// skipByteOrderMark skips the mark of UTF-8 and refuses those of UTF-16.
func skipByteOrderMark(input *bufio.Reader) error {
	start, err := input.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read file: %w", err)
	}
	if bytes.HasPrefix(start, []byte{0xff, 0xfe}) || bytes.HasPrefix(start, []byte{0xfe, 0xff}) {
		return errors.New("file is UTF-16; save it as CSV UTF-8")
	}
	if bytes.Equal(start, []byte{0xef, 0xbb, 0xbf}) {
		_, err = input.Discard(3)
	} else {
		err = nil
	}
	return err
}

// next returns the next row, and io.EOF after the last. A row that is at fault
// says so itself; an error means that reading cannot go on.
func (r *rowReader) next() (row, error) {
	r.input.left = maxRecord
	fields, err := r.csv.Read()
	fault, isFault := errors.AsType[*csv.ParseError](err)
	if errors.Is(err, io.EOF) || (err != nil && !isFault) {
		return row{}, r.ended(err)
	}
	r.number++
	next := row{number: r.number}
	if isFault {
		r.line = fault.StartLine
		next.line, next.err = fault.StartLine, rowFault(fault, len(r.columns.names), len(fields))
		return next, nil
	}
	r.line, _ = r.csv.FieldPos(0)
	next.line = r.line
	next.request, next.err = r.columns.request(r.base, fields)
	return next, nil
}

func (r *rowReader) ended(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("read row %d, which starts after line %d: %w", r.number+1, r.line, err)
}

func rowFault(fault *csv.ParseError, want, got int) error {
	if errors.Is(fault, csv.ErrFieldCount) {
		return fmt.Errorf("row has %d fields and the header %d; put quotes around a field with a separator in it", got, want)
	}
	return fmt.Errorf("line %d, column %d: %w", fault.Line, fault.Column, fault.Err)
}

// boundedReader ends with errRecordTooLong when more is read than is left.
type boundedReader struct {
	reader io.Reader
	left   int
}

// Read implements io.Reader.
func (r *boundedReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errRecordTooLong
	}
	n, err := r.reader.Read(p)
	r.left -= n
	return n, err
}

// decodeExact keeps numbers as they are written.
func decodeExact(object json.RawMessage, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	return decoder.Decode(into)
}
