package gatewaytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// Reports are the names of what it can report of a message: states, codes, and reports
// with a name of their own, each sort in order.
func (e *Emulator) Reports() []string {
	names := slices.Sorted(maps.Keys(e.spec.States))
	names = append(names, slices.Sorted(maps.Keys(e.options.ReceiptCodes))...)
	return append(names, slices.Sorted(maps.Keys(e.spec.Receipts))...)
}

// Report returns what a report of a name says, and what a courier must make of it. A
// status of "" is nothing.
func (e *Emulator) Report(name string) (Report, error) {
	if report, ok := e.spec.Receipts[name]; ok {
		return report, nil
	}
	report := Report{State: name}
	if _, isCode := e.options.ReceiptCodes[name]; isCode {
		report.State, report.Code, report.Gives.Code = e.spec.Failed, name, name
	}
	status, ok := e.spec.States[report.State]
	if !ok {
		return Report{}, fmt.Errorf("emulator: there is no report %q", name)
	}
	if status != nil {
		report.Gives.Status = *status
	}
	return report, nil
}

// ReportTo returns the names of the reports that a recipient's messages get.
func (e *Emulator) ReportTo(to string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if name, ok := e.reportTo["+"+digitsOf(to)]; ok {
		return []string{name}
	}
	return e.spec.Success
}

// Receipts returns the signed requests that report of a message, one for each id of it.
func (e *Emulator) Receipts(ctx context.Context, m Message, name string) ([]*http.Request, error) {
	report, err := e.Report(name)
	if err != nil {
		return nil, err
	}
	var requests []*http.Request
	for _, id := range m.IDs {
		part := m
		part.IDs = []string{id}
		request, err := e.receipt(ctx, part, report)
		if err != nil {
			return nil, fmt.Errorf("make receipt: %w", err)
		}
		requests = append(requests, request)
	}
	return requests, nil
}

// receipt makes and signs one receipt.
func (e *Emulator) receipt(ctx context.Context, m Message, report Report) (*http.Request, error) {
	address := m.Callback
	if address == "" {
		address = e.options.ReceiptURL
	}
	target, err := url.Parse(address)
	if err != nil || address == "" {
		return nil, errors.New("there is no address for receipts")
	}
	f := e.filler(m)
	if report.State != "" {
		f.values["state"] = report.State
	}
	if report.Code != "" {
		f.values["code"], f.values["means"] = report.Code, e.options.ReceiptCodes[report.Code]
	}
	for name, value := range report.Fields {
		f.values[name] = value
	}
	spec := e.spec.Receipt
	query, form, body, contentType := target.Query(), url.Values(nil), []byte(nil), ""
	add := func(to url.Values, fields map[string]any) {
		filled, _ := f.fill(fields)
		for name, value := range filled.(map[string]any) {
			to.Set(name, fmt.Sprint(value))
		}
	}
	add(query, spec.Query)
	switch {
	case spec.Form != nil:
		form = url.Values{}
		add(form, spec.Form)
		contentType = "application/x-www-form-urlencoded"
	case spec.JSON != nil:
		value, _ := f.fill(spec.JSON)
		if body, err = json.Marshal(value); err != nil {
			return nil, err
		}
		contentType = "application/json"
	}
	out := &outgoing{method: spec.Method, target: target, header: http.Header{}, query: query, form: form, body: body, now: f.now}
	for name, value := range spec.Headers {
		text, _ := f.text(value)
		out.header.Set(name, text)
	}
	if contentType != "" {
		out.header.Set("Content-Type", contentType)
	}
	if err := e.sign(out, f); err != nil {
		return nil, err
	}
	return out.request(ctx)
}

// outgoing is a request that a provider is about to send.
type outgoing struct {
	method string
	target *url.URL
	header http.Header
	query  url.Values
	// form is nil when body is the body.
	form url.Values
	body []byte
	now  interface{ Unix() int64 }
}

// address is the whole address.
func (o *outgoing) address() string {
	target := *o.target
	target.RawQuery = o.query.Encode()
	return target.String()
}

func (o *outgoing) content() []byte {
	if o.form != nil {
		return []byte(o.form.Encode())
	}
	return o.body
}

func (o *outgoing) request(ctx context.Context) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, o.method, o.address(), bytes.NewReader(o.content()))
	if err != nil {
		return nil, err
	}
	request.Header = o.header
	return request, nil
}
