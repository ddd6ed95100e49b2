package inbox_test

import (
	"testing"

	"courier/internal/inbox"
)

func TestCode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Your login code is: 809593\n\nIt expires in 15 minutes.": "809593",
		"G-204961 is your code":                                   "204961",
		"Use 123-456 or call +12065550100":                        "123456",
		"ACME 2026: 204 961":                                      "204961",
		"PIN 0042":                                                "0042",
		"747723 ist dein Code.\n\n@a.example #7723":               "7723",
		"Call +12065550100 by 10:30, it costs 12.3456":            "",
		"hello": "",
	} {
		if got := inbox.Code(text); got != want {
			t.Errorf("Code(%q) = %q, want %q", text, got, want)
		}
	}
}
