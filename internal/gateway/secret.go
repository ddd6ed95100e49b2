package gateway

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"courier"
	"courier/internal/mask"
)

// secretSet is what a gateway's configuration holds that no attempt may tell.
type secretSet struct {
	values []string
	// forms are those in which an answer may repeat them.
	forms []string
}

func newSecretSet(options *Options, target *url.URL) *secretSet {
	set := &secretSet{}
	for name, value := range options.Header {
		if !mask.IsPlainHeader(name) {
			set.addLong(value)
			set.addLong(strings.Fields(value)...)
		}
	}
	if options.Auth != nil {
		set.add(options.Auth.secrets()...)
	}
	if params, err := json.Marshal(options.Params); err == nil {
		set.addLong(stringValues(nil, decodeJSON(params))...)
	}
	set.addURL(target)
	if options.Signer != nil {
		set.add(options.Signer.Secrets()...)
	}
	if receipts, err := url.Parse(options.ReceiptURL); err == nil {
		set.addURL(receipts)
		_, secret, _ := strings.Cut(receipts.Path, "/receipts/"+options.Name+"/")
		set.add(secret)
	}
	for _, value := range set.values {
		set.forms = append(set.forms, spellings(value)...)
	}
	return set
}

func (s *secretSet) add(values ...string) {
	for _, value := range values {
		if value != "" && value != "Basic" && value != "Bearer" {
			s.values = append(s.values, value)
		}
	}
}

// addLong leaves out single characters: settings such as "1" are no secrets.
func (s *secretSet) addLong(values ...string) {
	for _, value := range values {
		if len(value) > 1 {
			s.add(value)
		}
	}
}

func (s *secretSet) addURL(target *url.URL) {
	s.add(mask.Userinfo(target.User)...)
	for _, values := range target.Query() {
		s.addLong(values...)
	}
	for part := range strings.SplitSeq(target.Path, "/") {
		if mask.IsPathSecret(part) {
			s.add(part)
		}
	}
}

// dropSecret returns the text, or nothing when it holds a configured secret.
func (s *secretSet) dropSecret(text string) string {
	if slices.ContainsFunc(s.values, func(value string) bool { return len(value) >= minWord && strings.Contains(text, value) }) {
		return ""
	}
	return text
}

// forMessage returns the masker for what a gateway says of a message, which may be nil.
func (s *secretSet) forMessage(m *courier.Message) *masker {
	mask := &masker{secrets: s.forms}
	if m != nil {
		mask.recipient = digitsOf(m.To)
		mask.private = append(mask.private, m.To, m.Body, m.Subject)
		for _, raw := range [...]json.RawMessage{m.TemplateData, m.Metadata, m.RequestHeaders} {
			mask.private = stringValues(mask.private, decodeJSON(raw))
		}
	}
	return mask
}

// stringValues adds the strings and numbers of a JSON value, at any depth, without the names of fields.
func stringValues(found []string, value any) []string {
	switch value := value.(type) {
	case string:
		found = append(found, value)
	case json.Number:
		found = append(found, value.String())
	case []any:
		for _, element := range value {
			found = stringValues(found, element)
		}
	case map[string]any:
		for _, field := range value {
			found = stringValues(found, field)
		}
	}
	return found
}
