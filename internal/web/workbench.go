package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"courier"
	"courier/client"
)

// bench is what the workbench shows: the fields as they are, and what came of them.
type bench struct {
	Presets []option
	// Preset is the chosen one, nil for a gateway of one's own.
	Preset *client.Preset
	// Answers and Calls are the samples of the preset, to choose from.
	Answers, Calls []option
	samples        *client.PresetSamples
	// Fields are the texts of the form by name.
	Fields map[string]string
	// Tried is nil before anything was tried.
	Tried *client.TrialResult
	// Headers are those of the request in order.
	Headers []string
}

// The samples that the workbench begins with.
const (
	sampleRequest  = "function(ctx) {\n  to: ctx.to,\n  from: ctx.from,\n  text: ctx.body,\n}\n"
	sampleResponse = "function(res) {\n  id: std.get(res.json, 'id'),\n}\n"
	sampleAnswer   = `{"id": "a1b2c3"}`
)

func showWorkbench(v *visit) error {
	page, err := v.bench(v.R.URL.Query().Get("preset"))
	if err != nil {
		return err
	}
	fields := emptyFields()
	maps.Copy(fields, map[string]string{
		"to": "+12065550100", "text": "Your code is 123456", "ttl": "5m",
		"status": "200", "answer": sampleAnswer, "call_method": http.MethodPost,
	})
	if page.Preset == nil {
		maps.Copy(fields, map[string]string{
			"url": "https://gateway.example/send", "method": http.MethodPost, "request": sampleRequest, "response": sampleResponse,
		})
	} else {
		maps.Copy(fields, map[string]string{
			"params": lines(page.Preset.Params), "request": page.Preset.Request, "query": page.Preset.Query,
			"response": page.Preset.Response, "receipt": page.Preset.Receipt, "sample_answer": "ok",
		})
	}
	page.Fields = fields
	page.useSamples()
	return v.showBench(page)
}

// emptyFields has every field of the form.
func emptyFields() map[string]string {
	fields := map[string]string{}
	for _, name := range []string{
		"params", "from", "url", "method", "headers", "request", "query", "to", "ttl", "text", "template_type", "template_data",
		"response", "status", "answer_headers", "answer", "receipt", "call_method", "call_query", "call", "call_headers",
	} {
		fields[name] = ""
	}
	return fields
}

func (v *visit) showBench(page *bench) error {
	return v.show("workbench", frame{Title: "Workbench", Section: "Workbench", Data: page})
}

// bench is an empty workbench for a preset, or for none.
func (v *visit) bench(name string) (*bench, error) {
	presets, err := v.api.Presets(v.R.Context())
	if err != nil {
		return nil, fmt.Errorf("list presets: %w", err)
	}
	page := &bench{Presets: []option{{Label: "A request of your own", Chosen: name == ""}}}
	for i := range presets {
		page.Presets = append(page.Presets, option{presets[i].Name, presets[i].Title, presets[i].Name == name})
		if presets[i].Name == name {
			page.Preset = &presets[i]
		}
	}
	if name == "" {
		return page, nil
	}
	if page.Preset == nil {
		return nil, refuse(courier.CodeNotFound, "there is no such preset")
	}
	if page.samples, err = v.api.PresetSamples(v.R.Context(), name); err != nil {
		return nil, fmt.Errorf("list samples: %w", err)
	}
	page.Answers, page.Calls = []option{{Label: "As below"}}, []option{{Label: "As below"}}
	for _, s := range page.samples.Answers {
		page.Answers = append(page.Answers, sampleOption(s.SampleName))
	}
	for _, s := range page.samples.Receipts {
		page.Calls = append(page.Calls, sampleOption(s.SampleName))
	}
	return page, nil
}

func sampleOption(s client.SampleName) option {
	return option{Value: s.Name, Label: strings.TrimSuffix(s.Name+": "+s.Means, ": ")}
}

// useSamples puts the samples that are chosen in the place of what the fields have.
func (b *bench) useSamples() {
	if b.samples == nil {
		return
	}
	for _, s := range b.samples.Answers {
		if s.Name == b.Fields["sample_answer"] {
			maps.Copy(b.Fields, map[string]string{"status": strconv.Itoa(s.Answer.Status), "answer_headers": lines(s.Answer.Headers), "answer": s.Answer.Body})
		}
	}
	for _, s := range b.samples.Receipts {
		if s.Name == b.Fields["sample_call"] {
			maps.Copy(b.Fields, map[string]string{
				"call_method": s.Call.Method, "call_query": s.Call.Query, "call_headers": lines(s.Call.Headers), "call": s.Call.Body,
			})
		}
	}
}

// tryTemplates shows what the templates in the form make of its samples.
func tryTemplates(v *visit) error {
	page, err := v.bench(v.Form.Get("preset"))
	if err != nil {
		return err
	}
	page.Fields = emptyFields()
	for name, values := range v.Form {
		page.Fields[name] = strings.ReplaceAll(values[0], "\r\n", "\n")
	}
	delete(page.Fields, "token")
	page.useSamples()
	trial, fault := page.trial()
	if fault != nil {
		page.Tried = &client.TrialResult{Faults: []client.TrialFault{*fault}}
		return v.showBench(page)
	}
	if page.Tried, err = v.api.Try(v.R.Context(), *trial); err != nil {
		if courier.CodeOf(err).HTTPStatus() != http.StatusBadRequest {
			return fmt.Errorf("try templates: %w", err)
		}
		page.Tried = &client.TrialResult{Faults: []client.TrialFault{{Where: "the form", Message: err.Error()}}}
	}
	if page.Tried.Request != nil {
		page.Headers = headerLines(page.Tried.Request.Headers)
	}
	return v.showBench(page)
}

// headerLines are headers by their names, one a line.
func headerLines(headers map[string][]string) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		for _, value := range headers[name] {
			lines = append(lines, name+": "+value)
		}
	}
	return lines
}

// trial reads the form. The fault says what in it cannot be read.
func (b *bench) trial() (*client.Trial, *client.TrialFault) {
	f := b.Fields
	trial := &client.Trial{Preset: f["preset"], From: f["from"], URL: f["url"], Method: f["method"]}
	for name, into := range map[string]*map[string]string{"params": &trial.Params, "headers": &trial.Headers} {
		var bad string
		if *into, bad = pairs(f[name]); bad != "" {
			return nil, &client.TrialFault{Where: name, Message: "each line is NAME: VALUE; this is none: " + bad}
		}
	}
	for name, into := range map[string]**string{"request": &trial.Request, "query": &trial.Query, "response": &trial.Response, "receipt": &trial.Receipt} {
		if text, given := f[name]; given && strings.TrimSpace(text) != "" && text != b.own(name) {
			*into = &text
		}
	}
	trial.Message = &client.TrialMessage{To: f["to"], Body: f["text"], TemplateType: f["template_type"], TTL: f["ttl"]}
	if data := strings.TrimSpace(f["template_data"]); data != "" {
		if !json.Valid([]byte(data)) || data[0] != '{' {
			return nil, &client.TrialFault{Where: "template data", Message: "it is no JSON object"}
		}
		trial.Message.TemplateData = json.RawMessage(data)
	}
	if f["status"] != "" {
		status, err := strconv.Atoi(f["status"])
		if err != nil || status < 100 || status > 999 {
			return nil, &client.TrialFault{Where: "status", Message: "the HTTP status of an answer has three digits"}
		}
		headers, bad := pairs(f["answer_headers"])
		if bad != "" {
			return nil, &client.TrialFault{Where: "headers of the answer", Message: "each line is NAME: VALUE; this is none: " + bad}
		}
		trial.Answer = &client.TrialAnswer{Status: status, Headers: headers, Body: f["answer"]}
	}
	if f["call"] != "" || f["call_query"] != "" {
		headers, bad := pairs(f["call_headers"])
		if bad != "" {
			return nil, &client.TrialFault{Where: "headers of the receipt", Message: "each line is NAME: VALUE; this is none: " + bad}
		}
		if _, err := url.ParseQuery(f["call_query"]); err != nil {
			return nil, &client.TrialFault{Where: "query of the receipt", Message: "it is no query string, such as id=1&status=delivered"}
		}
		trial.Call = &client.TrialCall{Method: f["call_method"], Query: f["call_query"], Headers: headers, Body: f["call"]}
	}
	return trial, nil
}

// own is the preset's template, which needs no place in the configuration.
func (b *bench) own(name string) string {
	if b.Preset == nil {
		return ""
	}
	return map[string]string{"request": b.Preset.Request, "query": b.Preset.Query, "response": b.Preset.Response, "receipt": b.Preset.Receipt}[name]
}

// lines writes pairs, one a line.
func lines(values map[string]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text.WriteString(name + ": " + values[name] + "\n")
	}
	return text.String()
}

// pairs reads what lines writes. A line that is none is returned.
func pairs(text string) (values map[string]string, bad string) {
	values = map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, value, found := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); line != "" && (!found || name == "") {
			return nil, line
		} else if line != "" {
			values[name] = strings.TrimSpace(value)
		}
	}
	return values, ""
}
