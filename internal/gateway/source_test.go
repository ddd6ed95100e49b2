package gateway

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"courier/internal/gateway/gatewaytest"
)

func TestSource_Fetch_Faults(t *testing.T) {
	t.Parallel()
	fake, url := gatewaytest.Start(t, gatewaytest.Options{BehaviorFunc: func(r *http.Request) gatewaytest.Behavior {
		switch r.URL.Path {
		case "/large":
			return gatewaytest.Behavior{Status: 200, Fault: gatewaytest.FaultHugeBody}
		case "/reset":
			return gatewaytest.Behavior{Fault: gatewaytest.FaultResetAfterRead}
		case "/empty":
			return gatewaytest.Behavior{Status: 200, Body: []byte(" \n")}
		case "/loop":
			return redirectTo(302, "/loop")
		}
		return gatewaytest.Behavior{Status: 404}
	}})
	secretURL := strings.Replace(url, "http://", "http://user:hunter2@", 1)
	for uri, says := range map[string]string{
		secretURL + "?k=hunter2":            "answered 404 Not Found",
		secretURL + "/missing?k=hunter2":    "answered 404 Not Found",
		secretURL + "/large?k=hunter2":      "larger than 1048576 bytes",
		secretURL + "/loop?k=hunter2":       "redirects to where it may not",
		secretURL + "/reset?k=hunter2":      "check the address",
		secretURL + "/empty?k=hunter2":      "it is empty",
		"http://127.0.0.1:1/x?k=hunter2":    "refused the connection",
		"http://user:hunter2@127.0.0.1:0/x": "port",
		"ftp://user:hunter2@host/x":         "start it with https://",
	} {
		source, err := NewSource(uri, PrivateIPPolicy{})
		if err == nil {
			_, _, err = source.Fetch(t.Context())
			source.Close()
		}
		wantText(t, err, says)
		if err != nil && strings.Contains(err.Error(), "hunter2") {
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
		source := newSource(t, url+target, PrivateIPPolicy{Disallow: true, ExceptionURLs: []string{url + "/allowed"}})
		_, _, err := source.Fetch(t.Context())
		wantText(t, err, says)
	}
	if fake.Count() != 1 {
		t.Errorf("%d requests", fake.Count())
	}
}

// TestSource_Fetch_Revalidates follows one template through its life.
func TestSource_Fetch_Revalidates(t *testing.T) {
	t.Parallel()
	fake, url := gatewaytest.Start(t, gatewaytest.Options{})
	source := newSource(t, url+"/t.jsonnet", PrivateIPPolicy{})
	answer := func(status int, body string, header ...string) gatewaytest.Behavior {
		behavior := gatewaytest.Behavior{Status: status, Body: []byte(body), Header: http.Header{}}
		for i := 0; i+1 < len(header); i += 2 {
			behavior.Header.Set(header[i], header[i+1])
		}
		return behavior
	}
	for i, step := range []struct {
		answer gatewaytest.Behavior
		text   string
		fresh  time.Duration
		fails  bool
	}{
		{answer(200, "one", "ETag", `"1"`, "Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"), "one", leastFresh, false},
		{answer(503, "down"), "", leastFresh, true},
		{answer(304, "", "Cache-Control", "max-age=60"), "", time.Minute, false},
		{answer(200, "two", "Cache-Control", "public, max-age=60"), "two", time.Minute, false},
		{answer(200, " "), "", leastFresh, true},
	} {
		fake.Script(step.answer)
		text, fresh, err := source.Fetch(t.Context())
		if string(text) != step.text || fresh != step.fresh || (err != nil) != step.fails {
			t.Fatalf("step %d: %q, %s, %v", i, text, fresh, err)
		}
	}
	requests := fake.Requests()
	if requests[0].Header.Get("If-None-Match") != "" || requests[1].Header.Get("If-None-Match") != `"1"` ||
		requests[2].Header.Get("If-Modified-Since") != "Thu, 01 Jan 2026 00:00:00 GMT" || requests[4].Header.Get("If-None-Match") != "" {
		t.Errorf("requests are %+v", requests)
	}
}

func TestSource_Fetch_Timeout(t *testing.T) {
	t.Parallel()
	for _, fault := range []gatewaytest.Fault{gatewaytest.FaultHang, gatewaytest.FaultSlowBody} {
		_, url := gatewaytest.Start(t, gatewaytest.Options{Default: gatewaytest.Behavior{Status: 200, Fault: fault}})
		ctx, cancel := context.WithTimeout(t.Context(), short)
		defer cancel()
		_, _, err := newSource(t, url+"/", PrivateIPPolicy{}).Fetch(ctx)
		wantText(t, err, "in time")
	}
}

func TestMaxAge(t *testing.T) {
	t.Parallel()
	for control, want := range map[string]time.Duration{
		"": leastFresh, "max-age=60": time.Minute, `public, MAX-AGE="90"`: 90 * time.Second, "max-age=-1": leastFresh, "max-age=x": leastFresh,
		"max-age=5": leastFresh, "no-store, max-age=60": leastFresh, "max-age=60, no-cache": leastFresh,
		"max-age=2000000000": mostFresh, "max-age=99999999999": leastFresh,
	} {
		if got := maxAge(control); got != want {
			t.Errorf("maxAge(%q) = %s, want %s", control, got, want)
		}
	}
}

func newSource(t *testing.T, address string, policy PrivateIPPolicy) *Source {
	t.Helper()
	source, err := NewSource(address, policy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	return source
}
