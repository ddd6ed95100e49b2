package gatewaytest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"courier/internal/signature"
)

// Reports are the names of what it can report of a message: states, codes, and reports
// with a name of their own, each sort in order.
func (e *Emulator) Reports() []string {
	names := slices.Sorted(maps.Keys(e.spec.States))
	names = append(names, slices.Sorted(maps.Keys(e.options.ReceiptCodes))...)
	return append(names, slices.Sorted(maps.Keys(e.spec.Receipts))...)
}

// ReceiptForms is the number of ways in which an account can have its receipts.
func (e *Emulator) ReceiptForms() int { return 1 + len(e.spec.Also) }

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

// ReportOf returns the name of a report that makes a status of ours, if there is one.
func (e *Emulator) ReportOf(status string) (string, bool) {
	for _, name := range e.Reports() {
		if report, err := e.Report(name); err == nil && report.Gives.Status == status {
			return name, true
		}
	}
	return "", false
}

// Reporting reports whether there is an address for the receipts of a message.
func (e *Emulator) Reporting(m Message) bool { return cmp.Or(m.Callback, e.options.ReceiptURL) != "" }

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

// Deliver sends the receipts of some names, or of those that ReportTo gives, one after
// the other to where the message's request or ReceiptURL says. The error is that of
// the first that was not taken with 2xx.
func (e *Emulator) Deliver(ctx context.Context, client *http.Client, m Message, names ...string) error {
	if len(names) == 0 {
		names = e.ReportTo(m.To)
	}
	for _, name := range names {
		requests, err := e.Receipts(ctx, m, name)
		if err != nil {
			return err
		}
		for _, request := range requests {
			answer, err := client.Do(request)
			if err != nil {
				return fmt.Errorf("send receipt: %w", err)
			}
			_ = answer.Body.Close() // nobody reads it
			if answer.StatusCode < 200 || answer.StatusCode > 299 {
				return fmt.Errorf("send receipt: it was answered with %s", answer.Status)
			}
		}
	}
	return nil
}

// SampleReceipt returns the request that reports of a message, without a signature.
func (e *Emulator) SampleReceipt(ctx context.Context, m Message, name string) (*http.Request, error) {
	report, err := e.Report(name)
	if err != nil {
		return nil, err
	}
	m.IDs = []string{e.filler(m).text(e.spec.ID)}
	r, _, err := e.unsigned(m, report)
	if err != nil {
		return nil, fmt.Errorf("make receipt: %w", err)
	}
	return requestOf(ctx, r)
}

// receipt makes and signs one receipt.
func (e *Emulator) receipt(ctx context.Context, m Message, report Report) (*http.Request, error) {
	r, f, err := e.unsigned(m, report)
	if err == nil {
		err = e.seal(r, f)
	}
	if err != nil {
		return nil, err
	}
	return requestOf(ctx, r)
}

func requestOf(ctx context.Context, r *signature.Request) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	request.Header = r.Header
	return request, nil
}

// unsigned makes one receipt.
func (e *Emulator) unsigned(m Message, report Report) (*signature.Request, *filler, error) {
	address := cmp.Or(m.Callback, e.options.ReceiptURL)
	target, err := url.Parse(address)
	if err != nil || address == "" {
		return nil, nil, errors.New("there is no address for receipts")
	}
	f := e.filler(m)
	for name, value := range map[string]string{"state": report.State, "code": report.Code, "means": e.options.ReceiptCodes[report.Code]} {
		if value != "" {
			f.values[name] = value
		}
	}
	for name, value := range report.Fields {
		f.values[name] = value
	}
	spec := append([]emulatedReceipt{e.spec.Receipt}, e.spec.Also...)[e.options.ReceiptForm]
	r := &signature.Request{Method: spec.Method, Header: http.Header{}}
	switch {
	case spec.Form != nil:
		r.Form = f.form(spec.Form)
		r.Body = []byte(r.Form.Encode())
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case spec.JSON != nil:
		value, _ := f.fill(spec.JSON)
		if r.Body, err = json.Marshal(value); err != nil {
			return nil, nil, err
		}
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range spec.Headers {
		r.Header.Set(name, f.text(value))
	}
	if added := f.form(spec.Query).Encode(); added != "" {
		target.RawQuery = strings.TrimPrefix(target.RawQuery+"&"+added, "&")
	}
	r.URL, r.Query = target.String(), target.Query()
	return r, f, nil
}

// seal signs a receipt by the first mechanism whose parameters are known.
func (e *Emulator) seal(r *signature.Request, f *filler) error {
	for _, way := range e.spec.Sign {
		known := func(name string) bool { _, ok := e.param(name); return ok }
		if slices.ContainsFunc(way.When, func(name string) bool { return !known(name) }) {
			continue
		}
		settings := f.settings(way.Settings)
		if way.Settings["claims"] == "{body}" { // the token is the receipt
			settings["claims"] = string(r.Body)
		}
		sealer, err := signature.NewSealer(way.Kind, settings)
		if err != nil {
			return err
		}
		return sealer.Seal(r, f.now)
	}
	return nil
}
