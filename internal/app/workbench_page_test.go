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
	tab.Type("#answer", `{"code": 21211, "message": "wrong"}`)
	tab.Type("#status", "400")
	tab.WaitText("invalid_destination")
	tab.TabTo("#sample_answer")
	tab.Press("21610")
	tab.WaitText("The recipient has replied STOP")
	tab.Wait("document.querySelector('#answer').value.includes('21610')")
	tab.TabTo("#sample_call")
	tab.Press("delivered")
	tab.Wait("document.querySelector('#call').value.includes('MessageStatus=delivered')")
	tab.TabTo("#bench button")
	tab.Press(kb.Enter)
	tab.WaitText("preset: twilio")
	tab.Wait("document.querySelector('#results .s-delivered')")
	tab.Axe()
	tab.Look(webtest.Look{Height: 1345})
	webtest.Eval[int](tab, "scrollTo(0, 0) || (results.scrollTop = 0)")
	tab.Image("workbench")
}
