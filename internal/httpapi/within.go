package httpapi

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
)

// recorder keeps an answer in memory.
type recorder struct {
	header  http.Header
	status  int
	content []byte
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) { r.status = cmp.Or(r.status, status) }

// Write implements http.ResponseWriter.
func (r *recorder) Write(content []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	r.content = append(r.content, content...)
	return len(content), nil
}

func (r *recorder) statusCode() int { return cmp.Or(r.status, http.StatusOK) }

// run serves a request in this process and returns the answer.
func run(handler http.Handler, request *http.Request) *http.Response {
	answer := &recorder{header: http.Header{}}
	handler.ServeHTTP(answer, request)
	return &http.Response{
		StatusCode: answer.statusCode(), Status: http.StatusText(answer.statusCode()), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.header, Body: io.NopCloser(bytes.NewReader(answer.content)), ContentLength: int64(len(answer.content)), Request: request,
	}
}
