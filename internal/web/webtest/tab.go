package webtest

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// timeout bounds each step.
const timeout = 20 * time.Second

// Look is how a tab shows pages.
type Look struct {
	// Dark asks for dark colours.
	Dark bool
	// Width is that of the screen, 0 is 1280. Height is 0 for 800.
	Width, Height int64
}

// Tab is a tab with cookies of its own. Each of its steps fails the test at once when it
// cannot be done. It is not safe for concurrent use.
type Tab struct {
	tb  testing.TB
	ctx context.Context //nolint:containedctx // it is what chromedp calls a tab

	mu sync.Mutex
	// host is that of the first address that was opened, faults what a user would not like.
	host    string
	faults  []string
	allowed []string
}

// Tab opens a tab for a test. At the test's end it must have seen no error on the console
// and no request to another host than that of its first address.
func (b *Browser) Tab(tb testing.TB, look Look) *Tab {
	tb.Helper()
	t := &Tab{tb: tb}
	var closeTab context.CancelFunc
	t.ctx, closeTab = chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(t.listen))
	tb.Cleanup(func() {
		_, _ = chromedp.Run(t.ctx, chromedp.Evaluate[int]("0")) // what was before it has been heard
		closeTab()
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, fault := range t.faults {
			tb.Error(fault)
		}
	})
	if err := chromedp.Do(t.ctx); err != nil {
		tb.Fatalf("open a tab: %v", err)
	}
	// A page in the background may not use the clipboard.
	step(t, "focus the tab", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	}))
	t.Look(look)
	return t
}

// Allow lets a text stand in errors of the console, such as that of a refused request
// which the test is about.
func (t *Tab) Allow(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.allowed = append(t.allowed, text)
}

// listen notes what a user would not like.
func (t *Tab) listen(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch event := event.(type) {
	case *runtime.EventExceptionThrown:
		text := event.ExceptionDetails.Text
		if thrown := event.ExceptionDetails.Exception; thrown != nil {
			text += " " + thrown.Description
		}
		t.fault("exception", text)
	case *runtime.EventConsoleAPICalled:
		if event.Type == runtime.ConsoleAPICalledTypeError || event.Type == runtime.ConsoleAPICalledTypeWarning {
			texts := make([]string, len(event.Args))
			for i, argument := range event.Args {
				texts[i] = string(argument.Value) + argument.Description
			}
			t.fault("console", strings.Join(texts, " "))
		}
	case *log.EventEntryAdded:
		if event.Entry.Level == log.EntryLevelError || event.Entry.Level == log.EntryLevelWarning {
			t.fault("console", event.Entry.Text+" "+event.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		address, err := url.Parse(event.Request.URL)
		if err != nil || (address.Scheme != "data" && address.Scheme != "blob" && address.Scheme != "about" && address.Host != t.host) {
			t.fault("request to another host", event.Request.URL)
		}
	}
}

func (t *Tab) fault(kind, text string) {
	for _, allowed := range t.allowed {
		if strings.Contains(text, allowed) {
			return
		}
	}
	t.faults = append(t.faults, kind+": "+text)
}

// step runs an action within the time-out.
func step[T any](t *Tab, what string, action chromedp.Action[T]) T {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		t.tb.Fatalf("%s: %v%s", what, err, t.told())
	}
	return value
}

// told are the faults up to now, which may say why a step failed.
func (t *Tab) told() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return "\n" + strings.Join(t.faults, "\n")
}

// Look changes the colours and the size of the screen.
func (t *Tab) Look(look Look) {
	t.tb.Helper()
	if look.Width == 0 {
		look.Width = 1280
	}
	if look.Height == 0 {
		look.Height = 800
	}
	colours := "light"
	if look.Dark {
		colours = "dark"
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: colours}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	step(t, "set the colours", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, media)
		return err
	}))
	step(t, "set the size", chromedp.EmulateViewport(look.Width, look.Height))
}

// Open loads an address.
func (t *Tab) Open(address string) {
	t.tb.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.tb.Fatal(err)
	}
	t.mu.Lock()
	if t.host == "" {
		t.host = parsed.Host
	}
	t.mu.Unlock()
	step(t, "open "+address, chromedp.Navigate(address))
}

// Click clicks in the middle of the first element of a CSS selector, once it is visible.
func (t *Tab) Click(selector string) {
	t.tb.Helper()
	step(t, "click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Type replaces what a field holds by typing.
func (t *Tab) Type(selector, text string) {
	t.tb.Helper()
	step(t, "focus "+selector, chromedp.Focus(chromedp.CSS(selector)))
	step(t, "select the text of "+selector, chromedp.Evaluate[chromedp.Void]("document.activeElement.select()"))
	t.Press(kb.Delete + text)
}

// Press presses keys where the focus is: text, or a key of the package kb such as kb.Enter.
func (t *Tab) Press(keys string) {
	t.tb.Helper()
	step(t, "press "+keys, chromedp.KeyEvent(keys))
}

// TabTo presses Tab until an element has the focus, and fails when it never gets it.
func (t *Tab) TabTo(selector string) {
	t.tb.Helper()
	const most = 200
	for range most {
		t.Press(kb.Tab)
		if Eval[bool](t, "!!document.activeElement && document.activeElement.matches("+quote(selector)+")") {
			return
		}
	}
	t.tb.Fatalf("%s does not get the focus by %d times Tab", selector, most)
}

// Text returns the visible text of the first element of a selector, once there is one.
func (t *Tab) Text(selector string) string {
	t.tb.Helper()
	t.Wait("document.querySelector(" + quote(selector) + ")")
	return Eval[string](t, "document.querySelector("+quote(selector)+").innerText")
}

// WaitText waits until the visible text of the page has a text.
func (t *Tab) WaitText(text string) {
	t.tb.Helper()
	t.Wait("document.body && document.body.innerText.includes(" + quote(text) + ")")
}

// Wait waits until an expression is true, also when the page changes meanwhile.
func (t *Tab) Wait(expression string) {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if found {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.tb.Fatalf("wait for %s: it is false (%v)%s\n%.2000s", expression, err, t.told(), t.shown())
		}
	}
}

// shown returns the visible text of the page as far as it can be had.
func (t *Tab) shown() string {
	text, _ := chromedp.Run(t.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	return text
}

// Eval returns the value of an expression, or of the promise that it is.
func Eval[T any](t *Tab, expression string) T {
	t.tb.Helper()
	return step(t, "evaluate "+expression, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}
