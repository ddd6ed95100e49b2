package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"os"
	"strings"

	"courier"
)

// pooledBuffer is the largest buffer that is kept for the next request, in bytes.
const pooledBuffer = 64 << 10

// withBody reads the JSON body of a request, of at most limit bytes, and calls
// use with it. The text must not be kept.
func (a *API) withBody(w http.ResponseWriter, r *http.Request, limit int64, use func(text []byte) error) error {
	if err := checkContentType(r.Header); err != nil {
		return err
	}
	if r.ContentLength > limit {
		return tooLarge(limit)
	}
	buffer := a.takeBuffer()
	defer a.giveBuffer(buffer)
	if _, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, limit)); err != nil {
		return bodyFault(err, limit)
	}
	text := buffer.Bytes()
	if err := checkDocument(text); err != nil {
		return err
	}
	return use(text)
}

func (a *API) takeBuffer() *bytes.Buffer {
	if buffer, ok := a.buffers.Get().(*bytes.Buffer); ok {
		return buffer
	}
	return new(bytes.Buffer)
}

func (a *API) giveBuffer(buffer *bytes.Buffer) {
	if buffer.Cap() > pooledBuffer {
		return
	}
	buffer.Reset()
	a.buffers.Put(buffer)
}

// checkContentType takes JSON only. A web page cannot send that to another site
// without asking first, and the courier never says yes.
func checkContentType(header http.Header) error {
	if encoding := header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return &courier.Error{Code: courier.CodeUnsupportedMedia, Field: "header.Content-Encoding", Message: "the body is compressed; send it as it is"}
	}
	kind, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return &courier.Error{Code: courier.CodeUnsupportedMedia, Field: "header.Content-Type", Message: "the body must be JSON; send it with Content-Type: application/json"}
	}
	if charset := parameters["charset"]; charset != "" && !isUTF8Name(charset) {
		return &courier.Error{Code: courier.CodeUnsupportedMedia, Field: "header.Content-Type", Message: "the body must be in UTF-8; encode it so"}
	}
	return nil
}

func isUTF8Name(charset string) bool {
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

func tooLarge(limit int64) error {
	return &courier.Error{Code: courier.CodeRequestTooLarge, Message: fmt.Sprintf("the body is larger than %d bytes; send less at once, or raise api.max_body_size", limit)}
}

// bodyFault says why a body could not be read.
func bodyFault(err error, limit int64) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &courier.Error{Code: courier.CodeInvalidRequest, Message: "the body did not arrive in time; send it faster", Err: err}
	}
	return &courier.Error{Code: courier.CodeInvalidRequest, Message: "the body did not arrive whole; send it again", Err: err}
}
