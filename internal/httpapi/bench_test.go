package httpapi_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"courier"
	"courier/internal/httpapi"
	"courier/internal/store"
)

// sink takes messages and keeps none.
type sink struct{}

// Enqueue implements httpapi.Engine.
func (sink) Enqueue(_ context.Context, messages []*courier.Message) ([]store.Enqueued, error) {
	results := make([]store.Enqueued, len(messages))
	for i, m := range messages {
		results[i].Message = m
	}
	return results, nil
}

// Wake implements httpapi.Engine.
func (sink) Wake() {}

// discard is an answer that nobody reads.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header               { return d.header }
func (d *discard) Write(content []byte) (int, error) { return len(content), nil }
func (d *discard) WriteHeader(status int)            { d.status = status }

func benchmark(b *testing.B, path, body string) {
	b.Helper()
	f := newFixture(b, func(o *httpapi.Options) { o.Engine = sink{} })
	handler := f.api.Admin()
	reader := bytes.NewReader(nil)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, path, nil)
	r.Host, r.ContentLength = "localhost", int64(len(body))
	r.Header.Set("Content-Type", "application/json")
	text := []byte(body)
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(text)
		r.Body = http.NoBody
		again := *r
		again.Body = readCloser{reader}
		w := discard{header: make(http.Header)}
		handler.ServeHTTP(&w, &again)
		if w.status != http.StatusAccepted {
			b.Fatal(w.status)
		}
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

const benchPart = `{"to":"` + number + `","body":"Your login code is: 809593\n\nIt expires in 60 minutes.","template_type":"login_code_valid","template_data":{"login_code":"809593","identity":{"id":"86a3a219"}}}`

func BenchmarkAPI_Send(b *testing.B) { benchmark(b, "/v1/messages", benchPart) }

func BenchmarkAPI_SendBatch100(b *testing.B) {
	benchmark(b, "/v1/messages/batch", `{"messages":[`+strings.Repeat(benchPart+",", 99)+benchPart+`]}`)
}
