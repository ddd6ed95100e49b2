package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"courier"
	"courier/client"
)

func TestClient_DecodesProblems(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		answer string
		code   courier.ErrorCode
		field  string
		text   string
	}{
		"Detail": {
			404, `{"title":"Not Found","status":404,"detail":"no message has this id","code":"not_found"}`,
			courier.CodeNotFound, "", "no message has this id",
		},
		"Title": {409, `{"title":"Conflict","code":"illegal_transition"}`, courier.CodeIllegalTransition, "", "Conflict"},
		"Bare":  {409, `{"code":"illegal_transition"}`, courier.CodeIllegalTransition, "", "server gave no reason"},
		"Field": {
			422, `{"detail":"validation failed","code":"invalid_recipient","errors":[{"location":"body.to","message":"too short"}]}`,
			courier.CodeInvalidRecipient, "to", "to: too short",
		},
		"Fields": {
			400, `{"code":"invalid_request","errors":[{"location":"body.to","message":"missing"},{"location":"query.ttl","message":"bad"}]}`,
			courier.CodeInvalidRequest, "to", "to: missing; ttl: bad",
		},
		"NoCode":       {500, `{"detail":"x"}`, courier.CodeInternal, "", "server answered 500 Internal Server Error"},
		"HTML":         {502, `<html>`, courier.CodeStoreUnavailable, "", "server answered 502 Bad Gateway"},
		"Unauthorized": {401, ``, courier.CodeUnauthorized, "", "server answered 401 Unauthorized"},
		"Forbidden":    {403, `null`, courier.CodeForbidden, "", "server answered 403 Forbidden"},
		"NotFound":     {404, `[]`, courier.CodeNotFound, "", "server answered 404 Not Found"},
		"Method":       {405, ``, courier.CodeMethodNotAllowed, "", "server answered 405"},
		"TooLarge":     {413, ``, courier.CodeRequestTooLarge, "", "server answered 413"},
		"Redirect":     {302, ``, courier.CodeInternal, "", "server answered 302 Found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := serve(t, test.status, test.answer)
			_, err := c.Messages(t.Context(), client.ListQuery{})
			coded, ok := errors.AsType[*courier.Error](err)
			if !ok {
				t.Fatalf("no *courier.Error: %v", err)
			}
			if coded.Code != test.code || coded.Field != test.field || !strings.HasPrefix(coded.Error(), test.text) {
				t.Errorf("got %s, %q, %q", coded.Code, coded.Field, coded.Error())
			}
		})
	}
}

func TestClient_RefusesAnswersThatAreNoCourier(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, http.StatusOK, "<html>hello</html>")
	if _, err := c.Version(t.Context()); err == nil || !strings.Contains(err.Error(), "admin listener") {
		t.Errorf("got %v", err)
	}
}

// The inbox answers 201 with an id, so a wrong port would look like success.
func TestClient_RefusesSuccessOfAnotherServer(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, http.StatusCreated, `{"id":"`+idText+`"}`)
	request := client.SendRequest{To: "+12065550199", Body: "Hi"}
	for name, call := range map[string]func() error{
		"Send":      func() error { _, err := c.Send(t.Context(), request); return err },
		"SendBatch": func() error { _, err := c.SendBatch(t.Context(), []client.SendRequest{request}); return err },
		"Message":   func() error { _, err := c.Message(t.Context(), messageID(t)); return err },
		"Messages":  func() error { _, err := c.Messages(t.Context(), client.ListQuery{}); return err },
		"Ready":     func() error { return c.Ready(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := call(); err == nil || !strings.Contains(err.Error(), "answered 201 Created") || !strings.Contains(err.Error(), "admin listener") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestClient_BoundsAnswers(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		chunk := strings.Repeat(" ", 1<<20)
		for range 64 {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	_, err := newClient(t, client.Options{BaseURL: server.URL}).Version(t.Context())
	if err == nil || !strings.Contains(err.Error(), "longer than 16 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestClient_NeverSendsKeyElsewhere(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("redirect was followed with Authorization %q", r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	c := newClient(t, client.Options{BaseURL: server.URL, APIKey: "secret", RetryFor: -1})
	if _, err := c.Send(t.Context(), client.SendRequest{To: "+1", Body: "x"}); err == nil {
		t.Error("no error")
	}
}

func TestClient_TransportErrorHidesTarget(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, client.Options{BaseURL: "http://" + address, RetryFor: -1})
	_, err = c.Messages(t.Context(), client.ListQuery{To: "+12065550199"})
	if _, ok := errors.AsType[*client.TransportError](err); !ok {
		t.Fatalf("no *client.TransportError: %v", err)
	}
	if text := err.Error(); strings.Contains(text, "5550199") || !strings.Contains(text, address) {
		t.Errorf("text: %s", text)
	}
}

func TestClient_HonorsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	_, err := newClient(t, client.Options{BaseURL: server.URL}).Version(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
