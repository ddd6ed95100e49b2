package cli

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRenderText_BodyAndHeaders(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("something was sent") }))
	t.Cleanup(server.Close)
	path := t.TempDir() + "/courier.yml"
	writeFile(t, path, strings.ReplaceAll(`
courier:
  channels:
    - id: sms
      request_config:
        url: SERVER/x
        method: POST
        headers: { User-Agent: "", X-Number: "7" }
        auth: { type: api_key, config: { in: cookie, name: sid, value: cookie-secret } }
`, "SERVER", server.URL))
	got := runCommand(t, nil, "", "-c", path, "render", "--to", "+12065550199", "--body", "x")
	if got.code != 0 || !strings.Contains(got.stdout, "-H 'Cookie: sid=***'") || strings.Contains(got.stdout, "cookie-secret") ||
		strings.Contains(got.stdout, "--data") || !strings.Contains(got.stdout, "-H User-Agent:") {
		t.Errorf("ended with %+v", got)
	}
}

func TestReadBody_FailsWithReader(t *testing.T) {
	t.Parallel()
	reader, writer := io.Pipe()
	if err := writer.CloseWithError(context.DeadlineExceeded); err != nil {
		t.Fatal(err)
	}
	if _, err := readBody(reader); err == nil || !strings.Contains(err.Error(), "read body from standard input") {
		t.Errorf("got %v", err)
	}
}
