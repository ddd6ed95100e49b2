package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"courier"
)

// Preset is a ready-made gateway, with its templates to begin with.
type Preset struct {
	// Name is that in the configuration, Title the provider's.
	Name, Title string
	// Params are the mandatory parameters, with examples as values.
	Params map[string]string
	// Request, Query, Response and Receipt are the templates, empty for none.
	Request, Query, Response, Receipt string
}

// Trial is what the workbench is to try. A nil template is that of the preset.
type Trial struct {
	Preset   string            `json:"preset,omitempty"`
	Params   map[string]string `json:"params,omitempty"`
	From     string            `json:"from,omitempty"`
	URL      string            `json:"url,omitempty"`
	Method   string            `json:"method,omitempty"`
	Headers  map[string]string `json:"headers,omitempty"`
	Request  *string           `json:"request,omitempty"`
	Query    *string           `json:"query,omitempty"`
	Response *string           `json:"response,omitempty"`
	Receipt  *string           `json:"receipt,omitempty"`
	// Message, Answer and Call are the samples, nil for none.
	Message *TrialMessage `json:"message,omitempty"`
	Answer  *TrialAnswer  `json:"answer,omitempty"`
	Call    *TrialCall    `json:"call,omitempty"`
}

// TrialMessage is a made-up message. TemplateData is a JSON object, TTL such as "5m".
type TrialMessage struct {
	To           string          `json:"to"`
	Body         string          `json:"body"`
	TemplateType string          `json:"template_type,omitempty"`
	TemplateData json.RawMessage `json:"template_data,omitempty"`
	TTL          string          `json:"ttl,omitempty"`
}

// TrialAnswer is a made-up answer of a gateway.
type TrialAnswer struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
}

// TrialCall is a made-up request of a gateway, which reports what became of messages.
type TrialCall struct {
	Method  string            `json:"method,omitempty"`
	Query   string            `json:"query,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Claims  map[string]any    `json:"claims,omitempty"`
}

// TrialResult is what came of a Trial.
type TrialResult struct {
	// Request and Verdict are nil where no sample was given, or a fault says why not.
	Request  *TrialRequest
	Verdict  *TrialVerdict
	Receipts []TrialReceipt
	Faults   []TrialFault
	// YAML is what to write into the configuration.
	YAML string
}

// TrialRequest is a request as it would be sent, and the curl command that sends it.
type TrialRequest struct {
	Method, URL, Body, Curl string
	Headers                 map[string][]string
}

// TrialVerdict is what an answer means.
type TrialVerdict struct {
	Outcome           courier.Outcome
	Class             courier.Class
	Scope             courier.Scope
	Code              string
	GatewayMessageIDs []string `json:"gateway_message_ids"`
	Message, Warning  string
	RetryAfter        string `json:"retry_after"`
	Advice            string
}

// TrialReceipt is one receipt in a gateway's request.
type TrialReceipt struct {
	GatewayMessageID string `json:"gateway_message_id"`
	Reference        string
	Status           courier.Status
	Class            courier.Class
	Code, Message    string
	At               time.Time
}

// TrialFault is what is wrong with a template or a setting. Line and Column count from 1,
// and are 0 where they are not known.
type TrialFault struct {
	Where        string
	Line, Column int
	Message      string
}

// Presets returns the ready-made gateways by name.
func (c *Client) Presets(ctx context.Context) ([]Preset, error) {
	list, err := ask[struct{ Presets []Preset }](ctx, c, "list presets", call{path: "v1/presets", repeatable: true})
	if err != nil {
		return nil, err
	}
	return list.Presets, nil
}

// PresetSamples is what a provider answers and reports, to try templates with.
type PresetSamples struct {
	Answers  []SampleAnswer `json:"answers"`
	Receipts []SampleCall   `json:"receipts"`
}

// SampleName is the provider's code or state, or what happens, and what a code means.
type SampleName struct {
	Name  string `json:"name"`
	Means string `json:"means"`
}

// SampleAnswer is an answer of a provider.
type SampleAnswer struct {
	SampleName
	Answer TrialAnswer `json:"answer"`
}

// SampleCall is a request of a provider, which reports what became of a message.
type SampleCall struct {
	SampleName
	Call TrialCall `json:"call"`
}

// PresetSamples returns what the provider of a preset documents that it answers and reports.
// An unknown preset is courier.CodeNotFound.
func (c *Client) PresetSamples(ctx context.Context, preset string) (*PresetSamples, error) {
	return ask[PresetSamples](ctx, c, "list samples", call{path: "v1/presets/" + url.PathEscape(preset) + "/samples", repeatable: true})
}

// Try says what templates make of samples. Nothing is sent or stored.
func (c *Client) Try(ctx context.Context, trial Trial) (*TrialResult, error) {
	return ask[TrialResult](ctx, c, "try templates", call{method: http.MethodPost, path: "v1/workbench", body: trial, repeatable: true})
}
