package gateway

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"courier/internal/gateway/gatewaytest"
)

const snippet = "function(ctx) { to: ctx.to }\n"

func TestLoad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "body.jsonnet")
	writeFile(t, path, snippet)
	_, url := gatewaytest.Start(t, gatewaytest.Options{Default: gatewaytest.Behavior{Status: 200, Body: []byte(snippet)}})
	for _, uri := range []string{
		"file://" + path, "base64://" + base64.StdEncoding.EncodeToString([]byte(snippet)), url + "/body.jsonnet",
	} {
		if got, err := Load(t.Context(), uri); err != nil || string(got) != snippet {
			t.Errorf("Load(%s) = %q, %v", uri, got, err)
		}
	}
}

// TestLoad_Relative reads a file below the working directory in both spellings.
func TestLoad_Relative(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{"file://testdata/kratos/basic_auth/template.jsonnet", "file://./testdata/kratos/basic_auth/template.jsonnet"} {
		if got, err := Load(t.Context(), uri); err != nil || !strings.HasPrefix(string(got), "function(ctx)") {
			t.Errorf("Load(%s) = %q, %v", uri, got, err)
		}
	}
}

func TestLoad_Faults(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "empty"), " \n")
	writeFile(t, filepath.Join(folder, "large"), strings.Repeat("x", DefaultMaxSource+1))
	fake, url := gatewaytest.Start(t, gatewaytest.Options{BehaviorFunc: func(r *http.Request) gatewaytest.Behavior {
		switch r.URL.Path {
		case "/large":
			return gatewaytest.Behavior{Status: 200, Fault: gatewaytest.FaultHugeBody}
		case "/reset":
			return gatewaytest.Behavior{Fault: gatewaytest.FaultResetAfterRead}
		case "/loop":
			return redirectTo(302, "/loop")
		}
		return gatewaytest.Behavior{Status: 404}
	}})
	secretURL := strings.Replace(url, "http://", "http://user:hunter2@", 1)
	for uri, says := range map[string]string{
		"":                              "starts with none of",
		"./body.jsonnet":                "starts with none of",
		"ftp://host/x":                  "starts with none of",
		"file://":                       "names no file",
		"file://" + folder + "/missing": "missing: no such file",
		"file://" + folder:              "no regular file",
		"file:///dev/zero":              "no regular file",
		"file://" + folder + "/empty":   "it is empty",
		"file://" + folder + "/large":   "larger than 1048576 bytes",
		"base64://%%%":                  "standard alphabet with padding",
		"base64://YQ":                   "standard alphabet with padding",
		"base64://-_-_":                 "standard alphabet with padding",
		"base64://":                     "it is empty",
		"base64://" + strings.Repeat("YWFh", 1<<19): "larger than 1048576 bytes",
		"http://host":                       "has no path",
		secretURL + "/missing?k=hunter2":    "answered 404 Not Found",
		secretURL + "/large?k=hunter2":      "larger than 1048576 bytes",
		secretURL + "/loop?k=hunter2":       "redirects to where it may not",
		secretURL + "/reset?k=hunter2":      "check the address",
		"http://127.0.0.1:1/x?k=hunter2":    "refused the connection",
		"http://user:hunter2@127.0.0.1:0/x": "port",
	} {
		_, err := Load(t.Context(), uri)
		wantText(t, err, says)
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "YWFh")) {
			t.Errorf("the error tells a secret: %v", err)
		}
	}
	if fake.Count() == 0 {
		t.Error("nothing was fetched")
	}
}

// TestSource_PrivateIPs applies the address policy to the template and to where it redirects.
func TestSource_PrivateIPs(t *testing.T) {
	t.Parallel()
	fake, url := gatewaytest.Start(t, gatewaytest.Options{})
	fake.Script(redirectTo(302, "/private"))
	for target, says := range map[string]string{"/private": "private address", "/allowed": "redirects to where it may not"} {
		source := newSource(t, SourceOptions{
			URI: url + target, PrivateIPs: PrivateIPPolicy{Disallow: true, ExceptionURLs: []string{url + "/allowed"}},
		})
		_, err := source.Refresh(t.Context())
		wantText(t, err, says)
	}
	if fake.Count() != 1 {
		t.Errorf("%d requests", fake.Count())
	}
}

// TestSource_Revalidates follows one template over HTTP through its life.
func TestSource_Revalidates(t *testing.T) {
	t.Parallel()
	fake, url := gatewaytest.Start(t, gatewaytest.Options{})
	clock := &testClock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	source := newSource(t, SourceOptions{URI: url + "/t.jsonnet", Interval: 10 * time.Second, NowFunc: clock.Now})
	answer := func(status int, body string, header ...string) gatewaytest.Behavior {
		behavior := gatewaytest.Behavior{Status: status, Body: []byte(body), Header: http.Header{}}
		for i := 0; i+1 < len(header); i += 2 {
			behavior.Header.Set(header[i], header[i+1])
		}
		return behavior
	}
	for i, step := range []struct {
		after    time.Duration
		answer   gatewaytest.Behavior
		requests int
		changed  bool
		fails    bool
		text     string
	}{
		{0, answer(200, "one", "ETag", `"1"`, "Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"), 1, true, false, "one"},
		{9 * time.Second, answer(500, ""), 1, false, false, "one"},
		{time.Second, answer(503, "down"), 2, false, true, "one"},
		{0, answer(304, ""), 3, false, false, "one"},
		{10 * time.Second, answer(200, "two", "Cache-Control", "public, max-age=60"), 4, true, false, "two"},
		{59 * time.Second, answer(500, ""), 4, false, false, "two"},
		{time.Second, answer(200, "two", "Cache-Control", "max-age=99999999, no-cache"), 5, false, false, "two"},
		{10 * time.Second, answer(200, " "), 6, false, true, "two"},
	} {
		clock.advance(step.after)
		if fake.Count() != step.requests {
			fake.Script(step.answer)
		}
		changed, err := source.Refresh(t.Context())
		if changed != step.changed || (err != nil) != step.fails || string(source.Current()) != step.text || fake.Count() != step.requests {
			t.Fatalf("step %d: changed %t, %v, %q, %d requests", i, changed, err, source.Current(), fake.Count())
		}
	}
	requests := fake.Requests()
	if requests[0].Header.Get("If-None-Match") != "" || requests[1].Header.Get("If-None-Match") != `"1"` ||
		requests[3].Header.Get("If-Modified-Since") != "Thu, 01 Jan 2026 00:00:00 GMT" || requests[4].Header.Get("If-None-Match") != "" {
		t.Errorf("requests are %+v", requests)
	}
}

func TestSource_Timeout(t *testing.T) {
	t.Parallel()
	for _, fault := range []gatewaytest.Fault{gatewaytest.FaultHang, gatewaytest.FaultSlowBody} {
		_, url := gatewaytest.Start(t, gatewaytest.Options{Default: gatewaytest.Behavior{Status: 200, Fault: fault}})
		_, err := newSource(t, SourceOptions{URI: url + "/", Timeout: short}).Refresh(t.Context())
		wantText(t, err, "in time")
	}
}

func TestMaxAge(t *testing.T) {
	t.Parallel()
	for control, want := range map[string]time.Duration{
		"": 0, "max-age=60": time.Minute, `public, MAX-AGE="5"`: 5 * time.Second, "max-age=-1": 0, "max-age=x": 0,
		"no-store, max-age=60": 0, "max-age=60, no-cache": 0, "max-age=2000000000": maxFresh, "max-age=99999999999": 0,
	} {
		if got := maxAge(control); got != want {
			t.Errorf("maxAge(%q) = %s, want %s", control, got, want)
		}
	}
}

// TestSource_WatchFile changes a file in the ways of editors and deployments.
func TestSource_WatchFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "body.jsonnet")
	writeFile(t, path, "one")
	source := newSource(t, SourceOptions{URI: "file://" + path, Interval: patience})
	if _, err := source.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	texts := watch(t, source)
	writeFile(t, path, "two")
	wantNext(t, texts, "two")
	writeFile(t, filepath.Join(folder, "new"), "three")
	if err := os.Rename(filepath.Join(folder, "new"), path); err != nil {
		t.Fatal(err)
	}
	wantNext(t, texts, "three")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, "four")
	wantNext(t, texts, "four")
	if got := string(source.Current()); got != "four" {
		t.Errorf("Current() = %q", got)
	}
}

// TestSource_WatchKeepsLast has an address fail between two texts: the first
// stays meanwhile, and the fault is logged once.
func TestSource_WatchKeepsLast(t *testing.T) {
	t.Parallel()
	fake, url := gatewaytest.Start(t, gatewaytest.Options{Default: gatewaytest.Behavior{Status: 200, Body: []byte("two")}})
	fake.Script(gatewaytest.Behavior{Status: 200, Body: []byte("one")},
		gatewaytest.Behavior{Status: 500}, gatewaytest.Behavior{Status: 500}, gatewaytest.Behavior{Status: 500})
	logged := &countingHandler{}
	source := newSource(t, SourceOptions{URI: url + "/?key=hunter2", Interval: time.Millisecond, Logger: slog.New(logged)})
	wantNext(t, watch(t, source), "one", "two")
	logged.mu.Lock()
	defer logged.mu.Unlock()
	if len(logged.texts) != 1 || strings.Contains(logged.texts[0], "hunter2") || !strings.Contains(logged.texts[0], "500") {
		t.Errorf("logged %q", logged.texts)
	}
}

func TestSource_WatchFixed(t *testing.T) {
	t.Parallel()
	source := newSource(t, SourceOptions{URI: "base64://YQ=="})
	source.Watch(t.Context(), func(context.Context, []byte) { t.Error("a fixed text changed") })
}

// TestSource_WatchMissingFolder falls back to the interval.
func TestSource_WatchMissingFolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "later", "body.jsonnet")
	logged := &countingHandler{}
	source := newSource(t, SourceOptions{URI: "file://" + path, Interval: time.Millisecond, Logger: slog.New(logged)})
	texts := watch(t, source)
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(filepath.Dir(path), "new"), "one")
	if err := os.Rename(filepath.Join(filepath.Dir(path), "new"), path); err != nil {
		t.Fatal(err)
	}
	wantNext(t, texts, "one")
}

func newSource(t *testing.T, options SourceOptions) *Source {
	t.Helper()
	source, err := NewSource(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	return source
}

// watch returns the texts that a source changes to until the test ends.
func watch(t *testing.T, source *Source) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	texts := make(chan string, 100)
	var watching sync.WaitGroup
	watching.Go(func() {
		source.Watch(ctx, func(_ context.Context, text []byte) { texts <- string(text) })
	})
	t.Cleanup(func() {
		cancel()
		watching.Wait()
	})
	return texts
}

// wantNext skips what a file held while it was being written.
func wantNext(t *testing.T, texts <-chan string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		for got := ""; got != want; {
			select {
			case got = <-texts:
			case <-t.Context().Done():
				t.Fatalf("%q never came", want)
			}
		}
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

type testClock struct{ now time.Time }

func (c *testClock) Now() time.Time { return c.now }

func (c *testClock) advance(by time.Duration) { c.now = c.now.Add(by) }

// countingHandler keeps what is logged.
type countingHandler struct {
	mu    sync.Mutex
	texts []string
}

func (h *countingHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *countingHandler) Handle(_ context.Context, record slog.Record) error {
	text := record.Message
	record.Attrs(func(attr slog.Attr) bool {
		text += " " + attr.String()
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.texts = append(h.texts, text)
	return nil
}

func (h *countingHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h *countingHandler) WithGroup(string) slog.Handler { return h }
