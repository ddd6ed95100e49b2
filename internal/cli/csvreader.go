package cli

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"courier"
	"courier/client"
)

// maxRecord bounds one row, in bytes: a quote that is never closed must not
// read the rest of a file into memory.
const maxRecord = 1 << 20

var errRecordTooLong = errors.New("row is longer than 1 MiB; is a closing quote missing?")

// row is one message of a file and what became of it.
type row struct {
	// number counts the rows after the header from 1, line the lines of the file, and
	// end is how many bytes of the file were read with it.
	number, line int
	end          int64
	request      client.SendRequest
	// err is why it is no message or was refused, replayed means that an earlier run had sent it.
	err      error
	replayed bool
}

// fieldError says which column of a row is wrong.
type fieldError struct{ field, text string }

func (e *fieldError) Error() string { return e.field + ": " + e.text }

// rowReader reads the rows of a CSV file (RFC 4180), one at a time.
type rowReader struct {
	input *boundedReader
	csv   *csv.Reader
	names []string
	// base holds for every row.
	base   client.SendRequest
	number int
	line   int
}

// newRowReader reads the header row.
func newRowReader(input io.Reader, delimiter rune, base client.SendRequest) (*rowReader, error) {
	buffered := bufio.NewReader(input)
	start, err := buffered.Peek(3)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("read file: %w", err)
	case bytes.HasPrefix(start, []byte{0xff, 0xfe}), bytes.HasPrefix(start, []byte{0xfe, 0xff}):
		return nil, errors.New("file is UTF-16; save it as CSV UTF-8")
	case bytes.Equal(start, []byte{0xef, 0xbb, 0xbf}): // a byte order mark
		_, _ = buffered.Discard(len(start)) // it was peeked, so it is there
	}
	bounded := &boundedReader{reader: buffered, left: maxRecord}
	r := &rowReader{input: bounded, csv: csv.NewReader(bounded), base: base}
	r.csv.Comma, r.csv.ReuseRecord = delimiter, true
	header, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("file is empty: the first row must name the columns, such as to,body")
	}
	if err != nil {
		return nil, fmt.Errorf("read header row: %w", err)
	}
	r.names, err = columnNames(header)
	return r, err
}

// next returns the next row, and io.EOF after the last. What is wrong with a row is in
// the row; an error means that reading cannot go on.
func (r *rowReader) next() (row, error) {
	r.input.left = maxRecord
	fields, err := r.csv.Read()
	fault, isFault := errors.AsType[*csv.ParseError](err)
	switch {
	case errors.Is(err, io.EOF):
		return row{}, io.EOF
	case err != nil && !isFault:
		return row{}, fmt.Errorf("read row %d, which starts after line %d: %w", r.number+1, r.line, err)
	}
	r.number++
	next := row{number: r.number, end: r.csv.InputOffset()}
	switch {
	case !isFault:
		r.line, _ = r.csv.FieldPos(0)
		next.request, next.err = r.request(fields)
	case errors.Is(fault, csv.ErrFieldCount):
		r.line = fault.StartLine
		next.err = fmt.Errorf("row has %d fields and the header %d; put quotes around a field with a separator in it", len(fields), len(r.names))
	default:
		r.line = fault.StartLine
		next.err = fmt.Errorf("line %d, column %d: %w", fault.Line, fault.Column, fault.Err)
	}
	next.line = r.line
	return next, nil
}

// request puts the fields of a row over what holds for every row.
func (r *rowReader) request(fields []string) (client.SendRequest, error) {
	request := r.base
	request.Metadata = maps.Clone(r.base.Metadata)
	for i, text := range fields {
		if !utf8.ValidString(text) {
			return request, &fieldError{r.names[i], "it is not UTF-8; save the file as CSV UTF-8"}
		}
		trimmed := strings.TrimSpace(text)
		if trimmed == "" {
			continue
		}
		if r.names[i] != "body" {
			text = trimmed
		}
		if err := setColumn(&request, r.names[i], strings.Clone(text)); err != nil {
			return request, &fieldError{r.names[i], err.Error()}
		}
	}
	switch {
	case request.To == "":
		return request, &fieldError{"to", "it is empty"}
	case request.Body == "" && request.TemplateType == "" && len(request.TemplateData) == 0:
		return request, &fieldError{"body", "it is empty, and there is no template_type or template_data to make a text from"}
	}
	return request, nil
}

// metadataPrefix begins the name of a column that holds one metadata value.
const metadataPrefix = "metadata."

func knownColumns() []string {
	return []string{
		"body", "channel", "expires_at", "from", "idempotency_key", "lane", "metadata", "send_at", "subject",
		"supersede_key", "template_data", "template_type", "to", "ttl",
	}
}

// setColumn puts the text of a column, which is not empty, into a request. A row's own
// ttl replaces the expires_at of a flag, and the reverse.
func setColumn(request *client.SendRequest, name, text string) (err error) {
	switch name {
	case "to", "body", "from", "channel", "subject", "template_type", "idempotency_key":
		*map[string]*string{
			"to": &request.To, "body": &request.Body, "from": &request.From, "channel": &request.Channel, "subject": &request.Subject,
			"template_type": &request.TemplateType, "idempotency_key": &request.IdempotencyKey,
		}[name] = text
	case "lane":
		request.Lane = courier.Lane(text)
	case "supersede_key":
		request.SupersedeKey = &text
	case "ttl":
		request.ExpiresAt = time.Time{}
		if request.TTL, err = time.ParseDuration(text); err != nil || request.TTL <= 0 {
			return fmt.Errorf("%q is not a duration such as 5m", text)
		}
	case "send_at":
		request.SendAt, err = parseTime(text)
	case "expires_at":
		request.TTL = 0
		request.ExpiresAt, err = parseTime(text)
	case "template_data":
		request.TemplateData, err = parseObject(text)
	default:
		return addMetadata(request, name, text)
	}
	return err
}

// addMetadata keeps numbers as they are written.
func addMetadata(request *client.SendRequest, name, text string) error {
	if request.Metadata == nil {
		request.Metadata = map[string]any{}
	}
	if key, single := strings.CutPrefix(name, metadataPrefix); single {
		request.Metadata[key] = text
		return nil
	}
	object, err := parseObject(text)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	return decoder.Decode(&request.Metadata)
}

// columnNames reads a header row. Names are compared without regard to case and to
// spaces around them, but for the key of a metadata value.
func columnNames(header []string) ([]string, error) {
	var names []string
	for _, text := range header {
		name := strings.ToLower(strings.TrimSpace(text))
		if key, found := strings.CutPrefix(strings.TrimSpace(text), metadataPrefix); found && key != "" {
			name = metadataPrefix + key
		} else if name == "recipient" {
			name = "to"
		} else if !slices.Contains(knownColumns(), name) {
			if !utf8.ValidString(text) {
				return nil, errors.New("header is not UTF-8; save the file as CSV UTF-8")
			}
			return nil, fmt.Errorf("column %q is none of %s, %sNAME; is the separator another one? see --delimiter",
				text, strings.Join(knownColumns(), ", "), metadataPrefix)
		}
		if slices.Contains(names, name) {
			return nil, fmt.Errorf("column %q is there twice; remove one", name)
		}
		names = append(names, name)
	}
	if !slices.Contains(names, "to") {
		return nil, errors.New(`column "to" is missing: the first row must name the columns, such as to,body`)
	}
	return names, nil
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
