package client_test

import (
	"context"
	"testing"
	"time"

	"courier"
	"courier/client"
)

// TestClient_Operates asks for what operators do, each with its method, path and body.
func TestClient_Operates(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, test := range map[string]struct {
		call           func(ctx context.Context, c *client.Client) error
		status         int
		target, wanted string
	}{
		"Series": {func(ctx context.Context, c *client.Client) error {
			_, err := c.Series(ctx, client.SeriesQuery{Since: at, Step: time.Hour, Gateway: "a b"})
			return err
		}, 200, "GET /v1/series?gateway=a+b&since=2026-01-02T03%3A04%3A05Z&step=1h0m0s", ""},
		"Gateways": {func(ctx context.Context, c *client.Client) error { _, err := c.Gateways(ctx); return err }, 200, "GET /v1/gateways", ""},
		"Gateway":  {func(ctx context.Context, c *client.Client) error { _, err := c.Gateway(ctx, "a/b"); return err }, 200, "GET /v1/gateways/a%2Fb", ""},
		"Pause": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.PauseGateway(ctx, "a", "why")
				return err
			}, 200,
			"POST /v1/gateways/a/pause", `{"reason":"why"}`,
		},
		"Resume": {
			func(ctx context.Context, c *client.Client) error { _, err := c.ResumeGateway(ctx, "a", ""); return err }, 200,
			"POST /v1/gateways/a/resume", "",
		},
		"Test": {func(ctx context.Context, c *client.Client) error {
			_, err := c.TestGateway(ctx, "a", client.TestRequest{To: "+12065550199"})
			return err
		}, 202, "POST /v1/gateways/a/test", `{"to":"+12065550199"}`},
		"Weights": {func(ctx context.Context, c *client.Client) error { _, err := c.WeightChanges(ctx); return err }, 200, "GET /v1/weights", ""},
		"Audit": {func(ctx context.Context, c *client.Client) error {
			_, err := c.Audit(ctx, client.AuditQuery{Target: "a", PageSize: 5, PageToken: "7"})
			return err
		}, 200, "GET /v1/audit?page_size=5&page_token=7&target=a", ""},
		"Count": {func(ctx context.Context, c *client.Client) error {
			_, err := c.CountMessages(ctx, client.ActionRequest{Action: client.ActionRetry, Filter: client.ActionFilter{Status: courier.StatusRejected, Since: at}})
			return err
		}, 200, "POST /v1/messages/actions/count", `{"action":"retry","filter":{"status":"rejected","since":"2026-01-02T03:04:05Z"}}`},
		"Start": {func(ctx context.Context, c *client.Client) error {
			_, err := c.StartAction(ctx, client.ActionRequest{Action: client.ActionResolve, As: client.ResolveSent, Reason: "why"})
			return err
		}, 202, "POST /v1/messages/actions", `{"action":"resolve","filter":{},"as":"sent","reason":"why"}`},
		"Actions": {func(ctx context.Context, c *client.Client) error { _, err := c.Actions(ctx); return err }, 200, "GET /v1/actions", ""},
		"Action":  {func(ctx context.Context, c *client.Client) error { _, err := c.Action(ctx, courier.ID{}); return err }, 200, "GET /v1/actions/" + courier.ID{}.String(), ""},
		"Stop": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.StopAction(ctx, courier.ID{}, "why")
				return err
			}, 200,
			"POST /v1/actions/" + courier.ID{}.String() + "/stop", `{"reason":"why"}`,
		},
		"Cancel": {
			func(ctx context.Context, c *client.Client) error {
				_, err := c.CancelFor(ctx, courier.ID{}, "why")
				return err
			}, 200,
			"POST /v1/messages/" + courier.ID{}.String() + "/cancel", `{"reason":"why"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, requests := serve(t, test.status, `{}`)
			if err := test.call(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			r := <-requests
			if got := r.Method + " " + r.Target; got != test.target {
				t.Errorf("asked %s, want %s", got, test.target)
			}
			if r.Body != test.wanted {
				t.Errorf("sent %s, want %s", r.Body, test.wanted)
			}
		})
	}
}

func TestClient_SeriesDurations(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, 200, `{"step":"1m0s","points":[{"at":"2026-01-02T03:04:00Z","taken":1,"to_gateway":{"count":1,"p50":"85ms","p99":"2.4s"}}],"total":{"taken":1}}`)
	s, err := c.Series(t.Context(), client.SeriesQuery{})
	if err != nil || time.Duration(s.Step) != time.Minute || time.Duration(s.Points[0].ToGateway.P99) != 2400*time.Millisecond || s.Points[0].Taken != 1 || s.Total.ToGateway != nil {
		t.Errorf("got %+v, %v", s, err)
	}
}
