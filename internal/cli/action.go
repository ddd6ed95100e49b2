package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"courier"
	"courier/client"
)

// change is something that is done to one message, or to all messages of a filter.
type change struct {
	kind                 client.ActionKind
	short, long, example string
	// statuses are those of messages that it can change.
	statuses []courier.Status
	// done says what became of a message.
	done string
	one  func(c *client.Client, ctx context.Context, id courier.ID, as client.Resolution, reason string) (*client.Message, error)
}

const unknownIsNamed = `
A message whose outcome is unknown may have been sent, so those are only selected by
--status unknown.`

const inBackground = `

With flags instead of an id, it is done to all such messages that the flags select, once
you agreed to their number. The courier does that in the background: Ctrl-C only ends
the look at it, and "courier actions" lists and stops it.`

func retryChange() change {
	return change{
		kind: client.ActionRetry, short: "Queue messages that failed again", done: "queued again",
		long: `Queue again a message that was rejected, abandoned, expired or undelivered, or whose
outcome is unknown. Its retries are counted from 0 again. A message whose content was
deleted (see retention.scrub_after) cannot be sent again.` + unknownIsNamed + inBackground,
		example: `  courier messages retry 0190163d-8694-739b-aea5-966c26f8ad91
  courier messages retry --status rejected --class unauthorized --since 2h
  courier messages retry --gateway sms --since 2026-01-31 --yes`,
		statuses: slices.DeleteFunc(courier.StatusQueued.Before(), func(status courier.Status) bool { return status == courier.StatusProcessing }),
		one: func(c *client.Client, ctx context.Context, id courier.ID, _ client.Resolution, reason string) (*client.Message, error) {
			return c.RetryFor(ctx, id, reason)
		},
	}
}

func cancelChange() change {
	return change{
		kind: client.ActionCancel, short: "Withdraw messages that no gateway has taken", done: "canceled",
		long: `Withdraw a message that is queued, or whose outcome is unknown. One that a gateway
has taken, or that is being handed to one right now, cannot be withdrawn.` + unknownIsNamed + inBackground,
		example: `  courier messages cancel 0190163d-8694-739b-aea5-966c26f8ad91
  courier messages cancel --template-type marketing --reason "the wrong price"`,
		statuses: []courier.Status{courier.StatusQueued, courier.StatusUnknown},
		one: func(c *client.Client, ctx context.Context, id courier.ID, _ client.Resolution, reason string) (*client.Message, error) {
			return c.CancelFor(ctx, id, reason)
		},
	}
}

func resolveChange() change {
	return change{
		kind: client.ActionResolve, short: "Say what became of messages whose outcome is unknown", done: "resolved",
		long: `Say what became of a message whose outcome is unknown, after a look at the gateway's
own log: sent, if it took the message; failed, if it did not and the message has lost
its use; resend, to have it sent again, which delivers it twice if it was taken.` + inBackground,
		example: `  courier messages list --status unknown
  courier messages resolve 0190163d-8694-739b-aea5-966c26f8ad91 --as sent
  courier messages resolve --gateway sms --until 2h --as failed`,
		statuses: []courier.Status{courier.StatusUnknown},
		one:      (*client.Client).ResolveFor,
	}
}

// changeFlags say how a change is made.
type changeFlags struct {
	filter      messageFilter
	as, reason  string
	yes, noWait bool
}

// newChange returns the command that makes a change.
func newChange(shared *shared, change change) *cobra.Command {
	cmd := &cobra.Command{
		Use: string(change.kind) + " (ID | --status STATUS ...)", Short: change.short, Long: change.long, Example: change.example,
		Args: cobra.MaximumNArgs(1),
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	var given changeFlags
	given.filter.register(cmd, connection, change.statuses)
	cmd.Flags().StringVar(&given.reason, "reason", "", "why, for the audit log")
	cmd.Flags().BoolVar(&given.yes, "yes", false, "do not ask before the selected messages are changed")
	cmd.Flags().BoolVar(&given.noWait, "no-wait", false, "return once it has begun for the selected messages")
	if change.kind == client.ActionResolve {
		cmd.Use = string(change.kind) + " (ID | --status STATUS ...) --as " + strings.Join(texts(client.Resolutions()), "|")
		cmd.Flags().StringVar(&given.as, "as", "", "what became of it: "+strings.Join(texts(client.Resolutions()), ", "))
		completeFlag(cmd, "as", texts(client.Resolutions())...)
	}
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		as := client.Resolution(given.as)
		switch filtered := given.filter != (messageFilter{}); {
		case change.kind == client.ActionResolve && !slices.Contains(client.Resolutions(), as):
			return usageText(fmt.Sprintf("read --as: %q is none of %s", as, strings.Join(texts(client.Resolutions()), ", ")))
		case len(args) == 1 && filtered:
			return usageText("give either an id or flags that select messages")
		case len(args) == 1:
			return runOnMessage(ctx, cmd, connection, *format, args[0], func(c *client.Client, ctx context.Context, id courier.ID) (*client.Message, error) {
				return change.one(c, ctx, id, as, given.reason)
			})
		case !filtered:
			return usageText("nothing selects the messages: give an id, or flags such as --status and --since")
		}
		return changeAll(ctx, cmd, connection, *format, change, given)
	})
	return cmd
}

// changeAll makes a change to all messages of a filter.
func changeAll(ctx context.Context, cmd *cobra.Command, connection *connection, format format, change change, given changeFlags) error {
	query, err := given.filter.query(change.statuses, time.Now())
	if err != nil {
		return err
	}
	ask := !given.yes && isTerminal(cmd.InOrStdin())
	if !given.yes && !ask {
		return usageText("nobody can be asked before the selected messages are changed: add --yes; courier messages list shows which they are")
	}
	opened, err := connection.open(client.Options{})
	if err != nil {
		return err
	}
	requests, total, err := selected(ctx, opened, change, query, given)
	if err != nil {
		return err
	}
	selection := "message is selected"
	if total.Count != 1 || total.More {
		selection = "messages are selected"
	}
	tell(cmd.ErrOrStderr(), "%s %s\n", countText(total), selection)
	if ask && len(requests) > 0 && !confirmed(ctx, cmd.ErrOrStderr(), cmd.InOrStdin(), "Go on, so that they are "+change.done+"? [y/N] ") {
		return errors.New("nothing was changed")
	}
	started := []client.Action{}
	for _, request := range requests {
		action, err := opened.StartAction(ctx, request)
		if ctx.Err() != nil {
			err = errors.New("interrupted at the start; courier actions list shows whether it began")
		}
		if err != nil {
			return goesOn(err, started)
		}
		started = append(started, *action)
	}
	if given.noWait {
		return printActions(cmd.OutOrStdout(), format, started)
	}
	progress := connection.shared.newProgress(cmd.ErrOrStderr())
	err = watchActions(ctx, connection, started, total, progress)
	progress.finish()
	if err != nil {
		return goesOn(err, started)
	}
	return reportActions(cmd.OutOrStdout(), format, started, change)
}

// selected returns what is to be done, one request a status that has messages, and their
// number. Without a status those whose outcome is unknown are left out where others can
// be changed too.
func selected(ctx context.Context, from *client.Client, change change, query client.ListQuery, given changeFlags) (requests []client.ActionRequest, total client.Count, err error) {
	statuses := []courier.Status{query.Status}
	if query.Status == "" && len(change.statuses) > 1 {
		statuses = slices.DeleteFunc(slices.Clone(change.statuses), func(status courier.Status) bool { return status == courier.StatusUnknown })
	}
	for _, status := range statuses {
		request := client.ActionRequest{Action: change.kind, As: client.Resolution(given.as), Reason: given.reason, Filter: client.ActionFilter{
			Status: status, To: query.To, Gateway: query.Gateway, TemplateType: query.TemplateType, Country: query.Country, Class: query.Class,
			Since: query.Since, Until: query.Until,
		}}
		count, err := from.CountMessages(ctx, request)
		if err != nil {
			return nil, total, err
		}
		if total.Count += count.Count; count.Count > 0 || count.More {
			requests = append(requests, request)
		}
		total.More = total.More || count.More
	}
	return requests, total, nil
}

func countText(count client.Count) string {
	if count.More {
		return "more than " + strconv.Itoa(count.Count)
	}
	return strconv.Itoa(count.Count)
}

// watchActions shows how far actions are until all have ended, also while the courier
// is restarted.
func watchActions(ctx context.Context, connection *connection, actions []client.Action, total client.Count, progress *progress) error {
	opened, err := connection.open(client.Options{RetryFor: bulkRetryFor, OnRetryFunc: progress.onRetry})
	if err != nil {
		return err
	}
	before, wait := 0, firstLook
	for i := range actions {
		for actions[i].Status == actionRunning {
			select {
			case <-ctx.Done():
				return errInterrupted
			case <-time.After(wait):
			}
			wait = min(2*wait, longestLook)
			action, err := opened.Action(ctx, actions[i].ID)
			if ctx.Err() != nil {
				return errInterrupted
			}
			if err != nil {
				return err
			}
			actions[i] = *action
			done, share := before+int(action.Examined), -1.0
			if !total.More {
				share = min(float64(done)/float64(max(total.Count, 1)), 1)
			}
			progress.update(done, share, fmt.Sprintf("%d of %s messages", done, countText(total)))
		}
		before += int(actions[i].Examined)
	}
	return nil
}

// actionRunning is the status of an action that has not ended.
const actionRunning = "running"

var errInterrupted = errors.New("interrupted")

// goesOn adds to what ended a command that the actions it began do not end with it.
func goesOn(err error, actions []client.Action) error {
	var ids strings.Builder
	for i := range actions {
		if actions[i].Status == actionRunning {
			ids.WriteString(" " + actions[i].ID.String())
		}
	}
	if ids.Len() == 0 {
		return err
	}
	return fmt.Errorf("%w; the courier goes on with it: see how far it is with `courier actions get%s`, stop it with `courier actions stop%s`", err, &ids, &ids)
}

// reportActions prints what ended actions came to.
func reportActions(out io.Writer, format format, actions []client.Action, change change) error {
	var all client.Action
	for i := range actions {
		all.Examined += actions[i].Examined
		all.Changed += actions[i].Changed
		all.Skipped += actions[i].Skipped
	}
	printing := error(nil)
	if format == formatJSON {
		printing = printJSON(out, actions)
	} else {
		of := "messages"
		if all.Examined == 1 {
			of = "message"
		}
		printing = printText(out, fmt.Sprintf("%d %s: %d %s, %d skipped\n", all.Examined, of, all.Changed, change.done, all.Skipped))
	}
	if printing != nil {
		return printing
	}
	for i := range actions {
		switch a := &actions[i]; a.Status {
		case "stopped":
			return fmt.Errorf("action %s was stopped before its end; courier audit --target %s shows by whom", a.ID, a.ID)
		case "failed":
			return fmt.Errorf("action %s failed: %s", a.ID, a.Error)
		}
	}
	if all.Skipped > 0 {
		return fmt.Errorf("%d of %d messages could not be changed: they are in another status by now, or their content was deleted", all.Skipped, all.Examined)
	}
	return nil
}

// confirmed asks a person, who may also interrupt.
func confirmed(ctx context.Context, out io.Writer, in io.Reader, question string) bool {
	tell(out, "%s", question)
	answers := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(in).ReadString('\n') // without an answer it is no
		answers <- strings.ToLower(strings.TrimSpace(answer))
	}()
	select {
	case answer := <-answers:
		return answer == "y" || answer == "yes"
	case <-ctx.Done():
		return false
	}
}
