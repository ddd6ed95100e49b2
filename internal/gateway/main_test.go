package gateway

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"courier"
	"courier/internal/gateway/gatewaytest"
	"courier/internal/jsonnet"
)

func TestMain(m *testing.M) {
	jsonnet.ServeIfChild()
	goleak.VerifyTestMain(m)
}

// patience is a time-out for tests that are about something else.
const patience = time.Minute

// evaluatorFunc is an Evaluator without Jsonnet.
type evaluatorFunc func(ctx context.Context, message map[string]any) (any, error)

func (f evaluatorFunc) Reads() ([]string, bool) { return nil, true }

func (f evaluatorFunc) Evaluate(ctx context.Context, message map[string]any) (any, error) {
	return f(ctx, message)
}

func (f evaluatorFunc) Misfit(message string) error { return errors.New(message) }

// constant is a template that gives the same JSON value for every message.
func constant(result string) *Template {
	value, err := jsonnet.Decode([]byte(result))
	return NewTemplate(evaluatorFunc(func(context.Context, map[string]any) (any, error) { return value, err }))
}

// echo is function(ctx) ctx.
func echo() *Template {
	return NewTemplate(evaluatorFunc(func(_ context.Context, message map[string]any) (any, error) { return message, nil }))
}

// compiled is a template in force, of Jsonnet.
func compiled(tb testing.TB, pool *jsonnet.Pool, source string) *Template {
	tb.Helper()
	return compiledFor(tb, pool, "ctx", source)
}

// compiledFor is compiled for a function of another argument.
func compiledFor(tb testing.TB, pool *jsonnet.Pool, argument, source string) *Template {
	tb.Helper()
	template, err := pool.CompileFunc(tb.Context(), argument, "template.jsonnet", []byte(source))
	if err != nil {
		tb.Fatal(err)
	}
	return NewTemplate(template)
}

func newGateway(tb testing.TB, options Options) *Gateway {
	tb.Helper()
	if options.Name == "" {
		options.Name = "sms"
	}
	if options.Method == "" {
		options.Method = "POST"
	}
	if options.Timeout == 0 {
		options.Timeout = patience
	}
	g, err := New(options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(g.Close)
	return g
}

// send renders and sends a message.
func send(tb testing.TB, g *Gateway, m *courier.Message) courier.Attempt {
	tb.Helper()
	request, err := g.Render(tb.Context(), m)
	if err != nil {
		tb.Fatal(err)
	}
	return request.Send(tb.Context())
}

// eachProtocol runs a test over plain HTTP, and over TLS with both versions of HTTP.
func eachProtocol(t *testing.T, test func(t *testing.T, protocol gatewaytest.Protocol)) {
	t.Helper()
	for _, protocol := range gatewaytest.Protocols() {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			test(t, protocol)
		})
	}
}

// loginMessage is a message as an identity system sends it.
func loginMessage() *courier.Message {
	return &courier.Message{
		ID:           courier.ID{0x01, 0x90, 0x16, 0x3d, 0x86, 0x94, 0x73, 0x9b, 0xae, 0xa5, 0x96, 0x6c, 0x26, 0xf8, 0xad, 0x91},
		To:           "+14155552671",
		Body:         "Your login code is: 809593\n\nIt expires in 60 minutes.",
		TemplateType: "login_code_valid",
		TemplateData: []byte(`{"to":"+14155552671","login_code":"809593","expires_in_minutes":60}`),
		Encoding:     courier.EncodingGSM7,
		Segments:     1,
	}
}

// newPool starts Jsonnet workers that end with the test.
func newPool(tb testing.TB, options jsonnet.Options) *jsonnet.Pool {
	tb.Helper()
	options.Workers, options.StartTimeout = 1, patience
	pool := jsonnet.NewPool(options)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), patience)
		defer cancel()
		if err := pool.Close(ctx); err != nil {
			tb.Errorf("close pool: %v", err)
		}
	})
	return pool
}

func discardLog() *log.Logger { return slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) }
