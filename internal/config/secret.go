package config

import (
	"fmt"
	"unique"
)

// Secret is a text that nothing prints: every way of formatting, logging or
// encoding it gives a placeholder. Only Reveal returns it. Secrets compare by
// their texts.
type Secret struct {
	// handle keeps the text out of reach of fmt, which reads the unexported
	// fields of a struct that holds a Secret without asking its methods.
	handle unique.Handle[string]
}

// NewSecret returns text as a Secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{handle: unique.Make(text)}
}

// Reveal returns the text itself.
func (s Secret) Reveal() string {
	if s.Empty() {
		return ""
	}
	return s.handle.Value()
}

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s == Secret{} }

// String implements fmt.Stringer without the text.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return "[redacted]"
}

// Format implements fmt.Formatter without the text, whatever the verb.
func (s Secret) Format(state fmt.State, _ rune) {
	// A fmt.State that cannot be written to has nobody to tell.
	_, _ = state.Write([]byte(s.String()))
}

// MarshalText implements encoding.TextMarshaler without the text; log/slog and
// encoders of JSON, YAML and TOML use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
