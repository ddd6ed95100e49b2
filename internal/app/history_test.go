package app_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"courier/client"
	"courier/internal/gateway/gatewaytest"
)

// TestApp_History asks for the whole history of a message: the request, of which a key that
// may not read texts gets nothing however a template writes them, and the webhooks.
func TestApp_History(t *testing.T) {
	t.Parallel()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	t.Cleanup(application.Close)
	_, url := gatewaytest.Start(t, gatewaytest.Options{})
	hash := func(key string) string {
		sum := sha256.Sum256([]byte(key))
		return `"sha256:` + hex.EncodeToString(sum[:]) + `"`
	}
	configure := func(dir string) string {
		return channel(dir, url) + `        auth: { type: basic_auth, config: { user: me, password: hunter2-hunter2 } }
webhooks: [{ id: shop, url: "` + application.URL + `/in?token=hunter2-hunter2", secret: ` + webhookSecret + `, allow_private: true }]
api: { port: 0, keys: [{ name: reader, hash: ` + hash("reader") + `, scopes: [read] }, { name: root, hash: ` + hash("root") + `, scopes: [send, read_body] }] }
public: { port: 0 }
log: { format: json }
store: { dsn: "sqlite://` + dir + `/courier.db" }
`
	}
	template := func(c *courier) {
		c.write(t, "body.jsonnet", `function(ctx) { text: std.base64(ctx.body), reversed: std.join('', std.reverse(std.stringChars(ctx.to))), secret: 'hunter2-hunter2', code: ctx.template_data.code }`)
	}
	c := startWith(t, configure, template)
	api := func(key string) *client.Client {
		made, err := client.New(client.Options{BaseURL: "http://" + c.AdminAddr(), APIKey: key})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	root, reader := api("root"), api("reader")
	sent, err := root.Send(t.Context(), client.SendRequest{To: "+12065550199", Body: "Your code is 123456", TemplateData: json.RawMessage(`{"code":"123456"}`)})
	if err != nil {
		t.Fatal(err)
	}
	var m *client.Message
	until(t, "an event that is told in vain", func() bool {
		if m, err = reader.Message(t.Context(), sent.ID); err != nil {
			t.Fatal(err)
		}
		return len(m.Webhooks) == 1 && m.Webhooks[0].Tries > 0
	})
	told := m.Webhooks[0]
	if told.Webhook != "shop" || "http://"+told.Host != application.URL || told.Event != "message.sent" || told.State != client.WebhookWaiting || !strings.Contains(told.Fault, "it answered 418") {
		t.Errorf("the webhook is %+v", told)
	}
	built := func(c *client.Client) (*client.BuiltRequests, string) {
		requests, err := c.Requests(t.Context(), sent.ID)
		if err != nil || len(requests.Requests) != 1 || requests.Requests[0].Request == nil {
			t.Fatalf("requests %+v, %v", requests, err)
		}
		text, _ := json.Marshal(requests)
		if strings.Contains(string(text), "hunter2") || !strings.Contains(string(text), "Basic ***") {
			t.Errorf("it tells the secret: %s", text)
		}
		return requests, string(text)
	}
	text := base64.StdEncoding.EncodeToString([]byte("Your code is 123456"))
	if requests, shown := built(root); requests.Masked || !strings.Contains(shown, text) || !strings.Contains(shown, "123456") || requests.Requests[0].Request.Headers["Content-Type"] == nil {
		t.Errorf("root sees %s", shown)
	}
	if requests, shown := built(reader); !requests.Masked || strings.Contains(shown, text) || strings.Contains(shown, "123456") || strings.Contains(shown, "9910555") {
		t.Errorf("a reader sees %s", shown)
	}
	// The gateway goes with another configuration, and the request with it.
	c.write(t, "courier.yml", strings.Replace(configure(c.dir), "id: sms", "id: other", 1))
	if err := c.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	requests, err := root.Requests(t.Context(), sent.ID)
	if err != nil || requests.Requests[0].Request != nil || !strings.Contains(requests.Requests[0].Fault, "not in the configuration any more") {
		t.Errorf("requests %+v, %v", requests, err)
	}
}
