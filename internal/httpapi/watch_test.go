package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"courier"
	"courier/internal/httpapi"
	"courier/internal/store"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

// callFor makes the request of a target such as "GET /v1/messages", with a good
// body where one is needed.
func (f *fixture) callFor(tb testing.TB, target string) *httptest.ResponseRecorder {
	tb.Helper()
	method, path, _ := strings.Cut(target, " ")
	const part = `{"to":"` + number + `","body":"123456"}`
	switch target {
	case "POST /v1/messages":
		return f.call(tb, method, path, part)
	case "POST /v1/messages/batch":
		return f.call(tb, method, path, `{"messages":[`+part+`]}`)
	case "POST /v1/messages/" + idText + "/resolve":
		return f.call(tb, method, path, `{"as":"sent"}`)
	default:
		return f.call(tb, method, path, "")
	}
}

func TestAPI_Health(t *testing.T) {
	t.Parallel()
	var fault error
	f := newFixture(t, func(o *httpapi.Options) {
		withKeys(o)
		o.Checks = []httpapi.Check{
			{Name: "engine", CheckFunc: func(context.Context) error { return nil }},
			{Name: "store", CheckFunc: func(context.Context) error { return fault }},
		}
	})
	for _, path := range []string{"/health/alive", "/health/ready"} {
		w := f.call(t, "GET", path, "")
		if w.Code != http.StatusOK {
			t.Errorf("%s: got %d", path, w.Code)
		}
		wantJSON(t, w.Body.String(), `{"status":"ok"}`)
	}
	for _, test := range []struct {
		fault  error
		code   courier.ErrorCode
		detail string
	}{
		{store.ErrFull, courier.CodeStoreFull, "not ready: store: the disk"},
		{errSecret, courier.CodeStoreUnavailable, "not ready: store: it does not work"},
		{&courier.Error{Code: courier.CodeShuttingDown, Message: "draining"}, courier.CodeShuttingDown, "draining"},
		{&courier.Error{Code: courier.CodeInternal, Message: "set it up"}, courier.CodeStoreUnavailable, "set it up"},
	} {
		fault = test.fault
		w := f.call(t, "GET", "/health/ready", "")
		wantProblem(t, w, test.code, "", test.detail)
		if contains(w.Body.String(), "123456") {
			t.Errorf("the answer shows the inner error: %s", w.Body)
		}
		if w := f.call(t, "GET", "/health/alive", ""); w.Code != http.StatusOK {
			t.Errorf("alive: got %d", w.Code)
		}
	}
}

func TestAPI_HealthLogsChanges(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var fault error
	f := newFixture(t, func(o *httpapi.Options) {
		o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
		o.Checks = []httpapi.Check{{Name: "store", CheckFunc: func(context.Context) error { return fault }}}
	})
	var got []string
	for _, fault = range []error{nil, store.ErrFull, store.ErrFull, nil, nil} {
		f.call(t, "GET", "/health/ready", "")
	}
	for _, line := range logged(t, log.String()) {
		got = append(got, fmt.Sprintf("%v %v %v", line["msg"], line["check"], line["error"]))
	}
	if diff := cmp.Diff([]string{"not ready store disk is full", "ready again <nil> <nil>"}, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestAPI_Version(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *httpapi.Options) {
		o.Version = httpapi.Version{Version: "1.2.3", Commit: "abc", GoVersion: "go1.26"}
	})
	wantJSON(t, f.call(t, "GET", "/version", "").Body.String(), `{"version":"1.2.3","commit":"abc","go_version":"go1.26"}`)
}

func TestAPI_Metrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	f := newFixture(t, func(o *httpapi.Options) { o.Registerer, o.Gatherer = registry, registry })
	f.send(t)
	f.call(t, "POST", "/v1/messages", "")
	f.call(t, "GET", "/nothing/"+number, "")
	request(t, f.api.Public(), "GET", "/health/alive", "")
	text := f.call(t, "GET", "/metrics", "").Body.String()
	var got []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "courier_http_requests_total") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := []string{
		`courier_http_requests_total{code="200",listener="public",route="GET /health/alive"} 1`,
		`courier_http_requests_total{code="202",listener="admin",route="POST /v1/messages"} 1`,
		`courier_http_requests_total{code="404",listener="admin",route="other"} 1`,
		`courier_http_requests_total{code="415",listener="admin",route="POST /v1/messages"} 1`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if !contains(text, `courier_http_request_duration_seconds_count{listener="admin",route="POST /v1/messages"} 2`) {
		t.Errorf("no durations:\n%s", text)
	}
}

func TestNew_RefusesTheSameRegistryTwice(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	f := newFixture(t, func(o *httpapi.Options) { o.Registerer = registry })
	_, err := httpapi.New(httpapi.Options{Intake: f.judge, Engine: f.memory, Store: f.memory, Registerer: registry})
	if err == nil || !contains(err.Error(), "register http metrics") {
		t.Errorf("got %v", err)
	}
}

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestAPI_Trace(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	f := newFixture(t, func(o *httpapi.Options) {
		o.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	})
	f.call(t, "POST", "/v1/messages", `{"to":"`+number+`","body":"123456"}`, "Traceparent: "+parent)
	f.call(t, "GET", "/v1/messages?to=%2B12065550199", "")
	f.call(t, "BREW", "/nothing/"+number, "")
	f.memory.err = store.ErrFull
	f.call(t, "GET", "/v1/messages/"+idText, "")
	var got []string
	for _, span := range spans.Ended() {
		attributes := attribute.NewSet(span.Attributes()...)
		got = append(got, span.Name()+" "+span.Status().Code.String()+" "+attributes.Encoded(attribute.DefaultEncoder()))
	}
	want := []string{
		"POST /v1/messages Unset http.request.method=POST,http.response.status_code=202,http.route=POST /v1/messages",
		"GET /v1/messages Unset http.request.method=GET,http.response.status_code=200,http.route=GET /v1/messages",
		"other Unset http.request.method=_OTHER,http.response.status_code=404,http.route=other",
		"GET /v1/messages/{id} Error http.request.method=GET,http.response.status_code=503,http.route=GET /v1/messages/{id}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	first := spans.Ended()[0]
	if first.Parent().SpanID().String() != "b7ad6b7169203331" {
		t.Errorf("parent is %v", first.Parent())
	}
	kept := "00-0af7651916cd43dd8448eb211c80319c-" + first.SpanContext().SpanID().String() + "-01"
	if f.judge.draft.TraceParent != kept {
		t.Errorf("the message keeps %q, want %q", f.judge.draft.TraceParent, kept)
	}
}

func TestAPI_TraceWithoutProvider(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.send(t)
	if got := f.judge.draft.TraceParent; got != "" {
		t.Errorf("a message of no trace keeps %q", got)
	}
	f.call(t, "POST", "/v1/messages/batch", `{"messages":[{"to":"`+number+`","body":"a"}]}`, "Traceparent: "+parent)
	if got := f.judge.draft.TraceParent; got != parent {
		t.Errorf("the message keeps %q, want the caller's", got)
	}
}

// logged returns the lines of a JSON log.
func logged(t *testing.T, text string) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(text) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fields)
	}
	return lines
}

func TestAPI_Log(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := newFixture(t, func(o *httpapi.Options) {
		o.Keys = []httpapi.Key{key("root", httpapi.ScopeSend)}
		o.Keys[0].Name = "ops"
		o.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	f.call(t, "POST", "/v1/messages", `{"to":"`+number+`","body":"123456"}`, "X-API-Key: root")
	f.call(t, "POST", "/v1/messages", `{"to":"`+number+`","body":"123456"`, "X-API-Key: root")
	f.call(t, "GET", "/v1/messages?to="+number, "", "X-API-Key: wrong-key")
	f.memory.err = store.ErrFull
	f.call(t, "POST", "/v1/messages", `{"to":"`+number+`","body":"123456"}`, "X-API-Key: root")
	lines := logged(t, log.String())
	var got []any
	for _, line := range lines {
		got = append(got, line["msg"], line["route"], line["status"])
	}
	want := []any{
		"messages accepted", nil, nil,
		"request served", "POST /v1/messages", 202.0,
		"request served", "POST /v1/messages", 400.0,
		"request without a valid API key refused", nil, nil,
		"request served", "GET /v1/messages", 401.0,
		"request refused", nil, nil,
		"request served", "POST /v1/messages", 503.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if refused := lines[5]; refused["code"] != "store_full" || refused["error"] != "disk is full" || refused["level"] != "WARN" {
		t.Errorf("refusal: %v", refused)
	}
	for _, secret := range []string{"123456", "5550199", "wrong-key", "root"} {
		if contains(log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, log.String())
		}
	}
}

// What is logged of refused requests must not fill the disk that is full.
func TestAPI_LogsRefusalsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		f := newFixture(t, func(o *httpapi.Options) {
			withKeys(o)
			o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
		})
		f.memory.err = store.ErrFull
		const part = `{"to":"` + number + `","body":"123456"}`
		for range 3 {
			for range 100 {
				f.call(t, "POST", "/v1/messages", part, "X-API-Key: root")
				f.call(t, "POST", "/v1/messages", part, "X-API-Key: wrong")
			}
			<-time.After(5 * time.Second)
		}
		var got []string
		for _, line := range logged(t, log.String()) {
			got = append(got, fmt.Sprint(line["msg"], " ", line["more_before"], " ", line["peer"]))
		}
		var want []string
		for _, before := range []int{0, 99, 99} {
			want = append(want, fmt.Sprintf("request refused %d <nil>", before), fmt.Sprintf("request without a valid API key refused %d 192.0.2.1", before))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

// The log says which key did what, without the number and the text.
func TestAPI_LogsWhoDidWhat(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := newFixture(t, func(o *httpapi.Options) {
		withKeys(o)
		o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	})
	const part = `{"to":"` + number + `","body":"123456","idempotency_key":"k"}`
	f.call(t, "POST", "/v1/messages", `{"to":"`+number+`","body":"123456"}`, "X-API-Key: sender")
	f.call(t, "POST", "/v1/messages/batch", `{"messages":[`+part+`,`+part+`,{}]}`, "X-API-Key: sender")
	f.call(t, "POST", "/v1/messages/"+idText+"/cancel", "", "X-API-Key: root")
	second := idText[:35] + "2"
	f.memory.attempt(t, courier.StatusRejected, failed())
	f.call(t, "POST", "/v1/messages/"+second+"/retry", "", "X-API-Key: root")
	f.call(t, "POST", "/v1/messages/"+second+"/retry", "", "X-API-Key: root")
	var got []string
	for _, line := range logged(t, log.String()) {
		got = append(got, fmt.Sprint(line["msg"], " ", line["api_key"], " ", line["message_id"], " ", line["message_ids"], " ", line["replayed"]))
	}
	want := []string{
		"messages accepted sender " + idText + " <nil> <nil>",
		"messages accepted sender <nil> [" + second + " " + second + "] 1",
		"message canceled root " + idText + " <nil> <nil>",
		"message retried root " + second + " <nil> <nil>",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if contains(log.String(), "5550199") || contains(log.String(), "123456") {
		t.Errorf("the log has a number or a text:\n%s", log.String())
	}
}

func TestAPI_Panic(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cause func()
		text  string
	}{
		"Text":    {func() { panic("body 123456") }, "the program panicked"},
		"Runtime": {func() { _ = os.Args[len(os.Args)] }, "index out of range"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			f := newFixture(t, func(o *httpapi.Options) { o.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
			f.memory.hook = func(context.Context) { test.cause() }
			wantProblem(t, f.callFor(t, "POST /v1/messages"), courier.CodeInternal, "", "log says more")
			lines := logged(t, log.String())
			if len(lines) != 1 || !contains(fmt.Sprint(lines[0]["panic"]), test.text) || !contains(fmt.Sprint(lines[0]["stack"]), "Enqueue") {
				t.Errorf("log: %s", log.String())
			}
			if contains(log.String(), "body 123456") {
				t.Errorf("the log has what was panicked with: %s", log.String())
			}
			f.memory.hook = nil
			f.send(t)
		})
	}
}

func TestAPI_PanicToAbort(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.memory.hook = func(context.Context) { panic(http.ErrAbortHandler) }
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Error("the abort did not reach the server")
		}
	}()
	f.callFor(t, "POST /v1/messages")
}

func TestAPI_Timeout(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *httpapi.Options) { o.Timeout = 1 })
	f.memory.hook = func(ctx context.Context) {
		<-ctx.Done()
		f.memory.err = ctx.Err()
	}
	wantProblem(t, f.callFor(t, "POST /v1/messages"), courier.CodeStoreUnavailable, "", "in time")
}
