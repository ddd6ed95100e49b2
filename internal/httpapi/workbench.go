package httpapi

import (
	"context"
	"net/http"

	"courier"
)

// Workbench tries templates. Nothing is sent or stored, and nothing of the configuration
// is used that is a secret.
type Workbench interface {
	// Presets returns the ready-made gateways by name.
	Presets() ([]Preset, error)
	// Samples returns what the provider of a preset documents that it answers and reports.
	Samples(ctx context.Context, preset string) (*PresetSamples, error)
	// Try says what templates make of samples. Errors are *courier.Error.
	Try(ctx context.Context, trial *TrialRequest) (*TrialResult, error)
	// Request builds the request of a message as a gateway would send it by the
	// configuration in force, with its secrets hidden. Errors hold neither these nor the text.
	Request(ctx context.Context, gateway string, m *courier.Message) (*TrialSent, error)
}

// Preset is a ready-made gateway, with its templates to begin with.
type Preset struct {
	Name  string `json:"name" example:"twilio" doc:"The name in courier.gateways[].preset."`
	Title string `json:"title" example:"Twilio" doc:"The provider's name."`
	// Params have examples as values.
	Params   map[string]string `json:"params" nullable:"false" doc:"The mandatory parameters, with examples as values."`
	Request  string            `json:"request,omitempty" doc:"The template of the request's body."`
	Query    string            `json:"query,omitempty" doc:"The template of query parameters."`
	Response string            `json:"response,omitempty" doc:"The template that judges answers."`
	Receipt  string            `json:"receipt,omitempty" doc:"The template that reads receipts."`
}

// PresetSamples is what a provider answers and reports, to try templates with.
type PresetSamples struct {
	Answers  []SampleAnswer `json:"answers" nullable:"false" doc:"Answers to a request, a success first."`
	Receipts []SampleCall   `json:"receipts" nullable:"false" doc:"Requests that report what became of a message."`
}

// SampleName says what a sample is.
type SampleName struct {
	Name  string `json:"name" example:"21610" doc:"The provider's code or state, or what happens."`
	Means string `json:"means,omitempty" example:"The recipient has replied STOP." doc:"What the code means."`
}

// SampleAnswer is an answer of a provider.
type SampleAnswer struct {
	SampleName
	Answer TrialAnswerRequest `json:"answer"`
}

// SampleCall is a request of a provider.
type SampleCall struct {
	SampleName
	Call TrialCallRequest `json:"call"`
}

type presetList struct {
	Presets []Preset `json:"presets" nullable:"false" doc:"By name."`
}

// TrialRequest is what the workbench is to try.
type TrialRequest struct {
	Preset  string            `json:"preset,omitempty" example:"twilio" doc:"The ready-made gateway to begin with; none for one of your own, which needs url."`
	Params  map[string]string `json:"params,omitempty" doc:"Parameters of the gateway. What a preset needs and is missing here has its example."`
	From    string            `json:"from,omitempty" doc:"The sender that the gateway has."`
	URL     string            `json:"url,omitempty" example:"https://sms.example.com/send" doc:"Where a request of your own goes; nothing is sent."`
	Method  string            `json:"method,omitempty" example:"POST" doc:"The method of a request of your own; POST when it is absent."`
	Headers map[string]string `json:"headers,omitempty" doc:"The headers of a request of your own."`

	Request  *string `json:"request,omitempty" doc:"The template of the request's body, in the place of the preset's."`
	Query    *string `json:"query,omitempty" doc:"The template of query parameters, in the place of the preset's."`
	Response *string `json:"response,omitempty" doc:"The template that judges answers, in the place of the preset's."`
	Receipt  *string `json:"receipt,omitempty" doc:"The template that reads receipts, in the place of the preset's."`

	Message *TrialMessageRequest `json:"message,omitempty" doc:"A message, to see its request."`
	Answer  *TrialAnswerRequest  `json:"answer,omitempty" doc:"An answer of the gateway, to see the verdict on it."`
	Call    *TrialCallRequest    `json:"call,omitempty" doc:"A request of the gateway that reports what became of a message, to see the receipts in it. Its signature is not checked."`
}

// TrialMessageRequest is a made-up message.
type TrialMessageRequest struct {
	To           string     `json:"to" example:"+12065550199" doc:"The recipient."`
	Body         string     `json:"body" example:"Your code is 123456" doc:"The text."`
	TemplateType string     `json:"template_type,omitempty" doc:"As in a message."`
	TemplateData jsonObject `json:"template_data,omitempty" doc:"As in a message, a JSON object."`
	TTL          string     `json:"ttl,omitempty" example:"5m" doc:"How long the message is of use."`
}

// TrialAnswerRequest is a made-up answer of a gateway.
type TrialAnswerRequest struct {
	Status  int               `json:"status" example:"201" doc:"The HTTP status."`
	Headers map[string]string `json:"headers,omitempty" doc:"The headers."`
	Body    string            `json:"body,omitempty" doc:"The body."`
}

// TrialCallRequest is a made-up request of a gateway.
type TrialCallRequest struct {
	Method  string            `json:"method,omitempty" example:"POST" doc:"The method; POST when it is absent."`
	Query   string            `json:"query,omitempty" doc:"The query string, without the question mark."`
	Headers map[string]string `json:"headers,omitempty" doc:"The headers. Without a Content-Type the body is taken for JSON when it begins as such, and else for a form."`
	Body    string            `json:"body,omitempty" doc:"The body."`
	Claims  map[string]any    `json:"claims,omitempty" doc:"The claims of a token that the request would be signed with."`
}

// TrialResult is what came of a TrialRequest: of each sample that was given, unless a fault
// says why not.
type TrialResult struct {
	Request  *TrialSent     `json:"request,omitempty" doc:"The request as it would be sent."`
	Verdict  *TrialVerdict  `json:"verdict,omitempty" doc:"What the answer means."`
	Receipts []TrialReceipt `json:"receipts" nullable:"true" doc:"What the gateway's request reports; null when none was given."`
	Faults   []TrialFault   `json:"faults" nullable:"false" doc:"What is wrong, by template."`
	YAML     string         `json:"yaml" doc:"What to write into the configuration to use the gateway."`
}

// TrialSent is a request as it would be sent.
type TrialSent struct {
	Method  string              `json:"method" doc:"The method."`
	URL     string              `json:"url" doc:"The address."`
	Headers map[string][]string `json:"headers" nullable:"false" doc:"The headers."`
	Body    string              `json:"body" doc:"The body."`
	Curl    string              `json:"curl" doc:"The curl command that sends it."`
}

// TrialVerdict is what an answer means.
type TrialVerdict struct {
	Outcome           courier.Outcome `json:"outcome" doc:"What the attempt came to."`
	Class             courier.Class   `json:"class,omitempty" doc:"The class of the failure."`
	Scope             courier.Scope   `json:"scope,omitempty" doc:"What the failure is about: message, gateway or moment."`
	Code              string          `json:"code,omitempty" doc:"The gateway's own code."`
	GatewayMessageIDs []string        `json:"gateway_message_ids,omitempty" doc:"The gateway's ids of the message and its parts."`
	Message           string          `json:"message,omitempty" doc:"What an operator reads."`
	Warning           string          `json:"warning,omitempty" doc:"What went wrong though the message was accepted."`
	RetryAfter        string          `json:"retry_after,omitempty" doc:"The delay that the gateway asks for."`
	Advice            string          `json:"advice,omitempty" doc:"What the class means, and what to do."`
}

// TrialReceipt is one receipt in a gateway's request.
type TrialReceipt struct {
	GatewayMessageID string         `json:"gateway_message_id,omitempty" doc:"The gateway's id of the message."`
	Reference        string         `json:"reference,omitempty" doc:"Our id of the message."`
	Status           courier.Status `json:"status" doc:"What became of the message."`
	Class            courier.Class  `json:"class,omitempty" doc:"The class of the failure."`
	Code             string         `json:"code,omitempty" doc:"The gateway's own code."`
	Message          string         `json:"message,omitempty" doc:"What the gateway says."`
	At               *moment        `json:"at,omitempty" doc:"The gateway's own time."`
}

// NewTrialReceipt shows a receipt.
func NewTrialReceipt(receipt *courier.Receipt) TrialReceipt {
	shown := TrialReceipt{
		GatewayMessageID: receipt.GatewayMessageID, Status: receipt.Status, Class: receipt.Class, Code: receipt.Code, Message: receipt.Message,
	}
	if receipt.MessageID != (courier.ID{}) {
		shown.Reference = receipt.MessageID.String()
	}
	if !receipt.At.IsZero() {
		at := moment(receipt.At)
		shown.At = &at
	}
	return shown
}

// TrialFault is what is wrong with a template, or with the settings.
type TrialFault struct {
	Where   string `json:"where" example:"response" doc:"The template, or the setting."`
	Line    int    `json:"line,omitempty" doc:"The line in the template, from 1; absent when it is not known."`
	Column  int    `json:"column,omitempty" doc:"The column in the line, from 1."`
	Message string `json:"message" doc:"What is wrong, and what to do."`
}

// maxTrial bounds a TrialRequest.
const maxTrial = 1 << 20

func (a *API) workbenchEndpoints() []endpoint {
	return []endpoint{
		{
			method: http.MethodGet, path: "/v1/presets", id: "list-presets", tag: tagOperator, summary: "List the ready-made gateways",
			description: "The presets, with their templates.",
			scope:       ScopeRead, handle: a.listPresets, gives: presetList{},
		},
		{
			method: http.MethodGet, path: "/v1/presets/{id}/samples", id: "list-samples", tag: tagOperator, summary: "List what a provider answers and reports",
			description: "Answers and receipts as the provider of a preset documents them, with made-up values, to try templates with. Receipts have no signature.",
			scope:       ScopeRead, handle: a.listSamples, parameters: namedParam("The name of a preset."), gives: PresetSamples{}, codes: []courier.ErrorCode{courier.CodeNotFound},
		},
		{
			method: http.MethodPost, path: "/v1/workbench", id: "try-templates", tag: tagOperator, summary: "Try templates",
			description: "What templates make of a sample message, answer and receipt. Nothing is sent or stored, and nothing secret of the configuration is used.",
			scope:       ScopeOperate, handle: a.tryTemplates, takes: TrialRequest{}, gives: TrialResult{},
			codes: []courier.ErrorCode{courier.CodeInvalidRequest, courier.CodeRequestTooLarge, courier.CodeUnsupportedMedia, courier.CodeInvalidRecipient, courier.CodeRateLimited},
		},
	}
}

func (a *API) listPresets(*call) (any, error) {
	presets, err := a.options.Workbench.Presets()
	return presetList{presets}, err
}

func (a *API) listSamples(c *call) (any, error) {
	return a.options.Workbench.Samples(c.r.Context(), c.r.PathValue("id"))
}

func (a *API) tryTemplates(c *call) (any, error) {
	var trial TrialRequest
	if err := decodeBody(c, maxTrial, &trial); err != nil {
		return nil, err
	}
	return a.options.Workbench.Try(c.r.Context(), &trial)
}
