package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"courier"
	"courier/client"
)

// retryConcurrency is how many messages are queued again at once.
const retryConcurrency = 8

// retryable are the statuses from which a message can be queued again by hand.
func retryable() []courier.Status {
	return slices.DeleteFunc(courier.StatusQueued.Before(), func(status courier.Status) bool { return status == courier.StatusProcessing })
}

func newMessagesRetry(shared *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry (ID | --status STATUS ...)",
		Short: "Queue messages that failed again",
		Long: `Queue again a message that was rejected, abandoned, expired or undelivered, or whose
outcome is unknown; or, with flags instead of an id, all such messages that the flags
select. Their retries are counted from 0 again. A message whose outcome is unknown may have
been sent, so those are only selected by --status unknown. A message whose content was
deleted (see retention.scrub_after) cannot be sent again.`,
		Example: `  courier messages retry 0190163d-8694-739b-aea5-966c26f8ad91
  courier messages retry --status rejected --class unauthorized --since 2h
  courier messages retry --gateway sms --since 2026-01-31 --yes`,
		Args: cobra.MaximumNArgs(1),
	}
	connection, format := addConnection(cmd, shared), addFormat(cmd)
	var filter messageFilter
	filter.register(cmd, connection, retryable())
	yes := cmd.Flags().Bool("yes", false, "do not ask before the selected messages are queued again")
	cmd.RunE = shared.action(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		switch filtered := filter != (messageFilter{}); {
		case len(args) == 1 && filtered:
			return usageText("give either an id or flags that select messages")
		case len(args) == 1:
			return runOnMessage(ctx, cmd, connection, *format, args[0], (*client.Client).Retry)
		case !filtered:
			return usageText("nothing selects the messages: give an id, or a flag such as --status rejected")
		}
		return retryAll(ctx, cmd, connection, *format, filter, *yes)
	})
	return cmd
}

// retryTotal says what became of the selected messages.
type retryTotal struct {
	Selected int `json:"selected"`
	Retried  int `json:"retried"`
	// Scrubbed cannot be retried, as their content was deleted.
	Scrubbed int `json:"scrubbed"`
	// Refused were selected and could not be retried by then.
	Refused int `json:"refused"`
}

func retryAll(ctx context.Context, cmd *cobra.Command, connection *connection, format format, filter messageFilter, yes bool) error {
	query, err := filter.query(retryable(), time.Now())
	if err != nil {
		return err
	}
	ask := !yes && isTerminal(cmd.InOrStdin())
	if !yes && !ask {
		return usageText("nobody can be asked before the selected messages are queued again: add --yes; courier messages list shows which they are")
	}
	opened, err := connection.open(client.Options{})
	if err != nil {
		return err
	}
	var total retryTotal
	ids, err := selectMessages(ctx, opened, query, &total)
	if err != nil {
		return err
	}
	scrubbed := ""
	if total.Scrubbed > 0 {
		scrubbed = fmt.Sprintf("; %d more have no content any more and cannot be sent again", total.Scrubbed)
	}
	tell(cmd.ErrOrStderr(), "%d messages are selected%s\n", len(ids), scrubbed)
	if ask && len(ids) > 0 && !confirmed(ctx, cmd.ErrOrStderr(), cmd.InOrStdin(), "Queue them again? [y/N] ") {
		return errors.New("nothing was queued again")
	}
	err = retrySelected(ctx, opened, ids, connection.shared.newProgress(cmd.ErrOrStderr()), &total)
	if format == formatJSON {
		err = errors.Join(printJSON(cmd.OutOrStdout(), total), err)
	} else {
		text := fmt.Sprintf("%d messages: %d queued again, %d refused\n", total.Selected, total.Retried, total.Refused)
		err = errors.Join(printText(cmd.OutOrStdout(), text), err)
	}
	if err == nil && total.Refused > 0 {
		err = fmt.Errorf("%d of %d messages could not be queued again", total.Refused, total.Selected)
	}
	return err
}

// selectMessages returns the messages that can be retried. Without a status those whose
// outcome is unknown are left out.
func selectMessages(ctx context.Context, from *client.Client, query client.ListQuery, total *retryTotal) ([]courier.ID, error) {
	statuses := []courier.Status{query.Status}
	if query.Status == "" {
		statuses = slices.DeleteFunc(retryable(), func(status courier.Status) bool { return status == courier.StatusUnknown })
	}
	var ids []courier.ID
	for _, status := range statuses {
		query.Status, query.PageToken = status, ""
		for more := true; more; more = query.PageToken != "" {
			page, err := from.Messages(ctx, query)
			if err != nil {
				return nil, err
			}
			for i := range page.Messages {
				if page.Messages[i].ScrubbedAt.IsZero() {
					ids = append(ids, page.Messages[i].ID)
				} else {
					total.Scrubbed++
				}
			}
			query.PageToken = page.NextPageToken
		}
	}
	total.Selected = len(ids)
	return ids, nil
}

// retrySelected goes on after a message that is refused, and stops when the server is
// away or takes nothing from this caller.
func retrySelected(ctx context.Context, to *client.Client, ids []courier.ID, progress *progress, total *retryTotal) error {
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(retryConcurrency)
	var mutex sync.Mutex
	for _, id := range ids {
		if working.Err() != nil {
			break
		}
		group.Go(func() error {
			_, err := to.Retry(working, id)
			mutex.Lock()
			defer mutex.Unlock()
			switch courier.CodeOf(err) { //nolint:exhaustive // the codes that are about one message
			case courier.CodeIllegalTransition, courier.CodeContentScrubbed, courier.CodeNotFound:
				if total.Refused++; total.Refused <= maxShownRefusals {
					progress.line(fmt.Sprintf("%s: %v", id, err))
				}
			default:
				if err != nil {
					return err
				}
				total.Retried++
			}
			done := total.Retried + total.Refused
			progress.update(done, float64(done)/float64(len(ids)), fmt.Sprintf("%d of %d messages", done, len(ids)))
			return nil
		})
	}
	err := group.Wait()
	progress.finish()
	if err == nil && total.Retried+total.Refused < len(ids) {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("stopped before the end: %w; repeat the same command to go on", err)
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
