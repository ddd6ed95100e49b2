package webhook

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"testing"
)

// TestDescribe_QuotesNobody says why no answer came, and nothing that an endpoint wrote.
func TestDescribe_QuotesNobody(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"no answer came: connection refused":         errors.New("connection refused"),
		"no answer came: malformed HTTP response …":  fmt.Errorf("malformed HTTP response %q", "+12065550199 hush"),
		"its answer is no HTTP":                      textproto.ProtocolError("malformed MIME header line: +12065550199 hush"),
		"no answer came: net/http: request canceled": errors.New("net/http: request canceled"),
	} {
		if got := describe(&url.Error{Op: http.MethodPost, URL: "https://shop.example/?hush", Err: err}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
