// Package web has the pages on which operators see what becomes of messages. A page gets
// all that it shows, and does all that it does, through the HTTP API within the process,
// with the key of its visitor: scopes, redaction, audit and errors are those of the API.
package web

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"courier"
	"courier/client"
	"courier/internal/httpapi"
)

// Options are the settings of Pages.
type Options struct {
	// Version is that of the program, for the footer.
	Version string
	// LiveEvery is how often an open page is looked at anew; default 2 s.
	LiveEvery time.Duration
	// NowFunc is the clock; default time.Now.
	NowFunc func() time.Time
}

// Pages implements httpapi.Pages.
type Pages struct {
	options   Options
	assets    map[string]asset
	templates templates
	viewers   chan struct{}
	gathered  gathered
}

// maxViewers bounds the pages that are kept live at one time.
const maxViewers = 64

// New returns the pages.
func New(options Options) (*Pages, error) {
	options.LiveEvery = cmp.Or(options.LiveEvery, 2*time.Second)
	if options.NowFunc == nil {
		options.NowFunc = time.Now
	}
	p := &Pages{options: options, viewers: make(chan struct{}, maxViewers), gathered: gathered{make(chan struct{}, 1), map[string]overview{}}}
	var err error
	if p.assets, err = readAssets(); err != nil {
		return nil, err
	}
	if p.templates, err = p.parseTemplates(); err != nil {
		return nil, err
	}
	return p, nil
}

// readScope is that of every page but the sign-in: what may be done is up to the API.
const readScope = httpapi.ScopeRead

// page is one method of one path, and who may ask for it.
type page struct {
	method, path string
	scope        httpapi.Scope
	serve        func(v *visit) error
}

// table lists the pages. A new page is a line here, a function that gathers what it shows
// in a file of its own, and a template of the same name.
func table() []page {
	return []page{
		{http.MethodGet, "/{$}", readScope, showOverview},
		{http.MethodGet, "/messages", readScope, showMessages},
		{http.MethodPost, "/messages", readScope, filterMessages},
		{http.MethodGet, "/messages/{id}", readScope, showMessage},
		{http.MethodPost, "/messages/{id}", readScope, changeMessage},
		{http.MethodPost, "/messages/actions", readScope, confirmBulk},
		{http.MethodGet, "/actions", readScope, showActions},
		{http.MethodPost, "/actions", readScope, startBulk},
		{http.MethodGet, "/actions/{id}", readScope, showAction},
		{http.MethodPost, "/actions/{id}", readScope, stopAction},
		{http.MethodGet, "/gateways", readScope, showGateways},
		{http.MethodGet, "/gateways/{id}", readScope, showGateway},
		{http.MethodPost, "/gateways/{id}", readScope, changeGateway},
		{http.MethodGet, "/workbench", httpapi.ScopeOperate, showWorkbench},
		{http.MethodPost, "/workbench", httpapi.ScopeOperate, tryTemplates},
		{http.MethodGet, "/audit", readScope, showAudit},
		{http.MethodGet, "/sign-in", "", showSignIn},
		{http.MethodGet, "/assets/{name}", "", serveAsset},
	}
}

// Table implements httpapi.Pages.
func (p *Pages) Table() []httpapi.Page {
	pages := []httpapi.Page{{Method: http.MethodGet, Path: pathEvents, Scope: readScope, Lasting: true, Serve: p.serveLive}}
	for _, page := range table() {
		pages = append(pages, httpapi.Page{Method: page.method, Path: page.path, Scope: page.scope, Serve: func(seen *httpapi.Visit) error {
			api, err := client.New(client.Options{HTTPClient: &http.Client{Transport: seen}, RetryFor: -1, UserAgent: "courier-pages"})
			if err != nil {
				return fmt.Errorf("ask the API: %w", err)
			}
			return page.serve(&visit{Visit: seen, pages: p, api: api})
		}})
	}
	return pages
}

// visit is one request of a page.
type visit struct {
	*httpapi.Visit
	pages *Pages
	// api is the API, with the key of the visitor.
	api *client.Client
}

// now is the time of the courier, by which the pages tell how long ago something was.
func (v *visit) now() time.Time { return v.pages.options.NowFunc().UTC() }

// mayAct reports whether the visitor may change messages.
func (v *visit) mayAct() bool { return v.May(httpapi.ScopeSend) || v.May(httpapi.ScopeOperate) }

// showFull reports whether the visitor sees texts and full numbers.
func (v *visit) showFull() bool { return v.May(httpapi.ScopeReadBody) }

// number is a recipient as the visitor may see it.
func (v *visit) number(to string) string {
	if v.showFull() {
		return to
	}
	return courier.MaskRecipient(to)
}

// redirect sends the visitor to a page after a form was taken.
func (v *visit) redirect(target string) error {
	http.Redirect(v.W, v.R, v.Base+target, http.StatusSeeOther)
	return nil
}
