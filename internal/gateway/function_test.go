package gateway

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"courier"
	"courier/internal/gateway/gatewaytest"
)

// TestGateway_RequestFunc compares what goes out with what a function makes of a message.
func TestGateway_RequestFunc(t *testing.T) {
	t.Parallel()
	fake, url := gatewaytest.Start(t, gatewaytest.Options{})
	other, otherURL := gatewaytest.Start(t, gatewaytest.Options{})
	made := Made{Method: "PUT", URL: url + "/to/1", Header: http.Header{"x-own": {"1"}, "Host": {"no"}}, Body: []byte("text")}
	g := newGateway(t, Options{
		URL: url + "/sms", Header: map[string]string{"X-Key": "s3cret", "Content-Type": "text/plain"},
		Template: NewRequestTemplate(func(_ context.Context, m *courier.Message) (Made, error) {
			m.To = "" // of a copy
			return made, nil
		}),
	})
	message := loginMessage()
	if attempt := send(t, g, message); attempt.Outcome != courier.OutcomeAccepted || message.To == "" {
		t.Fatalf("Send() = %+v, to %q", attempt, message.To)
	}
	got := fake.Requests()[0]
	if got.Method != "PUT" || got.Target != "/to/1" || string(got.Body) != "text" || got.Header.Get("X-Own") != "1" || got.Header.Get("X-Key") != "s3cret" {
		t.Errorf("sent %+v", got)
	}
	made = Made{URL: otherURL + "/sms"}
	send(t, g, message)
	if header := other.Requests()[0].Header; header.Get("X-Key") != "" || header.Get("Content-Type") != "text/plain" {
		t.Errorf("another host got %v", header)
	}
}

func TestGateway_RequestFunc_faults(t *testing.T) {
	t.Parallel()
	message := loginMessage()
	for says, function := range map[string]func() (Made, error){
		"no account of •••":                             func() (Made, error) { return Made{}, errors.New("no account of " + message.To) },
		"panicked with a string":                        func() (Made, error) { panic(message.Body) },
		"gave a method":                                 func() (Made, error) { return Made{Method: "A B"}, nil },
		"gave a URL that is not absolute":               func() (Made, error) { return Made{URL: "/sms"}, nil },
		"gave a wrong header.X: the value holds a line": func() (Made, error) { return Made{Header: http.Header{"X": {"a\nb"}}}, nil },
	} {
		template := NewRequestTemplate(func(context.Context, *courier.Message) (Made, error) { return function() })
		g := newGateway(t, Options{URL: "http://localhost/", Template: template})
		_, err := g.Render(t.Context(), message)
		wantText(t, err, says)
	}
	g := newGateway(t, Options{URL: "http://localhost/", Template: NewRequestTemplate(func(context.Context, *courier.Message) (Made, error) {
		return Made{}, courier.ErrTemplateCanceled
	})})
	if _, err := g.Render(t.Context(), message); !errors.Is(err, courier.ErrTemplateCanceled) {
		t.Errorf("Render() = %v", err)
	}
}
