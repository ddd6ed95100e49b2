package curl

import (
	"bytes"
	"net/http"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequest_Command(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		request Request
		want    string
	}{
		"Bare": {
			Request{Method: "GET", URL: "http://h/", Header: http.Header{"User-Agent": {"x"}}},
			"curl --globoff --request GET http://h/ \\\n  -H Accept: \\\n  -H 'User-Agent: x'",
		},
		"Head": {
			Request{Method: "HEAD", URL: "http://h/?a=b&c", Header: http.Header{"Accept": {"*/*"}}},
			"curl --globoff --head 'http://h/?a=b&c' \\\n  -H User-Agent: \\\n  -H 'Accept: */*'",
		},
		"Empty": {
			Request{Method: "POST", URL: "http://h/", Body: "@file", Header: http.Header{"X-None": {""}, "User-Agent": {""}, "Accept": {"a", "b"}}},
			"curl --globoff --request POST http://h/ \\\n  -H Content-Type: \\\n  -H 'Accept: a' \\\n  -H 'Accept: b' \\\n" +
				"  -H User-Agent: \\\n  -H 'X-None;' \\\n  --data-raw @file",
		},
		"Binary": {
			Request{Method: "P'T", URL: "http://h/", Body: "a\x00", Header: http.Header{"Content-Type": {"x"}, "Accept": {"x"}, "User-Agent": {"x"}}},
			"printf %s YQA= | base64 -d | curl --globoff --request 'P'\\''T' http://h/ \\\n  -H 'Accept: x' \\\n  -H 'Content-Type: x' \\\n" +
				"  -H 'User-Agent: x' \\\n  --data-binary @-",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, test.request.Command()); diff != "" {
				t.Errorf("curl (-want +got):\n%s", diff)
			}
		})
	}
}

// TestQuote lets a real shell read what was quoted.
func TestQuote(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "plain", "it's", `"$HOME" \`, "a\nb", "*?[x]", "é {}", "'''", "-n", "~"} {
		var out bytes.Buffer
		command := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+Quote(text))
		command.Stdout = &out
		if err := command.Run(); err != nil {
			// printf takes -n for an option in some shells.
			t.Fatalf("%q: %v", text, err)
		}
		if out.String() != text {
			t.Errorf("%q came out as %q", text, out.String())
		}
	}
}
