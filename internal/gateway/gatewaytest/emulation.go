package gatewaytest

import (
	"bytes"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// emulation is emulator.yaml: how a provider behaves.
// internal/gateway/preset/FORMAT.md describes it.
type emulation struct {
	Request struct {
		Method  string               `yaml:"method"`
		Path    string               `yaml:"path"`
		Auth    []signing            `yaml:"auth"`
		Headers map[string]string    `yaml:"headers"`
		Body    string               `yaml:"body"`
		Query   map[string]fieldRule `yaml:"query"`
		Fields  map[string]fieldRule `yaml:"fields"`
		Needs   [][]string           `yaml:"needs"`
		Refuse  map[string]string    `yaml:"refuse"`
	} `yaml:"request"`
	Read struct {
		To        string `yaml:"to"`
		From      string `yaml:"from"`
		Text      string `yaml:"text"`
		Reference string `yaml:"reference"`
		Callback  string `yaml:"callback"`
	} `yaml:"read"`
	ID       string                    `yaml:"id"`
	Answers  map[string]emulatedAnswer `yaml:"answers"`
	Error    emulatedAnswer            `yaml:"error"`
	Statuses map[string]int            `yaml:"statuses"`
	Receipt  emulatedReceipt           `yaml:"receipt"`
	// Also are more ways in which an account can have its receipts.
	Also []emulatedReceipt `yaml:"also"`
	Sign []signing         `yaml:"sign"`
	// States are what the provider reports and what status of ours it is, nil for none.
	States map[string]*string `yaml:"states"`
	// Failed is the state with which codes are reported.
	Failed string `yaml:"failed"`
	// Success are the states of a message that arrives.
	Success  []string          `yaml:"success"`
	Receipts map[string]Report `yaml:"receipts"`
}

// emulatedAnswer is an answer of the provider.
type emulatedAnswer struct {
	Status  int               `yaml:"status"`
	Headers map[string]string `yaml:"headers"`
	JSON    any               `yaml:"json"`
	Text    *string           `yaml:"text"`
	Gives   Verdict           `yaml:"gives"`
}

// emulatedReceipt is how a receipt travels.
type emulatedReceipt struct {
	Method  string            `yaml:"method"`
	Headers map[string]string `yaml:"headers"`
	Query   map[string]any    `yaml:"query"`
	Form    map[string]any    `yaml:"form"`
	JSON    any               `yaml:"json"`
}

// signing is a way to authenticate or to sign.
type signing struct {
	When     []string          `yaml:"when"`
	Type     string            `yaml:"type"`
	Kind     string            `yaml:"kind"`
	Settings map[string]string `yaml:",inline"`
}

// fieldRule is what a provider wants of a field.
type fieldRule struct {
	// Type is string (the default), integer, digits (a number or its text), number,
	// boolean or any.
	Type     string   `yaml:"type"`
	Required bool     `yaml:"required"`
	Null     bool     `yaml:"null"`
	Pattern  string   `yaml:"pattern"`
	Const    string   `yaml:"const"`
	Enum     []string `yaml:"enum"`
	// Min and Max bound a number, or the length of a string.
	Min *float64 `yaml:"min"`
	Max *float64 `yaml:"max"`
	// Missing and Wrong are the answers to a violation.
	Missing string `yaml:"missing"`
	Wrong   string `yaml:"wrong"`
}

// Verdict is what a courier must make of an answer.
type Verdict struct {
	Outcome    string  `yaml:"outcome"`
	Class      string  `yaml:"class"`
	Code       string  `yaml:"code"`
	Warning    bool    `yaml:"warning"`
	RetryAfter float64 `yaml:"retry_after"`
}

// Report is what a provider reports of a message, and what a courier must make of it.
type Report struct {
	State string `yaml:"state"`
	Code  string `yaml:"code"`
	// Fields are more values for the places of the receipt.
	Fields map[string]string `yaml:"fields"`
	Gives  struct {
		Status string `yaml:"status"`
		Class  string `yaml:"class"`
		Code   string `yaml:"code"`
	} `yaml:"gives"`
}

// parseEmulation reads emulator.yaml.
func parseEmulation(source string) (*emulation, error) {
	e := &emulation{}
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(source)))
	decoder.KnownFields(true)
	if err := decoder.Decode(e); err != nil {
		return nil, fmt.Errorf("read emulator.yaml: %w", err)
	}
	if _, ok := e.Answers[answerOK]; !ok {
		return nil, fmt.Errorf("read emulator.yaml: there is no answer %q", answerOK)
	}
	if !slices.Contains([]string{"form", "json", "none"}, e.Request.Body) {
		return nil, fmt.Errorf("read emulator.yaml: request.body is %q: it is form, json or none", e.Request.Body)
	}
	return e, nil
}
