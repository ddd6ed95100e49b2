package store

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier"
)

func contentMessage() *courier.Message {
	return &courier.Message{
		Body: "Your code is 123456", Subject: "Sub\x00ject <&>\u2028", TemplateType: "login_code_valid",
		TemplateData:   json.RawMessage(`{"n":12345678901234567890.10,"a":"<\u0000>","a":1}`),
		RequestHeaders: json.RawMessage(`{"User-Agent":["a","b"]}`), Metadata: json.RawMessage(`{"order":42}`),
		Encoding: courier.EncodingUCS2, Segments: 3, TraceParent: "00-1-2-01",
		Country: "DE", CallbackURL: "https://example.com/?a=b&c", OnlyGateway: true,
	}
}

func readBack(t *testing.T, m *courier.Message) *courier.Message {
	t.Helper()
	row, err := newRow(m)
	if err != nil {
		t.Fatal(err)
	}
	got := &courier.Message{Body: row.BodyText}
	DecodeContent(got, row.Content)
	return got
}

func TestContent_RoundTrip(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "plain", "a\x00b", "\xff\xfe"} {
		m := contentMessage()
		m.Body = body
		if diff := cmp.Diff(m, readBack(t, m)); diff != "" {
			t.Errorf("body %q (-want +got):\n%s", body, diff)
		}
	}
}

func TestContent_NoJSONIsInvalid(t *testing.T) {
	t.Parallel()
	m := contentMessage()
	m.Metadata = json.RawMessage(`{"order":`)
	if _, err := newRow(m); err == nil {
		t.Error("metadata that is no JSON was taken")
	}
}

// TestContent_ByHand reads what SQL may have stored.
func TestContent_ByHand(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]*courier.Message{
		``:                     {Body: "hi", Encoding: courier.EncodingGSM7, Segments: 1},
		`{}`:                   {Body: "hi", Encoding: courier.EncodingGSM7, Segments: 1},
		`{"unheard_of":1}`:     {Body: "hi", Encoding: courier.EncodingGSM7, Segments: 1},
		`{"subject":"s"}`:      {Body: "hi", Subject: "s", Encoding: courier.EncodingGSM7, Segments: 1},
		`{"metadata": {"a":1}`: {Body: "hi", TemplateData: json.RawMessage(`{"metadata": {"a":1}`), Encoding: courier.EncodingGSM7, Segments: 1},
	} {
		got := &courier.Message{Body: "hi"}
		DecodeContent(got, document)
		if len(got.TemplateData) == 0 {
			got.TemplateData = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", document, diff)
		}
	}
}

func TestScrubContent(t *testing.T) {
	t.Parallel()
	m := contentMessage()
	m.Body = "sec\x00ret"
	row, err := newRow(m)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	got := &courier.Message{ScrubbedAt: now}
	DecodeContent(got, ScrubContent(row.Content))
	Scrub(m, now)
	if diff := cmp.Diff(m, got); diff != "" {
		t.Errorf("scrubbed message (-want +got):\n%s", diff)
	}
	if again := ScrubContent(ScrubContent(row.Content)); again != ScrubContent(row.Content) {
		t.Errorf("scrubbed twice it is %s", again)
	}
	if got := ScrubContent("broken secret"); got != "{}" {
		t.Errorf("a document by hand becomes %s", got)
	}
}

func BenchmarkContent(b *testing.B) {
	m := contentMessage()
	m.Subject, m.RequestHeaders = "", nil
	m.TemplateData = json.RawMessage(`{"login_code":"123456","expires_in_minutes":15}`)
	b.Run("Encode", func(b *testing.B) {
		for b.Loop() {
			_, _ = newRow(m)
		}
	})
	row, _ := newRow(m)
	b.Run("Decode", func(b *testing.B) {
		for b.Loop() {
			DecodeContent(&courier.Message{}, row.Content)
		}
	})
}
