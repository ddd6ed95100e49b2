package embed_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"

	"courier"
	"courier/embed"
)

// provider stands for an SMS provider. It tells of each request that it takes.
type provider struct {
	*httptest.Server

	requests chan string
}

func newProvider() *provider {
	p := &provider{requests: make(chan string, 10)}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		p.requests <- fmt.Sprintf("%s %s %s", r.Method, r.URL, body)
	}))
	return p
}

func Example() {
	ctx := context.Background()
	gateway := newProvider() // instead of the SMS provider
	defer gateway.Close()

	sms, err := embed.New(embed.Options{
		Store: embed.Memory, // sqlite:///var/lib/app/courier.db keeps them
		Gateways: []embed.Gateway{{
			ID:   "main",
			URL:  gateway.URL + "/send",
			Body: `function(ctx) { to: ctx.to, text: ctx.body }`,
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := sms.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer func() { _ = sms.Stop(ctx) }()

	message, err := sms.Send(ctx, courier.Draft{To: "+12065550100", Body: "Your code is 204961"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(message.To, message.Segments)

	fmt.Println(<-gateway.requests)
	// Output:
	// +12065550100 1
	// POST /send {"text":"Your code is 204961","to":"+12065550100"}
}

// A function in Go makes the request of each message, in the place of a template.
func ExampleRequestFunc() {
	ctx := context.Background()
	gateway := newProvider()
	defer gateway.Close()

	form := func(_ context.Context, m *courier.Message) (embed.Request, error) {
		fields := url.Values{"to": {m.To}, "from": {m.From}, "text": {m.Body}}
		return embed.Request{Body: []byte(fields.Encode())}, nil
	}
	sms, err := embed.New(embed.Options{
		Store: embed.Memory,
		Gateways: []embed.Gateway{{
			ID:          "main",
			From:        "ACME",
			URL:         gateway.URL + "/sms",
			Headers:     map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
			RequestFunc: form,
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := sms.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer func() { _ = sms.Stop(ctx) }()

	if _, err := sms.Send(ctx, courier.Draft{To: "+12065550100", Body: "Hello"}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-gateway.requests)
	// Output: POST /sms from=ACME&text=Hello&to=%2B12065550100
}

// A preset is a ready-made gateway. What has no field is set as in a file of courier serve,
// and files themselves can be given too.
func ExampleOptions() {
	ctx := context.Background()
	gateway := newProvider()
	defer gateway.Close()
	dir, err := os.MkdirTemp("", "embed-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	sms, err := embed.New(embed.Options{
		Store: "sqlite://" + filepath.Join(dir, "courier.db"),
		Gateways: []embed.Gateway{{
			ID:     "main",
			Preset: "webhook",
			Params: map[string]string{ //nolint:gosec // the secret opens nothing
				"url":    gateway.URL + "/send",
				"secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", // better env://SMS_SECRET
			},
		}},
		YAML: []string{`
recipients:
  default_region: US
dispatch:
  timeout: 5s
`},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := sms.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer func() { _ = sms.Stop(ctx) }()

	message, err := sms.Send(ctx, courier.Draft{To: "206 555 0100", Body: "Hello"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(message.To, message.Country)
	<-gateway.requests
	// Output: +12065550100 US
}

// The program's own server serves the API, below a prefix and behind the program's own
// rules of who may call it, and what gateways call.
func ExampleCourier_AdminHandler() {
	ctx := context.Background()
	gateway := newProvider()
	defer gateway.Close()

	sms, err := embed.New(embed.Options{
		Store:        embed.Memory,
		TrustCallers: true, // onlyOperators decides
		Gateways:     []embed.Gateway{{ID: "main", URL: gateway.URL + "/send"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/sms/", onlyOperators(http.StripPrefix("/sms", sms.AdminHandler())))
	mux.Handle("/gateways/", http.StripPrefix("/gateways", sms.PublicHandler()))

	if err := sms.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer func() { _ = sms.Stop(ctx) }()

	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "https://app.example.com/sms/v1/messages", http.NoBody)
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, request)
	fmt.Println(answer.Code, answer.Body)
	// Output: 200 {"messages":[]}
}

// onlyOperators stands for the sign-in of the program.
func onlyOperators(next http.Handler) http.Handler { return next }
