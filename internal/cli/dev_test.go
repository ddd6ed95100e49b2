package cli

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"courier"
	"courier/client"
	"courier/internal/inbox"
	"courier/internal/web/webtest"
)

// taken returns a port that another program has.
func taken(t *testing.T, flag string) devPort {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("address %v", listener.Addr())
	}
	return devPort{flag: flag, number: address.Port}
}

func TestDev_MovesFromTakenPorts(t *testing.T) {
	t.Parallel()
	var out, log strings.Builder
	d := &dev{shared: &shared{Process: Process{Program: "courier"}}, out: &out, log: &log, flags: devFlags{
		dir: t.TempDir(), once: true,
		port: taken(t, "port"), publicPort: taken(t, "public-port"), inboxPort: taken(t, "inbox-port"),
	}}
	if err := d.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if count := strings.Count(out.String(), "is taken by another program, so a free one is used.\n"); count != 3 {
		t.Errorf("told of %d ports:\n%s", count, &out)
	}
	if !strings.Contains(out.String(), d.sample) || log.Len() > 0 {
		t.Errorf("printed:\n%s%s", &out, &log)
	}
}

// startDev runs courier dev until the test ends. It returns the text of the sample, and the
// addresses of the courier and of the phone.
func startDev(t *testing.T) (sample, server, phone string) {
	t.Helper()
	out := &watched{pattern: regexp.MustCompile(`(?s)browser, is +(\S+)\n.*API, is at +(\S+)\n.*Stop with Ctrl-C`), found: make(chan []string, 1)}
	ctx, stop := context.WithCancel(t.Context())
	d := &dev{shared: &shared{Process: Process{Program: "courier"}}, out: out, log: out, flags: devFlags{dir: t.TempDir()}}
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case addresses := <-out.found:
		return d.sample, addresses[2], addresses[1]
	case <-time.After(scriptTimeout):
		t.Fatalf("dev did not come up:\n%s", out)
	}
	return "", "", ""
}

// TestDev_Phone is what a newcomer sees: a code on the phone, and that the courier heard
// that it got there.
func TestDev_Phone(t *testing.T) {
	t.Parallel()
	browser := webtest.Start(t)
	sample, server, phone := startDev(t)
	sender, err := client.New(client.Options{BaseURL: server})
	if err != nil {
		t.Fatal(err)
	}
	tab := browser.Tab(t, webtest.Look{})
	tab.Open(phone)
	tab.WaitText("behaves as twilio")
	tab.WaitText(sample)
	tab.Wait(`document.querySelector(".meta .told")?.textContent === "delivered"`)
	tab.Click("#answers-fail")
	tab.Wait(`document.querySelector("#answers-fail").getAttribute("aria-pressed") === "true"`)
	sent, err := sender.Send(t.Context(), client.SendRequest{To: "+12065550123", Body: "Your Courier code is 204-961. It is valid for 5 minutes.", TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	tab.WaitText("The gateway answered 503: the phone got nothing.")
	tab.TabTo("#receipts-undelivered")
	tab.Press(kb.Enter)
	tab.Wait(`document.querySelector("#receipts-undelivered").getAttribute("aria-pressed") === "true"`)
	tab.Click("#answers-usual")
	tab.WaitText("Copy 204961")
	tab.Wait(`document.querySelector(".got .meta .told")?.textContent === "undelivered"`)
	tab.Inspect("dev")
	tab.Image("inbox")
	got, err := sender.Message(t.Context(), sent.ID)
	if err != nil || got.Status != courier.StatusUndelivered {
		t.Errorf("the courier says %+v, %v", got, err)
	}
}

func TestDev_RefusesTakenPortsThatWereAskedFor(t *testing.T) {
	t.Parallel()
	free := devPort{flag: "free"}
	for name, choose := range map[string]func(*devFlags, devPort){
		"port":        func(f *devFlags, p devPort) { f.port = p },
		"public-port": func(f *devFlags, p devPort) { f.publicPort = p },
		"inbox-port":  func(f *devFlags, p devPort) { f.inboxPort = p },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := taken(t, name)
			port.asked = true
			flags := devFlags{dir: t.TempDir(), once: true, port: free, publicPort: free, inboxPort: free}
			choose(&flags, port)
			var out strings.Builder
			d := &dev{shared: &shared{}, out: &out, log: &out, flags: flags}
			if err := d.run(t.Context()); err == nil || !strings.Contains(err.Error(), "--"+name) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDev_PrintsSampleApartOnce(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	d := &dev{sample: "the sample"}
	catch := d.caught(&catchPrinter{out: &out, format: formatTable})
	for _, text := range []string{"another", d.sample, d.sample} {
		catch(inbox.Message{To: sampleTo, Text: text, Status: 201})
	}
	if got := out.String(); !strings.Contains(got, "another") || strings.Count(got, d.sample) != 1 {
		t.Errorf("printed %q", got)
	}
}

// TestDevFolder_IsForOneProcess starts a second dev in the folder of a first, which must not
// change a file of it.
func TestDevFolder_IsForOneProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, leave, err := devFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.write("http://127.0.0.1:1", 1, 2); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(first.configFile())
	if err != nil {
		t.Fatal(err)
	}
	got := runCommand(t, nil, "", "dev", "--once", "--dir", dir, "--port", "0", "--public-port", "0", "--inbox-port", "0")
	if got.code != ExitFailed || !strings.Contains(got.stderr, "is used by another courier dev") || !strings.Contains(got.stderr, "--dir") ||
		strings.Contains(got.stderr, "temporarily") {
		t.Errorf("the second ended with %+v", got)
	}
	after, err := os.ReadFile(first.configFile())
	if err != nil || string(after) != string(before) {
		t.Errorf("the second changed the configuration of the first: %v", err)
	}
	if err := leave(); err != nil {
		t.Fatal(err)
	}
	if _, leave, err = devFolder(dir); err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := leave(); err != nil {
		t.Error(err)
	}
}

func TestDevFolder_RemovesOnlyTemporaryOnes(t *testing.T) {
	t.Parallel()
	temporary, remove, err := devFolder("")
	if err != nil {
		t.Fatal(err)
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(string(temporary)); !os.IsNotExist(err) {
		t.Errorf("the temporary folder is still there: %v", err)
	}
	named := filepath.Join(t.TempDir(), "a", `odd "name" 1`)
	kept, remove, err := devFolder(named)
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.write("http://127.0.0.1:1", 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := devFolder(named + "#2"); exitCode(err) != ExitUsage {
		t.Errorf("a folder that no database can be in: %v", err)
	}
	got := runCommand(t, nil, "", "config", "check", "-c", kept.configFile())
	if got.code != ExitDone {
		t.Errorf("ended with %+v", got)
	}
}
