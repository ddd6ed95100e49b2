package inbox

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"courier/internal/gateway/gatewaytest"
)

// Emulation makes an inbox behave as a provider.
type Emulation struct {
	// Emulator describes the provider. Options and OnMessageFunc are the inbox's.
	Emulator gatewaytest.EmulatorOptions
	// ReceiptDelay passes between a message and its first receipt, and between receipts.
	ReceiptDelay time.Duration
	// OnReceiptFunc is told what a receipt was answered, or why it could not be sent.
	OnReceiptFunc func(Receipt)
}

// Receipt is what an emulated provider reported.
type Receipt struct {
	// Name is that of the report, such as delivered, To the recipient.
	Name, To string
	// Status is what the courier answered, 0 with an error.
	Status int
	Err    error
}

// receiptTimeout bounds the exchange of a receipt.
const receiptTimeout = 10 * time.Second

// ListenAs starts an inbox that takes requests, answers them and reports as a provider.
func ListenAs(ctx context.Context, address string, options Options, as Emulation) (*Server, error) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	r := &reporter{as: as, life: life, client: &http.Client{Timeout: receiptTimeout}}
	settings := as.Emulator
	settings.Options, settings.OnMessageFunc = options.handler(), r.start
	emulator, err := gatewaytest.NewEmulator(settings)
	if err != nil {
		end()
		return nil, err
	}
	r.emulator = emulator
	server, err := listen(ctx, address, &Inbox{Handler: emulator.Handler}, func() {
		end()
		r.running.Wait()
		r.client.CloseIdleConnections()
	})
	if err != nil {
		end()
		return nil, err
	}
	return server, nil
}

// reporter sends the receipts of messages that an emulated provider took.
type reporter struct {
	as       Emulation
	emulator *gatewaytest.Emulator
	client   *http.Client
	life     context.Context //nolint:containedctx // it is that of the server
	running  sync.WaitGroup
}

// start reports of a message in the background, until the server stops.
func (r *reporter) start(m gatewaytest.Message) {
	r.running.Go(func() {
		for _, name := range r.emulator.ReportTo(m.To) {
			select {
			case <-time.After(r.as.ReceiptDelay):
			case <-r.life.Done():
				return
			}
			r.report(m, name)
		}
	})
}

func (r *reporter) report(m gatewaytest.Message, name string) {
	requests, err := r.emulator.Receipts(r.life, m, name)
	if err != nil {
		r.as.OnReceiptFunc(Receipt{Name: name, To: m.To, Err: err})
	}
	for _, request := range requests {
		receipt := Receipt{Name: name, To: m.To}
		if response, err := r.client.Do(request); err != nil {
			receipt.Err = err
		} else {
			_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, keepBody))
			_ = response.Body.Close()
			receipt.Status = response.StatusCode
		}
		if r.life.Err() == nil {
			r.as.OnReceiptFunc(receipt)
		}
	}
}
