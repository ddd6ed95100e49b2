package courier_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"courier"
)

func TestMaskRecipient(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"+12065550199":     "+1206•••0199",
		"+1206555019":      "•••19",
		"+491701234567890": "+4917•••7890",
		"+4570":            "•••70",
		"1234":             "•••",
		"":                 "•••",
		"éééééééééééé":     "ééééé•••éééé",
	}
	for recipient, want := range cases {
		if got := courier.MaskRecipient(recipient); got != want {
			t.Errorf("MaskRecipient(%q) = %q, want %q", recipient, got, want)
		}
	}
}

func FuzzMaskRecipient(f *testing.F) {
	for _, seed := range []string{"+12065550199", "", "1234", "12345", "•••••", "\xff\xfe", strings.Repeat("9", 500)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, recipient string) {
		masked := courier.MaskRecipient(recipient)
		shown := utf8.RuneCountInString(masked) - utf8.RuneCountInString("•••")
		length := utf8.RuneCountInString(recipient)
		if shown > 9 || shown > max(0, length-3) {
			t.Fatalf("MaskRecipient(%q) = %q shows %d of %d characters", recipient, masked, shown, length)
		}
		if !strings.Contains(masked, "•••") || !utf8.ValidString(masked) {
			t.Fatalf("MaskRecipient(%q) = %q", recipient, masked)
		}
	})
}
