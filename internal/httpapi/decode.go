package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"courier"
)

// decodeBody reads the JSON body of a request, of at most limit bytes, into the
// struct that the OpenAPI document describes.
func decodeBody(c *call, limit int64, into any, options ...json.Options) error {
	if err := checkContentType(c.r.Header); err != nil {
		return err
	}
	text, err := readBody(c, limit, "send less at once, or raise api.max_body_size")
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return invalid("", "the body is missing; send a JSON object")
	}
	return decode(text, into, options...)
}

// checkContentType takes JSON only. A web page cannot send that to another site
// without asking first, and the courier never says yes.
func checkContentType(header http.Header) error {
	given, encoding := header.Get("Content-Type"), header.Get("Content-Encoding")
	if given == "application/json" && encoding == "" {
		return nil
	}
	field, fault := "header.Content-Type", ""
	kind, parameters, err := mime.ParseMediaType(given)
	charset := strings.ToLower(parameters["charset"])
	switch {
	case encoding != "" && encoding != "identity":
		field, fault = "header.Content-Encoding", "the body is compressed; send it as it is"
	case err != nil || kind != "application/json":
		fault = "the body must be JSON; send it with Content-Type: application/json"
	case charset != "" && charset != "utf-8" && charset != "utf8":
		fault = "the body must be in UTF-8; encode it so"
	default:
		return nil
	}
	return &courier.Error{Code: courier.CodeUnsupportedMedia, Field: field, Message: fault}
}

// readBody reads the body of a request, of at most limit bytes. The caller of one that
// is larger is told what to do.
func readBody(c *call, limit int64, advice string) ([]byte, error) {
	var buffer bytes.Buffer
	over, err := c.r.ContentLength > limit, error(nil)
	if !over {
		buffer.Grow(int(min(max(c.r.ContentLength, 0), 64<<10)) + bytes.MinRead)
		_, err = buffer.ReadFrom(http.MaxBytesReader(c.w, c.r.Body, limit))
		_, over = errors.AsType[*http.MaxBytesError](err)
	}
	switch {
	case over:
		return nil, &courier.Error{Code: courier.CodeRequestTooLarge, Message: fmt.Sprintf("the body is larger than %d bytes; %s", limit, advice)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &courier.Error{Code: courier.CodeInvalidRequest, Message: "the body did not arrive in time; send it faster", Err: err}
	case err != nil:
		return nil, &courier.Error{Code: courier.CodeInvalidRequest, Message: "the body did not arrive whole; send it again", Err: err}
	}
	return buffer.Bytes(), nil
}

func invalid(field, message string) *courier.Error {
	return &courier.Error{Code: courier.CodeInvalidRequest, Field: field, Message: message}
}

// decode reads a JSON object into a struct. Unknown and repeated names are
// refused, null is the same as absent. The error names the field or the place,
// and quotes nothing of the text but one character.
func decode(text []byte, into any, options ...json.Options) error {
	if kind := jsontext.Value(text).Kind(); kind == 'n' {
		return notAn("", "a JSON object is expected", kind)
	}
	err := json.Unmarshal(text, into, append(options, json.RejectUnknownMembers(true))...)
	if err == nil {
		return nil
	}
	if fault, ok := errors.AsType[*courier.Error](err); ok {
		if semantic, ok := errors.AsType[*json.SemanticError](err); ok && fault.Field == "" {
			fault.Field = fieldPath(semantic.JSONPointer)
		}
		return fault
	}
	if fault, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return syntaxFault(text, fault)
	}
	if fault, ok := errors.AsType[*json.SemanticError](err); ok {
		return kindFault(fault)
	}
	return &courier.Error{Code: courier.CodeInvalidRequest, Message: "the body cannot be read as this request", Err: err}
}

// syntaxFault says why a text is no JSON.
func syntaxFault(text []byte, e *jsontext.SyntacticError) error {
	field := fieldPath(e.JSONPointer)
	offset := min(int(e.ByteOffset), len(text))
	line, column := bytes.Count(text[:offset], []byte("\n"))+1, offset-bytes.LastIndexByte(text[:offset], '\n')
	at := fmt.Sprintf("at line %d, column %d: ", line, column)
	char, size := utf8.DecodeRune(text[offset:])
	switch {
	case errors.Is(e.Err, jsontext.ErrDuplicateName):
		return invalid(field, "the field is there twice; give it once")
	case errors.Is(e.Err, io.ErrUnexpectedEOF):
		return invalid("", "the body is not valid JSON "+at+"it ends too early")
	case char == '\\':
		return invalid(field, at+`an escape in a string is no JSON, or half of a surrogate pair (\ud800 to \udfff); write the character itself`)
	case char == utf8.RuneError && size == 1:
		return invalid(field, at+"the body is not valid UTF-8; encode it as UTF-8")
	}
	return invalid(field, "the body is not valid JSON "+at+e.Err.Error())
}

// kindFault says why a value does not fit its field.
func kindFault(e *json.SemanticError) error {
	field := fieldPath(e.JSONPointer)
	switch {
	case errors.Is(e.Err, json.ErrUnknownName):
		return unknownField(e.JSONPointer.LastToken(), fieldNames(e.GoType))
	case e.GoType != nil && e.GoType.Kind() == reflect.String:
		fault := notAn(field, "it must be a string", e.JSONKind)
		fault.Message += "; write it in quotes"
		return fault
	case e.GoType != nil && e.GoType.Kind() == reflect.Struct:
		return notAn(field, "a JSON object is expected", e.JSONKind)
	}
	return invalid(field, "its value cannot be read; the OpenAPI document at /openapi.json says what it may be")
}

// notAn says that a value is of the wrong kind.
func notAn(field, expected string, kind jsontext.Kind) *courier.Error {
	names := map[jsontext.Kind]string{'"': "a string", '{': "an object", '[': "an array", 't': "a boolean", 'f': "a boolean", 'n': "null", '0': "a number"}
	return invalid(field, expected+", not "+names[kind])
}

// fieldPath writes a JSON pointer (RFC 6901) as fields are named in errors, such as
// body or messages[3].to. It ends where the caller's own data begins, whose names
// may be anybody's.
func fieldPath(pointer jsontext.Pointer) string {
	tokens := slices.Collect(pointer.Tokens())
	if len(tokens) == 0 || !isName(tokens[0]) {
		return ""
	}
	path := tokens[0]
	if path != "messages" || len(tokens) == 1 {
		return path
	}
	path += "[" + tokens[1] + "]"
	if len(tokens) > 2 && isName(tokens[2]) {
		path += "." + tokens[2]
	}
	return path
}

// fieldNames returns the names in JSON of the fields of a struct.
func fieldNames(t reflect.Type) []string {
	var names []string
	for _, field := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// unknownField names the field only as far as it looks like a name: a body may
// have been put in its place.
func unknownField(name string, names []string) error {
	hint := "the OpenAPI document at /openapi.json lists them"
	if nearest := courier.Nearest(name, names); nearest != "" {
		hint = nearest + " is the nearest"
	}
	if !isName(name) {
		return invalid("", "a field has a name that no field has; "+hint)
	}
	return invalid(name, "no field has this name; "+hint)
}

func isName(text string) bool {
	return len(text) <= 32 && text != "" && !strings.ContainsFunc(text, func(char rune) bool {
		return char != '_' && char != '-' && (char|0x20 < 'a' || char|0x20 > 'z')
	})
}
