package gateway

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"courier"
)

// secretive is a gateway's configuration with a secret in every place.
func secretive(target string) Options {
	return Options{
		Name: "sms", Method: "POST", Template: echo(),
		URL: "https://user-n4me:pa%3Ass-w0rd@" + target + "/hook/T0KEN-in-the-path-123456?key=query-s3cret",
		Header: map[string]string{
			"X-Api-Key": "header/s3cret+value", "Authorization": "Bearer t0ken.bearer.value", "Content-Type": "application/json",
		},
		Auth:   APIKey{Name: "sid", Value: "c00kie-key", In: KeyInCookie},
		Params: map[string]any{"nested": []any{map[string]any{"token": "params-s3cret"}}},
	}
}

func secretValues() []string {
	return []string{
		"user-n4me", "pa:ss-w0rd", "T0KEN-in-the-path-123456", "query-s3cret", "header/s3cret+value",
		"t0ken.bearer.value", "c00kie-key", "params-s3cret",
		base64.StdEncoding.EncodeToString([]byte("user-n4me:pa:ss-w0rd")),
	}
}

func newMasker(tb testing.TB, m *courier.Message) *masker {
	tb.Helper()
	options := secretive("gateway.test")
	target, err := parseTarget(options.URL)
	if err != nil {
		tb.Fatal(err)
	}
	return newSecretSet(&options, target).forMessage(m)
}

// jsonText is what encoding/json makes of a text.
func jsonText(t *testing.T, value string) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(string(encoded), `"`)
}

// asciiJSON is what writers that keep to ASCII make of a text.
func asciiJSON(t *testing.T, value string) string {
	t.Helper()
	var ascii strings.Builder
	for _, unit := range utf16.Encode([]rune(jsonText(t, value))) {
		if unit < utf8.RuneSelf {
			ascii.WriteByte(byte(unit))
		} else {
			fmt.Fprintf(&ascii, `\u%04x`, unit)
		}
	}
	return ascii.String()
}

// TestMasker_HidesSecrets repeats every secret in every spelling.
func TestMasker_HidesSecrets(t *testing.T) {
	t.Parallel()
	mask := newMasker(t, loginMessage())
	for _, secret := range secretValues() {
		for _, spelled := range []string{
			secret, strings.ToUpper(secret), url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret),
			strings.ReplaceAll(secret, "/", `\/`), jsonText(t, secret), asciiJSON(t, secret),
		} {
			got := mask.mask("before "+spelled+" after", 200)
			if strings.ReplaceAll(got, " ", "") != "before•••after" {
				t.Errorf("mask(%q) = %q", spelled, got)
			}
		}
	}
}

func TestMasker_HidesMessage(t *testing.T) {
	t.Parallel()
	m := loginMessage()
	m.Body = "Ваш код: 80-95-93 für \"Bob\" & co, nicht weitergeben"
	m.TemplateData = json.RawMessage(`{"login_code":"AB12CD","n":4711,"deep":[{"pin":"777"}],"lang":"en"}`)
	m.Metadata = json.RawMessage(`{"user":"alice@example.com"}`)
	mask := newMasker(t, m)
	for text, want := range map[string]string{
		"code AB12CD was blocked":             "code ••• was blocked",
		"code=ab12cd":                         "code=•••",
		"pin 777, id 17775":                   "pin •••, id 17775",
		"number 4711":                         "number •••",
		"use 8-0-9 593, or 809593":            "use •••, or •••",
		"to +14155552671 failed":              "to ••• failed",
		"to 4155552671":                       "to •••",
		"to (415) 555-2671":                   "to (•••",
		"to 1.415.555.2671 and 0014155552671": "to ••• and •••",
		"to %2B14155552671":                   "to •••",
		"to 415555****":                       "to •••****",
		"order 999999999":                     "order 999999999",
		"user alice@example.com":              "user •••",
		"user alice%40example.com":            "user •••",
		`text: "Ваш код: 80-95-93 für`:        `text: "•••`,
		"Body=" + url.QueryEscape(m.Body):     "Body=•••",
		asciiJSON(t, m.Body):                  "•••",
		html.EscapeString(m.Body):             "•••",
		m.Body[:40]:                           "•••",
		"language en is unknown":              "language en is unknown",
		"a\x00b\r\nX-Evil: 1\u202ec\x1b[2J":   "a b X-Evil: 1 c [2J",
	} {
		if got := mask.mask(text, 200); got != want {
			t.Errorf("mask(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestMasker_ShortSecrets checks that a short secret hides only where it stands alone.
func TestMasker_ShortSecrets(t *testing.T) {
	t.Parallel()
	set := newSecretSet(&Options{Auth: BasicAuth{"u", "p"}, Header: map[string]string{"X-A": "1"}}, mustTarget(t, "http://x/"))
	if got := set.forMessage(nil).mask("user u, pass p: update 1 permission", 200); got != "user •••, pass •••: update 1 permission" {
		t.Errorf("mask() = %q", got)
	}
}

func mustTarget(tb testing.TB, text string) *url.URL {
	tb.Helper()
	target, err := parseTarget(text)
	if err != nil {
		tb.Fatal(err)
	}
	return target
}

func TestMasker_Bounds(t *testing.T) {
	t.Parallel()
	mask := newMasker(t, loginMessage())
	if got := mask.mask(strings.Repeat("é ", 5000), 200); utf8.RuneCountInString(got) != 200 {
		t.Errorf("%d characters", utf8.RuneCountInString(got))
	}
	// A secret that is cut in two by the bound must not show its first half,
	// even where everything before it shrinks to a mask.
	before := strings.Repeat("c00kie-key", maxMasked/10+1)
	for shift := range 30 {
		text := before[:maxMasked-shift] + "params-s3cret and more"
		if got := mask.mask(text, 200); strings.Contains(got, "params") {
			t.Errorf("shift %d: %q", shift, got)
		}
	}
	if got := mask.mask("", 200); got != "" {
		t.Errorf("mask of nothing is %q", got)
	}
}

// FuzzMasker puts secrets between any texts: none may be left.
func FuzzMasker(f *testing.F) {
	f.Add("a", "b", "hunter2!", "code 1234", 200)
	f.Add("\xff", "\u202e", "pässword/+", "x", 10)
	f.Add("aaaa", "aaaa", "aaaaa", "aaaa", 50)
	f.Fuzz(func(t *testing.T, before, after, secret, body string, limit int) {
		secret, body = cleanText(secret), cleanText(body)
		limit = max(min(limit, 400), 0)
		mask := &masker{secrets: spellings(secret), private: []string{body}, recipient: "14155552671"}
		got := mask.mask(before+" "+secret+" "+body+" "+after, limit)
		if utf8.RuneCountInString(got) > limit || !utf8.ValidString(got) {
			t.Fatalf("mask gave %d characters for %d: %q", utf8.RuneCountInString(got), limit, got)
		}
		for _, value := range []string{secret, body} {
			if len(value) >= minWord && !strings.Contains(maskText, value) && strings.Contains(got, value) {
				t.Fatalf("%q is left in %q", value, got)
			}
		}
	})
}

func BenchmarkMasker(b *testing.B) {
	m := loginMessage()
	mask := newMasker(b, m)
	text := `{"code":21610,"message":"Attempt to send to unsubscribed recipient +14155552671","more_info":"https://example.com/21610"}`
	for b.Loop() {
		mask.mask(text, maxExcerpt)
	}
}

// TestMasker_Keeping leaves our own words alone, though a text message has them too.
func TestMasker_Keeping(t *testing.T) {
	t.Parallel()
	m := newMasker(t, &courier.Message{To: "+12065550199", Body: "bad 204961"})
	for text, want := range map[string]string{
		"answered 400 Bad Request":                     "answered 400 Bad Request",
		"answered 400 Bad Request and said: 204961 no": "answered 400 Bad Request and said: ••• no",
		"answered 400 Bad Request, and the rest":       "answered 400 Bad Request, and the rest",
		"reset the connection":                         "reset the connection",
	} {
		if got := m.keeping("answered 400 Bad Request", text, 200); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
