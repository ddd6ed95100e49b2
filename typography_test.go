package courier_test

import (
	"testing"

	"courier"
)

func TestPlainTypography(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Don\u2019t share \u201c123456\u201d \u2013 it\u2019s yours\u2026": `Don't share "123456" - it's yours...`,
		"10\u202f000\u00a0€ \u2022 Gru\u00ad\u00dfe\u200b":                 "10 000 € - Gru\u00dfe",
		"Привет, 123":           "Привет, 123",
		"plain \"text\" - it's": "plain \"text\" - it's",
	} {
		if got := courier.PlainTypography(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := string(courier.NotGSM7("a\u2019b\u2019 é€[\u4e2d]ж")); got != "\u2019\u4e2dж" {
		t.Errorf("got %q", got)
	}
}
