package gateway

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// The bounds of what is read and kept of an answer.
const (
	maxAnswer  = 64 << 10
	maxExcerpt = 200
	// maxExcerptInput is how much of an answer the excerpt is made from.
	maxExcerptInput = 4 << 10
	maxMessageID    = 128
	maxCode         = 64
	maxDepth        = 4
)

// readAnswer reads the beginning of an answer's body. A body that
// fails, hangs until the attempt ends or goes on without end is cut; one that
// was read to its end leaves the connection for the next request.
func readAnswer(response *http.Response) *Answer {
	answer := &Answer{Status: response.StatusCode, Header: response.Header}
	if response.StatusCode == http.StatusSwitchingProtocols {
		return answer // the connection is no longer HTTP
	}
	answer.Body, answer.Cut = readUpTo(response.Body, response.ContentLength)
	if strings.EqualFold(response.Header.Get("Content-Encoding"), "gzip") {
		// net/http leaves it as it is when the gateway's own headers asked for gzip.
		reader, err := gzip.NewReader(bytes.NewReader(answer.Body))
		cut := answer.Cut
		answer.Body, answer.Cut = nil, true
		if err == nil {
			answer.Body, answer.Cut = readUpTo(reader, -1)
			answer.Cut = answer.Cut || cut
		}
	}
	answer.Body = decodeCharset(answer.Body, response.Header.Get("Content-Type"))
	return answer
}

// readUpTo reads until the end, and reports whether a fault or the bound came first.
func readUpTo(from io.Reader, size int64) (text []byte, cut bool) {
	if size < 0 || size > maxAnswer {
		size = bytes.MinRead
	}
	var body bytes.Buffer
	body.Grow(int(size) + bytes.MinRead)
	_, err := body.ReadFrom(io.LimitReader(from, maxAnswer+1))
	text = body.Bytes()
	return text[:min(len(text), maxAnswer)], err != nil || len(text) > maxAnswer
}

// decodeCharset returns a body as UTF-8, by the charset of the Content-Type
// header, what HTML or XML says of itself, or what the first bytes say of UTF-16. A
// body in a charset that is not given, not known or no text stays as it is.
func decodeCharset(body []byte, contentType string) []byte {
	contentType = lowerASCII(contentType)
	_, label, _ := strings.Cut(contentType, "charset=")
	label, _, _ = strings.Cut(label, ";")
	label = strings.Trim(label, " \t\"'")
	if label == "" && (strings.Contains(contentType, "html") || strings.Contains(contentType, "xml")) {
		label = declaredCharset(body)
	}
	if len(body) > 1 { // a JSON text begins with ASCII (RFC 4627, 3)
		switch {
		case body[0] == 0xfe && body[1] == 0xff, body[0] == 0 && body[1] != 0:
			label = "utf-16be"
		case body[0] == 0xff && body[1] == 0xfe, body[0] != 0 && body[1] == 0:
			label = "utf-16le"
		}
	}
	if label == "" || label == "utf-8" {
		return body
	}
	charset, err := htmlindex.Get(label)
	if err != nil || charset == encoding.Replacement || charset == charmap.XUserDefined {
		return body
	}
	decoded, _ := charset.NewDecoder().Bytes(body)
	return decoded
}

// declaredCharset reads <meta charset=...>, in either of its forms, or <?xml encoding="...">.
func declaredCharset(body []byte) string {
	declared := regexp.MustCompile(`(?i)(?:<meta\s[^>]*charset|^\s*<\?xml\s[^>]*encoding)\s*=\s*["']?([a-z0-9_:.-]+)`)
	found := declared.FindSubmatch(body[:min(len(body), 1024)])
	if found == nil || bytes.HasPrefix(bytes.ToLower(found[1]), []byte("utf-16")) {
		return "" // it was read as ASCII
	}
	return lowerASCII(string(found[1]))
}

// excerptText is the part of an error's answer that an operator can read, empty
// for what is no text. Control characters become spaces.
func excerptText(body []byte) string {
	body = body[:min(len(body), maxExcerptInput)]
	if isBinary(body) {
		return ""
	}
	return cleanText(strings.ToValidUTF8(string(body), " "))
}

// isBinary reports whether a body has control characters that no text has.
func isBinary(body []byte) bool {
	count := 0
	for _, char := range body {
		if char < ' ' && char != '\t' && char != '\n' && char != '\r' {
			count++
		}
	}
	return count > 1+len(body)/20
}

// cleanText makes one line of a text: control characters and white space become single spaces.
func cleanText(text string) string {
	text = strings.Map(func(char rune) rune {
		if unicode.IsControl(char) || unicode.Is(unicode.Cf, char) || char == utf8.RuneError {
			return ' '
		}
		return char
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// json returns the body as JSON, as a template sees it, nil when it is none.
func (a *Answer) json() any {
	if !a.isParsed {
		a.value, a.isParsed = decodeText(a.Body), true
	}
	return a.value
}

// messageID reads the gateway's id of a message from a JSON answer, empty when
// there is none that could be one. The names, best first, are compared without
// case, hyphens and underscores; they are looked for in the object itself, then
// in the objects that gateways wrap it in.
func messageID(answer any) string {
	names := []string{"messageid", "messagesid", "messageuuid", "msgid", "smsid", "sid", "uuid", "id"}
	holders := []string{"messages", "message", "data", "results", "result", "response", "sms"}
	return findScalar(answer, names, holders, 0, isMessageID)
}

// errorCode reads the gateway's own error code from a JSON answer, as messageID does the id.
func errorCode(answer any) string {
	names := []string{"errorcode", "errcode", "code", "error", "status"}
	holders := []string{"error", "errors", "messages", "data", "detail", "fault", "meta"}
	return findScalar(answer, names, holders, 0, isCode)
}

// decodeText reads a JSON text that others wrote, as the value that it is in a template;
// nil for none. An integer that a template cannot hold is a string of its digits. What
// follows an object or a list is not looked at.
func decodeText(text []byte) any {
	text = bytes.TrimLeft(text, " \t\r\n\ufeff")
	if len(text) == 0 || text[0] != '{' && text[0] != '[' && !json.Valid(text) {
		return nil
	}
	r := textReader{text: string(text), fields: make([]field, 0, 24)}
	r.decoder = jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	value, err := r.value()
	if err != nil {
		return nil
	}
	return value
}

// textReader reads values whose strings are parts of the text.
type textReader struct {
	decoder *jsontext.Decoder
	text    string
	// fields are those of the objects that are being read: each object is made once its
	// own are known, in the size that it has.
	fields []field
}

type field struct {
	name  string
	value any
}

// value reads one value and what is in it; jsontext bounds how deep that may go.
func (r *textReader) value() (any, error) {
	switch r.decoder.PeekKind() { //nolint:exhaustive // null is nil, and reading says what the others are
	case jsontext.KindBeginObject:
		return r.object()
	case jsontext.KindBeginArray:
		return r.array()
	case jsontext.KindString:
		return r.string()
	}
	token, err := r.decoder.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() { //nolint:exhaustive // null is nil
	case jsontext.KindNumber:
		return numberValue(token.String()), nil
	case jsontext.KindTrue, jsontext.KindFalse:
		return token.Bool(), nil
	}
	return nil, nil
}

func (r *textReader) object() (any, error) {
	first := len(r.fields)
	_, err := r.decoder.ReadToken()
	for err == nil && r.decoder.PeekKind() != jsontext.KindEndObject {
		var f field
		if f.name, err = r.string(); err == nil {
			f.value, err = r.value()
		}
		r.fields = append(r.fields, f)
	}
	if err != nil {
		return nil, err
	}
	object := make(map[string]any, len(r.fields)-first)
	for _, f := range r.fields[first:] {
		object[f.name] = f.value
	}
	r.fields = r.fields[:first]
	_, err = r.decoder.ReadToken()
	return object, err
}

func (r *textReader) array() (any, error) {
	list := []any{}
	_, err := r.decoder.ReadToken()
	for err == nil && r.decoder.PeekKind() != jsontext.KindEndArray {
		var element any
		element, err = r.value()
		list = append(list, element)
	}
	if err != nil {
		return nil, err
	}
	_, err = r.decoder.ReadToken()
	return list, err
}

// string reads a string or the name of a field.
func (r *textReader) string() (string, error) {
	quoted, err := r.decoder.ReadValue()
	if err != nil {
		return "", err
	}
	end := int(r.decoder.InputOffset())
	text := r.text[end-len(quoted)+1 : end-1]
	if strings.IndexByte(text, '\\') < 0 && utf8.ValidString(text) {
		return text, nil
	}
	unquoted, _ := jsontext.AppendUnquote(nil, quoted) // invalid UTF-8 is replaced, and an error too
	return string(unquoted), nil
}

// numberValue is a number as a template has it, or as it is spelled.
func numberValue(spelled string) any {
	const maxExact = 1 << 53 // every integer below it has a float64 of its own
	number, err := strconv.ParseFloat(spelled, 64)
	if err != nil || math.Abs(number) >= maxExact && strings.Trim(spelled, "-0123456789") == "" {
		return spelled
	}
	return number
}

// parseNumber reads a number that is written as text.
func parseNumber(text string) (number float64, ok bool) {
	number, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return number, err == nil && !math.IsNaN(number) && !math.IsInf(number, 0)
}

// decodeJSON reads the first value of a JSON text, with numbers as they are written; nil for none.
func decodeJSON(text []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return nil
	}
	return value
}

// findScalar looks for the first name that holds a fitting string or number, in
// the object itself and then in its holders. Of a list the first element counts.
func findScalar(value any, names, holders []string, depth int, fits func(string) bool) string {
	if list, ok := value.([]any); ok && len(list) > 0 {
		value = list[0]
	}
	object, ok := value.(map[string]any)
	if !ok || depth > maxDepth {
		return ""
	}
	fields := make(map[string]any, len(object))
	for name, field := range object {
		fields[plainName(name)] = field
	}
	for _, name := range names {
		if text := scalarText(fields[name]); text != "" && fits(text) {
			return text
		}
	}
	for _, holder := range holders {
		if text := findScalar(fields[holder], names, holders, depth+1, fits); text != "" {
			return text
		}
	}
	return ""
}

func plainName(name string) string {
	return strings.Map(func(char rune) rune {
		switch {
		case char == '-', char == '_':
			return -1
		case 'A' <= char && char <= 'Z':
			return char + ('a' - 'A')
		}
		return char
	}, name)
}

func scalarText(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case float64:
		text, _ := formText(value)
		return text
	case []any:
		if len(value) > 0 {
			if text, ok := value[0].(string); ok {
				return text
			}
		}
	}
	return ""
}

func isMessageID(text string) bool {
	return text != "" && len(text) <= maxMessageID && isPrintable(text)
}

func isPrintable(text string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, func(char rune) bool {
		return !unicode.IsGraphic(char) || unicode.IsSpace(char)
	}) < 0
}

func isCode(text string) bool {
	return len(text) <= maxCode && strings.IndexFunc(text, func(char rune) bool {
		return char >= utf8.RuneSelf || !unicode.IsLetter(char) && !unicode.IsDigit(char) && !strings.ContainsRune("._-:", char)
	}) < 0
}

func lowerASCII(text string) string {
	if strings.IndexFunc(text, func(char rune) bool { return 'A' <= char && char <= 'Z' }) < 0 {
		return text
	}
	return strings.Map(func(char rune) rune {
		if 'A' <= char && char <= 'Z' {
			return char + ('a' - 'A')
		}
		return char
	}, text)
}
