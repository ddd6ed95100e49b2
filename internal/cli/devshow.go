package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"courier/client"
	"courier/internal/app"
	"courier/internal/inbox"
)

// sampleTo is the recipient of the sample: a number kept for fiction.
const sampleTo = "+12065550199"

// sampleTimeout is how long the sample may take.
const sampleTimeout = 15 * time.Second

// dev is one run of courier dev.
type dev struct {
	shared   *shared
	flags    devFlags
	out, log io.Writer
	// sample is the text of the sample, shown is set once it was printed apart.
	sample string
	shown  atomic.Bool
}

// caught prints what the inbox catches, but for the first sample.
func (d *dev) caught(printer *catchPrinter) func(inbox.Message) {
	return func(message inbox.Message) {
		if message.Text != d.sample || d.shown.Swap(true) {
			printer.print(message)
		}
	}
}

// show sends the sample and stays up, unless it has to end.
func (d *dev) show(ctx context.Context, running *app.App, phone *inbox.Server, folder devPlace) error {
	server := serverURL(running.AdminAddr())
	tell(d.out, "The courier listens on          %s\n", server)
	tell(d.out, "The inbox, a fake phone, is on  %s (open it in a browser)\n", phone.URL())
	tell(d.out, "Configuration and messages in   %s%s\n\n", folder, d.lifetime())
	if err := d.showSample(ctx, server, phone); err != nil {
		return err
	}
	if d.flags.once {
		return nil
	}
	d.showNext(server, phone.URL())
	select {
	case <-ctx.Done():
		return nil
	case err := <-running.Failed():
		return err
	}
}

func (d *dev) lifetime() string {
	if d.flags.dir == "" {
		return " (removed at the end)"
	}
	return ""
}

// showSample sends a message the way that any program would.
func (d *dev) showSample(ctx context.Context, server string, phone *inbox.Server) error {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	sender, err := client.New(client.Options{BaseURL: server, UserAgent: "courier-dev"})
	if err != nil {
		return err
	}
	began := time.Now()
	sent, err := sender.Send(ctx, client.SendRequest{To: sampleTo, Body: d.sample})
	if err != nil {
		return fmt.Errorf("send sample: %w", err)
	}
	for count := 1; phone.WaitFor(ctx, count) == nil; count++ { // messages of another day may come first
		for _, message := range phone.Messages() {
			if message.Text == d.sample {
				d.printSample(sent, message, message.ReceivedAt.Sub(began))
				return nil
			}
		}
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("sample did not arrive within %s; the log above says why", sampleTimeout)
	}
	return nil
}

func (d *dev) printSample(sent *client.Message, message inbox.Message, took time.Duration) {
	tell(d.out, "Sent a sample message over the HTTP API: %s\n", sent.ID)
	tell(d.out, "It was kept on disk and sent on; the phone received it after %s:\n\n", milliseconds(took))
	tell(d.out, "    request  %s %s\n", message.Method, message.Target)
	tell(d.out, "    to       %s\n", printable(message.To))
	tell(d.out, "    text     %s\n\n", printable(message.Text))
}

func milliseconds(took time.Duration) string {
	return fmt.Sprintf("%.1f ms", max(took, 0).Seconds()*1000)
}

func (d *dev) showNext(server, phone string) {
	program, flag := d.shared.Program, ""
	if server != client.DefaultBaseURL {
		flag = " --server " + server
	}
	tell(d.out, "Try next, in another terminal:\n\n    %s\n\n", strings.Join([]string{
		program + " send" + flag + " --to " + sampleTo + ` --body "Hello" --wait`,
		program + " messages list" + flag,
		"curl -s " + server + `/v1/messages -H 'Content-Type: application/json' -d '{"to":"` + sampleTo + `","body":"Hello"}'`,
		"curl -s " + phone + "/_inbox/messages",
	}, "\n    "))
	tell(d.out, "What the phone receives is printed here. Stop with Ctrl-C.\n\n")
}
