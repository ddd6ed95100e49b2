package cli

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func wantResult(t *testing.T, got result, code int, stdout, stderr string) {
	t.Helper()
	if got.code != code {
		t.Errorf("exit code %d, want %d", got.code, code)
	}
	if !strings.Contains(got.stdout, stdout) || (stdout == "" && got.stdout != "") {
		t.Errorf("stdout %q, want %q in it", got.stdout, stdout)
	}
	if !strings.Contains(got.stderr, stderr) || (stderr == "" && got.stderr != "") {
		t.Errorf("stderr %q, want %q in it", got.stderr, stderr)
	}
}

func TestSend_One(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args           []string
		stdin          string
		code           int
		stdout, stderr string
		body           string
	}{
		"Plain":     {[]string{"--to", "+12065550199", "--body", "Hi"}, "", 0, "739b-aea5-000000000000 queued\n", "", "Hi"},
		"Stdin":     {[]string{"--to", "+12065550199", "--body", "-"}, "Hi\nyou\r\n", 0, " queued\n", "", "Hi\nyou"},
		"JSON":      {[]string{"--to", "+12065550199", "--body", "Hi", "--format", "json"}, "", 0, `"status": "queued"`, "", "Hi"},
		"Wait":      {[]string{"--to", "+12065550199", "--body", "Hi", "--wait"}, "", 0, " sent\n", "", "Hi"},
		"Rejected":  {[]string{"--to", "+16665550199", "--body", "Hi", "--wait"}, "", 1, " rejected\n", "error: message is rejected: blocked_content (30007): change the text", "Hi"},
		"Stuck":     {[]string{"--to", "+15555550199", "--body", "Hi", "--wait", "--wait-timeout", "30ms"}, "", 1, "", "is still queued after 30ms; look later with courier messages get", "Hi"},
		"Refused":   {[]string{"--to", "12", "--body", "Hi"}, "", 1, "", "error: send message: to: it is too short\n", ""},
		"NoTo":      {[]string{"--body", "Hi"}, "", 2, "", "error: --to is missing", ""},
		"NoBody":    {[]string{"--to", "+12065550199"}, "", 2, "", "error: --body is missing", ""},
		"NoStdin":   {[]string{"--to", "+12065550199", "--body", "-"}, "\n", 2, "", "it is empty", ""},
		"BadStdin":  {[]string{"--to", "+12065550199", "--body", "-"}, "\xff", 2, "", "not UTF-8", ""},
		"HugeStdin": {[]string{"--to", "+12065550199", "--body", "-"}, strings.Repeat("x", maxBody+1), 2, "", "longer than", ""},
		"BadTime":   {[]string{"--to", "+12065550199", "--body", "x", "--send-at", "noon"}, "", 2, "", "read --send-at", ""},
		"BadExpiry": {[]string{"--to", "+12065550199", "--body", "x", "--expires-at", "noon"}, "", 2, "", "read --expires-at", ""},
		"BadTTL":    {[]string{"--to", "+12065550199", "--body", "x", "--ttl", "soon"}, "", 2, "", "--ttl", ""},
		"MinusTTL":  {[]string{"--to", "+12065550199", "--body", "x", "--ttl", "-5m"}, "", 2, "", "must not be negative", ""},
		"BadData":   {[]string{"--to", "+12065550199", "--body", "x", "--template-data", "7"}, "", 2, "", "read --template-data", ""},
		"BadPair":   {[]string{"--to", "+12065550199", "--body", "x", "--metadata", "a"}, "", 2, "", `"a" is not KEY=VALUE`, ""},
		"BadFormat": {[]string{"--to", "+12065550199", "--body", "x", "--format", "xml"}, "", 2, "", "table or json", ""},
		"Argument":  {[]string{"--to", "+12065550199", "--body", "x", "more"}, "", 2, "", "error: ", ""},
		"BadServer": {[]string{"--to", "+12065550199", "--body", "x", "--server", "localhost"}, "", 2, "", "parse server address", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newStandIn(t)
			got := server.run(t, test.stdin, append([]string{"send"}, test.args...)...)
			wantResult(t, got, test.code, test.stdout, test.stderr)
			if test.body != "" && server.taken()[test.body] != 1 {
				t.Errorf("server took %v", server.taken())
			}
			if test.body == "" && len(server.taken()) != 0 {
				t.Errorf("server took %v", server.taken())
			}
		})
	}
}

func TestSend_PassesEveryFlag(t *testing.T) {
	t.Parallel()
	server := newStandIn(t)
	got := server.run(t, "", "send", "--to", "+12065550199", "--from", "Shop", "--channel", "sms", "--subject", "s",
		"--ttl", "5m", "--send-at", "2026-01-31T18:00:00Z", "--template-type", "login", "--template-data", `{"code":1}`,
		"--metadata", "a=1", "--metadata", "b=x=y")
	wantResult(t, got, 0, "queued", "")
	for _, message := range server.texts {
		for name, want := range map[string]any{
			"from": "Shop", "channel": "sms", "subject": "s", "ttl": "5m0s",
			"send_at": "2026-01-31T18:00:00Z", "template_type": "login",
		} {
			if message[name] != want {
				t.Errorf("%s is %v", name, message[name])
			}
		}
		if metadata := fmt.Sprint(message["metadata"]); metadata != "map[a:1 b:x=y]" {
			t.Errorf("metadata %v", metadata)
		}
	}
}

func TestSend_FindsAPIKey(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	empty := filepath.Join(t.TempDir(), "empty")
	writeFile(t, file, "from-file\n")
	writeFile(t, empty, "\n")
	for name, test := range map[string]struct {
		env  map[string]string
		args []string
		want string
		code int
	}{
		"Environment": {map[string]string{"COURIER_API_KEY": "from-env"}, nil, "Bearer from-env", 0},
		"Reference":   {map[string]string{"COURIER_API_KEY": "env://OTHER", "OTHER": "from-other"}, nil, "Bearer from-other", 0},
		"FileURL":     {map[string]string{"COURIER_API_KEY": "file://" + file}, nil, "Bearer from-file", 0},
		"Flag":        {map[string]string{"COURIER_API_KEY": "ignored"}, []string{"--api-key-file", file}, "Bearer from-file", 0},
		"None":        {nil, nil, "", 0},
		"Unset":       {map[string]string{"COURIER_API_KEY": "env://OTHER"}, nil, "", 2},
		"NoFile":      {nil, []string{"--api-key-file", file + "x"}, "", 2},
		"EmptyFile":   {nil, []string{"--api-key-file", empty}, "", 2},
		"TwoWords":    {map[string]string{"COURIER_API_KEY": "a b"}, nil, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newStandIn(t)
			env := map[string]string{"COURIER_SERVER": server.URL}
			maps.Copy(env, test.env)
			got := runCommand(t, env, "", append([]string{"send", "--to", "+12065550199", "--body", "x"}, test.args...)...)
			if got.code != test.code {
				t.Fatalf("ended with %+v", got)
			}
			if test.code == 0 && server.auth[0] != test.want {
				t.Errorf("sent %q", server.auth[0])
			}
		})
	}
}

func TestSend_SaysWhatToDo(t *testing.T) {
	t.Parallel()
	server := newStandIn(t)
	for status, want := range map[int]string{
		http.StatusUnauthorized:       "give an API key in COURIER_API_KEY",
		http.StatusForbidden:          "use an API key that has the scope",
		http.StatusServiceUnavailable: "is this the address of a courier's admin listener?",
	} {
		server.fail = func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			return true
		}
		got := server.run(t, "", "send", "--to", "+12065550199", "--body", "x")
		wantResult(t, got, 1, "", want)
		if strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("more than one line: %q", got.stderr)
		}
	}
	server.Close()
	got := server.run(t, "", "send", "--to", "+12065550199", "--body", "x")
	wantResult(t, got, 1, "", "start it with `courier serve` or `courier dev`")
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
