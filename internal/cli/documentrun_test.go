package cli

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"courier/client"
)

// TestDocuments_Run does what a reader of a document does: writes each file that it shows
// and names before it, checks each configuration, and runs each command, next to a courier
// dev that stands for a courier and an inbox that are up.
func TestDocuments_Run(t *testing.T) {
	t.Parallel()
	_, server, phone := startDev(t)
	for path, wanted := range map[string]struct{ section, end string }{
		"README.md":                   {"## Five minutes\n", "\n## "},
		"docs/inbox.md":               {},
		"docs/in-front-of-kratos.md":  {},
		"docs/security.md":            {},
		"docs/upgrade-from-kratos.md": {},
	} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("..", "..", path))
			if err != nil {
				t.Fatal(err)
			}
			_, part, _ := strings.Cut(string(text), wanted.section)
			if wanted.end != "" {
				part, _, _ = strings.Cut(part, wanted.end)
			}
			r := &reader{dir: t.TempDir(), server: server, phone: phone}
			blocks := regexp.MustCompile("(?ms)^([^\n]*\n\n)?```(sh|yaml)\n(.*?)^```").FindAllStringSubmatch(part, -1)
			for _, block := range blocks {
				r.do(t, block[1], block[2], block[3])
			}
			if len(blocks) == 0 {
				t.Error("it has no blocks")
			}
		})
	}
}

// reader follows a document in a folder.
type reader struct {
	dir, server, phone string
	// exports are the lines that set variables, which later blocks have too.
	exports string
}

func (r *reader) do(t *testing.T, before, kind, text string) {
	t.Helper()
	if kind == "yaml" {
		name := "courier.yml"
		if named := regexp.MustCompile("`([a-z]+\\.yml)`").FindStringSubmatch(before); named != nil {
			name = named[1]
		}
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil { //nolint:gosec // a name of our own documents
			t.Fatal(err)
		}
		r.run(t, "courier config check -c "+name)
		return
	}
	sender, err := client.New(client.Options{BaseURL: r.server})
	if err != nil {
		t.Fatal(err)
	}
	sent, err := sender.Send(t.Context(), client.SendRequest{To: sampleTo, Body: "Your code is 654321"})
	if err != nil {
		t.Fatal(err)
	}
	// The courier is built, and dev and the inbox are up. What is served ends once it is ready.
	text = regexp.MustCompile(`(?m)^(make dev|go mod edit .*|courier (dev|inbox)( +[-#].*| *))$`).ReplaceAllString(text, "")
	text = strings.NewReplacer(
		"bin/courier", "courier", client.DefaultBaseURL, r.server, defaultInbox(), r.phone, " ID\n", " "+sent.ID.String()+"\n",
		"courier serve", "serve_until_ready",
	).Replace(text)
	r.run(t, text)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "export ") {
			r.exports += line
		}
	}
}

// serveUntilReady is a function of the shell that serves until the courier takes messages.
const serveUntilReady = `serve_until_ready() {
	API_PORT=$FREE_PORT PUBLIC_PORT=0 courier serve "$@" & served=$!
	until curl -fsS -o ready "http://127.0.0.1:$FREE_PORT/health/ready" 2>errors; do
		kill -0 "$served" || break
		sleep 0.1
	done
	kill "$served"
	wait "$served"
}
`

func (r *reader) run(t *testing.T, script string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), scriptTimeout)
	defer cancel()
	port, err := anyPort(ctx)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(ctx, "sh", "-eu", "-c", serveUntilReady+r.exports+script)
	command.Dir, command.WaitDelay = r.dir, time.Second
	command.Env = slices.Concat(os.Environ(), []string{
		"FREE_PORT=" + strconv.Itoa(port), "COURIER_SERVER=" + r.server, inboxVariable + "=" + r.phone, "HOOK_SECRET=a-long-random-text",
		"TWILIO_ACCOUNT_SID=AC00000000000000000000000000000000", "TWILIO_AUTH_TOKEN=token", "TWILIO_RECEIPT_SECRET=a-long-random-text",
		"SUPPORT_KEY_HASH=sha256:0f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
	})
	if output, err := command.CombinedOutput(); err != nil || strings.Contains(string(output), `"detail"`) {
		t.Errorf("%v\n%s\n%s", err, script, output)
	}
}
