package app_test

import (
	"testing"

	"github.com/chromedp/chromedp/kb"

	"courier/internal/web/webtest"
)

// TestWorkbench_Page loads a preset, breaks its template and mends it by keyboard alone, and
// sees the request, the verdict and where the fault is as it types.
func TestWorkbench_Page(t *testing.T) {
	t.Parallel()
	c := start(t, func(dir string) string { return channel(dir, "http://127.0.0.1:9") })
	tab := webtest.Start(t).Tab(t, webtest.Look{})
	tab.Open("http://" + c.AdminAddr() + "/workbench")
	tab.WaitText(`"text":"Your code is 123456"`)
	tab.Inspect("workbench")
	tab.Type("#response", "function(res)\n  { class: res.json.no.where }")
	tab.WaitText("response, line 2, column")
	tab.Type("#status", "429")
	tab.Type("#response", "function(res) null")
	tab.WaitText("throttled")
	tab.Type("#request", "function(ctx) { evil: '<script>alert(1)</script>' }")
	tab.WaitText("<script>alert(1)</script>")

	tab.TabTo("#load")
	tab.Press("twilio")
	tab.TabTo(".search button")
	tab.Press(kb.Enter)
	tab.WaitText("StatusCallback")
	tab.WaitText("curl --globoff")
	tab.Type("#answer", `{"code": 21610, "message": "unsubscribed"}`)
	tab.Type("#status", "400")
	tab.WaitText("opted_out")
	tab.Type("#call", "MessageSid=SM1&MessageStatus=delivered")
	tab.TabTo("#bench button")
	tab.Press(kb.Enter)
	tab.WaitText("preset: twilio")
	tab.Wait("document.querySelector('#results .s-delivered')")
	tab.Axe()
	tab.Look(webtest.Look{Height: 1120})
	webtest.Eval[int](tab, "scrollTo(0, 0) || 0")
	tab.Image("workbench")
}
