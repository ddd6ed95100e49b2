package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"courier/internal/gateway/gatewaytest"
)

// routed is a configuration of two gateways with their routes.
func routed(dir, a, b, routes string) string {
	return fmt.Sprintf(`courier:
  gateways:
    - { id: a, request_config: { url: "%[1]s/send", method: POST, body: "file://%[3]s/body.jsonnet" } }
    - { id: b, request_config: { url: "%[2]s/send", method: POST, body: "file://%[3]s/body.jsonnet" } }
  routes: %[4]s
`, a, b, dir, routes)
}

// TestApp_LaneOfARoute gives a message the lane of its route, unless it names one.
func TestApp_LaneOfARoute(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{})
	c := start(t, func(dir string) string {
		return routed(dir, url, url, `[{ template_type: sale, lane: bulk, gateways: [a] }, { gateways: [b] }]`)
	})
	for want, fields := range map[string]map[string]string{
		"bulk":   {"template_type": "sale"},
		"normal": {"template_type": "news"},
		"otp":    {"template_type": "sale", "lane": "otp"},
	} {
		fields["to"], fields["body"] = "+12065550198", "text"
		if status, answer := c.post(t, fields); status != http.StatusAccepted || !c.has(t, `"lane":"`+want+`"`) {
			t.Errorf("%v: %d %s, want the lane %s", fields, status, answer, want)
		}
	}
}

// TestApp_Routes sends by routes, goes on to the next gateway when one refuses all, sends
// through a gateway that is asked for, and follows routes that change, also for what is
// queued.
func TestApp_Routes(t *testing.T) {
	t.Parallel()
	refusing, a := gatewaytest.Start(t, gatewaytest.Options{Default: gatewaytest.Behavior{Status: http.StatusUnauthorized}})
	taking, b := gatewaytest.Start(t, gatewaytest.Options{})
	c := start(t, func(dir string) string {
		return routed(dir, a, b, `[{ name: none, to: [CA], gateways: [b] }, { name: both, to: [US], gateways: [a, b] }]`)
	})
	c.send(t, "first")
	if err := taking.WaitFor(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if refusing.Count() == 0 {
		t.Error("the first gateway of the route was not asked")
	}
	_, answer := c.post(t, map[string]string{"to": "+12065550198", "body": "second", "gateway": "b"})
	if err := taking.WaitFor(t.Context(), 2); err != nil {
		t.Fatalf("wait for the message through b: %v, %s", err, answer)
	}
	if status, answer := c.post(t, map[string]string{"to": "+12065550198", "body": "x", "gateway": "c"}); status != http.StatusBadRequest || !strings.Contains(answer, "gateway") {
		t.Errorf("an unknown gateway: %d %s", status, answer)
	}
	c.write(t, "courier.yml", routed(c.dir, a, b, `[{ name: only, gateways: [a] }]`)+settings(c.dir))
	if err := c.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.send(t, "third")
	until(t, "the third message to wait", func() bool { return c.has(t, `"class":"unauthorized"`) })
	if taking.Count() != 2 {
		t.Errorf("b, which is in no route, got %d requests, want 2", taking.Count())
	}
	c.write(t, "courier.yml", routed(c.dir, a, b, `[{ name: only, gateways: [b] }]`)+settings(c.dir))
	if err := c.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := taking.WaitFor(t.Context(), 3); err != nil {
		t.Errorf("the queued message does not follow the route: %v", err)
	}
}
