package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"courier"
	"courier/internal/config"
	"courier/internal/dispatch"
	"courier/internal/gateway"
	"courier/internal/inbox"
)

// testInbox gets the messages of test numbers. It listens once there are any.
type testInbox struct {
	app *App

	mu     sync.Mutex
	server *inbox.Server
}

func (a *App) startInbox(context.Context) error {
	a.inbox.app = a
	a.cleanups.add("inbox", inboxShare, func(ctx context.Context) error {
		a.inbox.mu.Lock()
		defer a.inbox.mu.Unlock()
		if a.inbox.server == nil {
			return nil
		}
		return a.inbox.server.Stop(ctx)
	})
	return nil
}

// listen returns the address of the inbox, and starts it when it does not run.
func (t *testInbox) listen(ctx context.Context, at config.Inbox) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.server == nil {
		server, err := inbox.Listen(context.WithoutCancel(ctx), net.JoinHostPort(at.Host, strconv.Itoa(at.Port)), inbox.Options{})
		if err != nil {
			return "", err
		}
		t.server = server
		t.app.logger.InfoContext(ctx, "the messages of recipients.test go to the inbox", slog.String("address", server.URL()))
	}
	return t.server.URL(), nil
}

// addInbox builds the gateway of test numbers.
func (b *gatewayBuilder) addInbox(ctx context.Context, set *gatewaySet) []config.Problem {
	if len(b.config.Recipients.Test) == 0 {
		return nil
	}
	address, err := "http://127.0.0.1", error(nil)
	if b.inbox != nil {
		if address, err = b.inbox.listen(ctx, b.config.Inbox); err != nil {
			return []config.Problem{b.config.Problem("inbox.port", err.Error()+"; give another port")}
		}
	}
	built, err := gateway.New(gateway.Options{
		Name: config.InboxGateway, URL: address + "/messages", Method: http.MethodPost, Logger: b.logger, Template: gateway.NewRequestTemplate(inboxRequest),
		ProxyFunc: func(*url.URL) (*url.URL, error) { return nil, nil }, //nolint:nilnil // none
	})
	if err != nil {
		return []config.Problem{b.config.Problem("recipients.test", err.Error())}
	}
	set.senders = append(set.senders, sender{Gateway: built})
	set.lanes = append(set.lanes, dispatch.GatewayOptions{
		Gateway: inboxGateway{built, b.inbox}, Fingerprint: address, Receipts: true,
	})
	return nil
}

func inboxRequest(_ context.Context, m *courier.Message) (gateway.Made, error) {
	body, err := json.Marshal(map[string]string{"id": m.ID.String(), "to": m.To, "from": m.From, "body": m.Body})
	return gateway.Made{Header: http.Header{"Content-Type": {"application/json"}}, Body: body}, err
}

// inboxGateway brings messages to the inbox, which is where they are to go: what it takes
// is delivered.
type inboxGateway struct {
	*gateway.Gateway
	inbox *testInbox
}

// Render implements dispatch.Gateway.
func (g inboxGateway) Render(ctx context.Context, m *courier.Message) (dispatch.Request, error) {
	request, err := g.Gateway.Render(ctx, m)
	return &deliveredRequest{request, g.inbox.app, m.ID}, err
}

type deliveredRequest struct {
	*gateway.Request
	app *App
	id  courier.ID
}

// Send implements dispatch.Request.
func (r *deliveredRequest) Send(ctx context.Context) courier.Attempt {
	attempt := r.Request.Send(ctx)
	if attempt.Outcome != courier.OutcomeAccepted {
		return attempt
	}
	// The receipt waits for the outcome of this attempt, which is written after it.
	receipt := courier.Receipt{
		Gateway: config.InboxGateway, MessageID: r.id, GatewayMessageID: attempt.GatewayMessageID,
		Status: courier.StatusDelivered, ReceivedAt: r.app.store.Now(),
	}
	if err := r.app.receipts.storeFunc(ctx, []courier.Receipt{receipt}); err != nil {
		attempt.Warning = fmt.Sprintf("the inbox has the message, which could not be noted: %v", err)
	}
	return attempt
}
