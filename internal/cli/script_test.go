package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptTimeout bounds each wait of a script.
const scriptTimeout = 30 * time.Second

// TestScripts runs the scripts of testdata/script with the commands of
// testscript and these:
//
//	code N program [args...]     wants the exit code
//	up NAME REGEXP VARIABLE program [args...]
//	                             starts a program and waits until its output
//	                             matches; the variable gets the first group, and
//	                             each of several, A,B, a group of its own
//	down NAME                    interrupts it, wants the exit code 0 and puts
//	                             its output into the file NAME.out
//	http METHOD URL FILE         makes a request with the variable BODY and puts
//	                             the answer into FILE
//
// The variable TOMORROW is a time.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values["programs"] = map[string]*background{}
			env.Setenv("TOMORROW", time.Now().UTC().Add(24*time.Hour).Format(time.RFC3339))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": scriptCode,
			"up":   scriptUp,
			"down": scriptDown,
			"http": scriptHTTP,
		},
	})
}

func scriptCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program [args...]")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		ended, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		got = ended.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// background is a program that a script started.
type background struct {
	command *exec.Cmd
	stop    context.CancelFunc
	output  *watched
}

// watched collects output and tells when it matches.
type watched struct {
	mutex   sync.Mutex
	text    bytes.Buffer
	pattern *regexp.Regexp
	found   chan []string
}

// Write implements io.Writer.
func (w *watched) Write(p []byte) (int, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.text.Write(p)
	if groups := w.pattern.FindStringSubmatch(w.text.String()); groups != nil {
		select {
		case w.found <- groups:
		default: // it was found before
		}
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.text.String()
}

func programs(ts *testscript.TestScript) map[string]*background {
	started, ok := ts.Value("programs").(map[string]*background)
	if !ok {
		ts.Fatalf("the script was not set up")
	}
	return started
}

func scriptUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: up NAME REGEXP VARIABLE program [args...]")
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	path, err := exec.LookPath(args[3])
	ts.Check(err)
	output := &watched{pattern: pattern, found: make(chan []string, 1)}
	ctx, stop := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, path, args[4:]...)
	command.Dir, command.Env = ts.MkAbs("."), environOf(ts)
	command.Stdout, command.Stderr = output, output
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = scriptTimeout
	ts.Check(command.Start())
	programs(ts)[args[0]] = &background{command: command, stop: stop, output: output}
	ts.Defer(func() {
		stop()
		_ = command.Wait()
	})
	select {
	case groups := <-output.found:
		for i, name := range strings.Split(args[2], ",") {
			ts.Setenv(name, groups[i+1])
		}
	case <-time.After(scriptTimeout):
		ts.Fatalf("%s did not come up:\n%s", args[0], output)
	}
}

// environOf returns the variables of the script that programs need.
func environOf(ts *testscript.TestScript) []string {
	environ := []string{}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "WORK", "STORE_DSN", "API_PORT", "PUBLIC_PORT", "COURIER_WEBHOOK_SECRET", "TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID", "TWILIO_RECEIPT_SECRET"} {
		if value := ts.Getenv(name); value != "" {
			environ = append(environ, name+"="+value)
		}
	}
	return environ
}

func scriptDown(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || programs(ts)[args[0]] == nil {
		ts.Fatalf("usage: down NAME")
	}
	program := programs(ts)[args[0]]
	program.stop()
	_ = program.command.Wait()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), []byte(program.output.String()), 0o600))
	if code := program.command.ProcessState.ExitCode(); code != 0 {
		ts.Fatalf("%s ended with %d:\n%s", args[0], code, program.output)
	}
}

func scriptHTTP(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: http METHOD URL FILE")
	}
	ctx, cancel := context.WithTimeout(context.Background(), scriptTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, args[0], args[1], strings.NewReader(ts.Getenv("BODY")))
	ts.Check(err)
	request.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	ts.Check(err)
	content, err := io.ReadAll(response.Body)
	ts.Check(errors.Join(err, response.Body.Close()))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(response.Status+"\n"+string(content)), 0o600))
}
