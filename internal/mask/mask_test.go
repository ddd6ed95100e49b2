package mask_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"courier/internal/mask"
)

func TestURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ //nolint:gosec // the passwords open nothing
		"https://h/send":                                 "https://h/send",
		"https://user:pass@h/send":                       "https://***@h/send",
		"https://apikey@h:8443":                          "https://***@h:8443",
		"https://h/x?token=1&page=2&flag&n=12":           "https://h/x?token=***&page=2&flag&n=***",
		"https://h/?q=a/b@c://d":                         "https://h/?q=***",
		"https://h/bot123456:AAAbbbCCCdddEEE/send":       "https://h/***/send",
		"https://h/hook/T0KEN-in-the-path-123456?k=long": "https://h/hook/***?k=***",
		"no url":   "no url",
		"?key=abc": "?key=***",
	} {
		if got := mask.URL(text); got != want {
			t.Errorf("URL(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	for _, test := range [][3]string{
		{"Authorization", "Basic bWU6eA==", "Basic ***"},
		{"Authorization", "custom secret words", "***"},
		{"X-Api-Key", "k", "***"},
		{"cookie", "sid=secret; lang=en; odd", "sid=***; lang=***;***"},
	} {
		if got := mask.Header(test[0], test[1]); got != test[2] {
			t.Errorf("Header(%q, %q) = %q, want %q", test[0], test[1], got, test[2])
		}
	}
}

func TestSoundsSecret(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"X-Auth-Token": true, "api_key": true, "Password": true, "Cookie": true, "Content-Type": false, "page": false} {
		if got := mask.SoundsSecret(name); got != want {
			t.Errorf("SoundsSecret(%q) = %v", name, got)
		}
	}
}

func TestKnown_HidesEverySpelling(t *testing.T) {
	t.Parallel()
	const secret = `pä/ss"w+o<r>d 😀` //nolint:gosec // it opens nothing
	var known mask.Known
	known.Add("abc", secret, secret+"-longer")
	for _, text := range mask.Spellings(secret) {
		if got := known.Hide("a " + text + " b"); got != "a *** b" {
			t.Errorf("Hide(%q) = %q", text, got)
		}
	}
	if got := known.Hide("abc " + secret + "-longer"); got != "abc ***" {
		t.Errorf("got %q", got)
	}
}

func TestUserinfo(t *testing.T) {
	t.Parallel()
	if got := mask.Userinfo(url.UserPassword("me", "pw")); !slices.Equal(got, []string{"me", "pw", "bWU6cHc="}) {
		t.Errorf("got %q", got)
	}
	if mask.Userinfo(nil) != nil {
		t.Error("no user information has secrets")
	}
}

// FuzzKnown puts a secret between any texts: it must not be left.
func FuzzKnown(f *testing.F) {
	f.Add("a", "hunter2!", "b")
	f.Add("\xff", "p*ä/s", "***")
	f.Fuzz(func(t *testing.T, before, secret, after string) {
		var known mask.Known
		known.Add(secret)
		if len(secret) >= 4 && !strings.Contains(secret, "*") && strings.Contains(known.Hide(before+secret+after), secret) {
			t.Errorf("%q is left in %q", secret, known.Hide(before+secret+after))
		}
	})
}
