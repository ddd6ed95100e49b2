package webtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"go.uber.org/goleak"

	"courier/internal/web/webtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Page</title>
<link rel="icon" href="data:,"></head><body><main><h1>Hello</h1><label>Name <input id="name"></label>
<button onclick="document.querySelector('output').textContent = 'hi ' + document.querySelector('#name').value">Greet</button><output></output>%s</main></body></html>`

// serve serves the page with something in it.
func serve(t *testing.T, more string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, page, more)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

func TestTab(t *testing.T) {
	t.Parallel()
	tab := webtest.Start(t).Tab(t, webtest.Look{})
	tab.Open(serve(t, ""))
	tab.TabTo("#name")
	tab.Press("Ada")
	tab.TabTo("button")
	tab.Press(kb.Enter)
	tab.WaitText("hi Ada")
	tab.Type("#name", "Bob")
	tab.Click("button")
	tab.WaitText("hi Bob")
	if got := tab.Text("h1"); got != "Hello" {
		t.Errorf("the heading is %q", got)
	}
	tab.Inspect("page")
}

// recorder is a test that notes what fails it, and ends.
type recorder struct {
	testing.TB

	faults   []string
	cleanups []func()
}

func (r *recorder) Helper()                  {}
func (r *recorder) Cleanup(f func())         { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Context() context.Context { return r.TB.Context() }
func (r *recorder) Error(args ...any)        { r.faults = append(r.faults, fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// TestTab_Faults shows pages that a user would not like.
func TestTab_Faults(t *testing.T) {
	t.Parallel()
	browser := webtest.Start(t)
	for name, c := range map[string]struct{ more, want string }{
		"Exception":  {`<script>throw new Error("broken")</script>`, "broken"},
		"Console":    {`<script>console.error("odd", 7)</script>`, `"odd" 7`},
		"Missing":    {`<script src="/missing.js"></script>`, "404"},
		"OtherHost":  {`<img alt="a" src="http://pictures.example/a.png">`, "request to another host: http://pictures.example/a.png"},
		"Wide":       {`<p style="width: 3000px">far</p>`, "wider than the screen"},
		"NoLabel":    {`<input>`, "label"},
		"Pale":       {`<p style="color: #ccc; background: #fff">hard to read</p>`, "color-contrast"},
		"DarkOnDark": {`<style>@media (prefers-color-scheme: dark) { p { color: #333; background: #222 } }</style><p>hard to read</p>`, "color-contrast"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := &recorder{TB: t}
			tab := browser.Tab(seen, webtest.Look{})
			tab.Open(serve(t, c.more))
			tab.Inspect("fault")
			for _, cleanup := range slices.Backward(seen.cleanups) {
				cleanup()
			}
			if all := strings.Join(seen.faults, "\n"); !strings.Contains(all, c.want) {
				t.Errorf("the faults are %q, want %q", all, c.want)
			}
		})
	}
}
