package inbox

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"courier/internal/gateway/gatewaytest"
)

// Receipt is what the fake gateway reported of a message.
type Receipt struct {
	// Name is that of the report, such as delivered, To the recipient.
	Name string    `json:"name"`
	To   string    `json:"-"`
	At   time.Time `json:"at"`
	// Status is what the courier answered, 0 with an error.
	Status int `json:"status"`
	// Fault says why it could not be sent.
	Fault string `json:"fault,omitempty"`
}

// Taken reports whether the courier took the receipt.
func (r *Receipt) Taken() bool { return r.Status >= 200 && r.Status < 300 }

// What is reported of a message. All but none can be asked for by hand too.
const (
	receiptDelivered   = "delivered"
	receiptUndelivered = "undelivered"
	receiptLate        = "late"
	receiptTwice       = "twice"
	receiptNone        = "none"
)

// receiptTimeout bounds the exchange of a receipt.
const receiptTimeout = 10 * time.Second

// reporter sends receipts in the background, until it is closed.
type reporter struct {
	client  *http.Client
	running sync.WaitGroup
	done    chan struct{}
	close   func()
	//nolint:containedctx // it is that of all receipts, which outlast the requests that ask for them
	life context.Context
}

func newReporter() *reporter {
	r := &reporter{client: &http.Client{Timeout: receiptTimeout}, done: make(chan struct{})}
	var end context.CancelFunc
	r.life, end = context.WithCancel(context.Background()) //nolint:forbidigo // it ends with close
	r.close = sync.OnceFunc(func() {
		end()
		close(r.done)
		r.running.Wait()
		r.client.CloseIdleConnections()
	})
	return r
}

// reportByItself sends the receipts that a message gets without being asked for.
func (i *Inbox) reportByItself(request *gatewaytest.Request) {
	i.mu.Lock()
	kind := i.receipts
	i.mu.Unlock()
	if kind == receiptNone || i.reportFault(request) != nil {
		return
	}
	names := i.reports(kind, noteOf(request).to)
	delay := i.options.ReceiptDelay
	if kind == receiptLate {
		delay = i.options.LateDelay
	}
	i.report(request, delay, names)
}

// reportNow sends a receipt that was asked for. An error says why there can be none.
func (i *Inbox) reportNow(request *gatewaytest.Request, kind string) error {
	if err := i.reportFault(request); err != nil {
		return err
	}
	names := i.reports(kind, "")
	count, delay := 1, time.Duration(0) // what is said of the way to the phone is left out
	switch kind {
	case receiptTwice:
		count = 2
	case receiptLate:
		delay = i.options.LateDelay
	}
	i.report(request, delay, names[len(names)-count:])
	return nil
}

// reportFault says why there can be no receipt of a message, nil when there can.
func (i *Inbox) reportFault(request *gatewaytest.Request) error {
	switch kept := noteOf(request); {
	case i.emulator != nil && request.Taken == nil:
		return errors.New("the provider did not take this message, so it reports nothing of it")
	case i.emulator != nil && !i.emulator.Reporting(*request.Taken):
		return errors.New("this request names no address for receipts, and --receipt-url gives none: set public.url of the courier")
	case i.emulator == nil && !strings.HasPrefix(kept.receiptURL, "http"):
		return errors.New("this request names no address for receipts: the presets webhook and those of --as do, where public.url of the courier is set")
	}
	return nil
}

// reports returns the names of the reports that a kind consists of, for a recipient who may
// have reports of its own.
func (i *Inbox) reports(kind, to string) []string {
	delivered := []string{receiptDelivered}
	undelivered := []string{receiptUndelivered}
	if i.emulator != nil {
		delivered = i.emulator.ReportTo(to)
		if name, ok := i.emulator.ReportOf(receiptUndelivered); ok {
			undelivered = []string{name}
		}
	}
	switch kind {
	case receiptUndelivered:
		return undelivered
	case receiptTwice:
		return append(slices.Clone(delivered), delivered[len(delivered)-1])
	}
	return delivered
}

// report sends receipts one after the other, in the background.
func (i *Inbox) report(request *gatewaytest.Request, delay time.Duration, names []string) {
	i.reporter.running.Go(func() {
		for _, name := range names {
			timer := time.NewTimer(delay)
			select {
			case <-timer.C:
			case <-i.reporter.done:
				timer.Stop()
				return
			}
			i.send(request, name)
			delay = min(delay, i.options.ReceiptDelay)
		}
	})
}

// send sends the receipts of a name, one for each part of the message, and notes the answers.
func (i *Inbox) send(request *gatewaytest.Request, name string) {
	kept := noteOf(request)
	calls, err := i.calls(request, name)
	if err != nil {
		i.noteReceipt(kept, Receipt{Name: name, Fault: err.Error()})
	}
	for _, call := range calls {
		receipt := Receipt{Name: name}
		if answer, err := i.reporter.client.Do(call); err != nil {
			receipt.Fault = reason(err)
		} else {
			_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, keepBody))
			_ = answer.Body.Close()
			receipt.Status = answer.StatusCode
		}
		i.noteReceipt(kept, receipt)
	}
}

// reason leaves the address out, which holds a secret.
func reason(err error) string {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	return err.Error()
}

func (i *Inbox) noteReceipt(kept *note, receipt Receipt) {
	if i.reporter.life.Err() != nil {
		return
	}
	receipt.To, receipt.At = kept.to, i.options.NowFunc().UTC().Truncate(time.Microsecond)
	i.mu.Lock()
	kept.receipts = append(kept.receipts, receipt)
	i.mu.Unlock()
	i.changes.ring()
	if i.options.OnReceiptFunc != nil {
		i.options.OnReceiptFunc(receipt)
	}
}

// calls returns the requests that report of a message: the provider's, or those of the
// preset webhook.
func (i *Inbox) calls(request *gatewaytest.Request, name string) ([]*http.Request, error) {
	ctx := i.reporter.life
	if i.emulator != nil {
		return i.emulator.Receipts(ctx, *request.Taken, name)
	}
	kept := noteOf(request)
	body, err := json.Marshal(map[string]any{
		"id": request.ID, "reference": cmp.Or(kept.reference, request.ID), "status": name, "at": i.options.NowFunc().UTC().Format(time.RFC3339),
	})
	if err != nil {
		return nil, fmt.Errorf("make receipt: %w", err)
	}
	call, err := http.NewRequestWithContext(ctx, http.MethodPost, kept.receiptURL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("make receipt: the address for receipts is none")
	}
	call.Header.Set("Content-Type", "application/json")
	return []*http.Request{call}, nil
}
