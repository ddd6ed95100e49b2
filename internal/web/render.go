package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"courier"
	"courier/client"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates are those of the pages by name, each with the frame around it.
type templates map[string]*template.Template

// parseTemplates reads templates/frame.html and, on it, each page's own.
func (p *Pages) parseTemplates() (templates, error) {
	base, err := template.New("frame.html").Option("missingkey=error").Funcs(p.functions()).ParseFS(templateFiles, "templates/frame.html", "templates/part_*.html")
	if err != nil {
		return nil, fmt.Errorf("parse templates of the pages: %w", err)
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("find templates of the pages: %w", err)
	}
	all := templates{}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		own, err := base.Clone()
		if err == nil {
			own, err = own.ParseFS(templateFiles, file)
		}
		if err != nil {
			return nil, fmt.Errorf("parse template of the page %s: %w", name, err)
		}
		all[name] = own
	}
	return all, nil
}

// functions are those that templates call besides the methods of what they show.
func (p *Pages) functions() template.FuncMap {
	return template.FuncMap{
		"asset":       p.assetPath,
		"outside":     outside,
		"short":       short,
		"long":        long,
		"time":        timeElement,
		"ago":         func(at time.Time) string { return ago(p.options.NowFunc().Sub(at)) },
		"rate":        rate,
		"version":     func() string { return p.options.Version },
		"number":      func(n int64) string { return groupDigits(n) },
		"list":        func(values ...string) []string { return values },
		"duration":    func(d client.Duration) string { return seconds(time.Duration(d).Seconds()) },
		"count":       count,
		"targetPath":  targetPath,
		"gatewayPath": func(id string) string { return "/gateways/" + url.PathEscape(id) },
		"dict": func(pairs ...any) map[string]any {
			all := map[string]any{}
			for i := 0; i+1 < len(pairs); i += 2 {
				all[fmt.Sprint(pairs[i])] = pairs[i+1]
			}
			return all
		},
	}
}

// frame is what the template of the frame gets; Data is the page's own.
type frame struct {
	// Title is that of the page, Section the entry of the navigation that it belongs to.
	Title, Section string
	// Live is true for a page whose regions follow what happens.
	Live bool
	// Status is that of the answer, 200 when 0.
	Status int
	// Visitor is the name of the key, empty where none is asked for. Keyed is true where
	// visitors sign in. Token is for forms.
	Visitor, Token string
	Keyed          bool
	// LivePath is where the page is sent again when it has changed.
	LivePath string
	Data     any
	base     string
}

// show answers with a page. Of one that is only watched it is the part that may change.
func (v *visit) show(name string, f frame) error {
	f.Visitor, f.Token, f.Keyed = v.Key.Name, v.Token, v.Keyed()
	f.LivePath = pathEvents + "?" + url.Values{"of": {v.R.URL.RequestURI()}}.Encode()
	part := "frame.html"
	if v.Watched() {
		part = "main"
	}
	f.base = v.Base
	return v.pages.write(v.W, name, part, f)
}

// write makes a page and writes it whole, so that one that fails half-way is an error.
func (p *Pages) write(w http.ResponseWriter, name, part string, f frame) error {
	var page bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&page, part, f); err != nil {
		return fmt.Errorf("make page %s: %w", name, err)
	}
	content := below(f.base, page.Bytes())
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(content)))
	if f.Status != 0 {
		w.WriteHeader(f.Status)
	}
	_, _ = w.Write(content) // a visitor who is gone is no fault
	return nil
}

// below puts the path below which the courier is in front of the addresses of a page. Texts
// from outside hold no quotation marks, so these are all.
func below(base string, page []byte) []byte {
	if base == "" {
		return page
	}
	for _, attribute := range []string{` href="/`, ` src="/`, ` action="/`, ` data-live="/`} {
		page = bytes.ReplaceAll(page, []byte(attribute), []byte(strings.TrimSuffix(attribute, "/")+template.HTMLEscapeString(base)+"/"))
	}
	return page
}

// Refuse implements httpapi.Pages.
func (p *Pages) Refuse(w http.ResponseWriter, fault *courier.Error) {
	status := fault.Code.HTTPStatus()
	err := p.write(w, "error", "frame.html", frame{
		Title: http.StatusText(status), Status: status, Keyed: fault.Code == courier.CodeUnauthorized, Data: fault,
	})
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}
