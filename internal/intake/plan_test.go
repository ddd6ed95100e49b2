package intake

import (
	"fmt"
	"math/rand/v2"
	"regexp/syntax"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"courier"
)

// wantAsLibrary compares what is said of a recipient with what the library says.
func wantAsLibrary(t *testing.T, p *Policy, text string) {
	t.Helper()
	got, c, err := p.recipient(text)
	number, fault := parseNumber(text, p.DefaultRegion)
	if fault != "" {
		if courier.CodeOf(err) != courier.CodeInvalidRecipient || err.Error() != "to: "+fault {
			t.Errorf("%s: %q, %v, want the fault %q", text, got, err, fault)
		}
		return
	}
	to, country, kind := phonenumbers.Format(number, phonenumbers.E164), countryOf(number), kindOf(number)
	if err != nil || got != to || c.country != country || c.kind != kind {
		t.Errorf("%s: %q, %+v, %v, want %q, %q, %q", text, got, c, err, to, country, kind)
	}
}

func TestPlans_AsLibrary(t *testing.T) {
	t.Parallel()
	policy := New(Options{Policy: Policy{DefaultRegion: "GB"}}).policy.Load()
	t.Run("Examples", func(t *testing.T) {
		t.Parallel()
		for region := range phonenumbers.GetSupportedRegions() {
			for kind := range phonenumbers.UNKNOWN {
				if example := phonenumbers.GetExampleNumberForType(region, kind); example != nil {
					text := phonenumbers.Format(example, phonenumbers.E164)
					at := len(text) - 1 - rand.IntN(len(text)-4)
					for _, variant := range []string{text, text[:at] + fmt.Sprint(rand.IntN(10)) + text[at+1:], text[:at] + text[at+1:]} {
						wantAsLibrary(t, policy, variant)
					}
				}
			}
		}
	})
	t.Run("Random", func(t *testing.T) {
		t.Parallel()
		for code := range phonenumbers.GetSupportedCallingCodes() {
			for range 15 {
				text := fmt.Sprintf("+%d%0*d", code, 2+rand.IntN(13), rand.Uint64())
				wantAsLibrary(t, policy, text[:min(len(text), 5+rand.IntN(14))])
			}
		}
	})
}

// TestPlans_Patterns sees to it that the automaton knows all that patterns are made of.
func TestPlans_Patterns(t *testing.T) {
	t.Parallel()
	var p plans
	for code := range phonenumbers.GetSupportedCallingCodes() {
		for _, step := range p.plan(int32(code)).steps { //nolint:gosec // of three digits
			if step.Op == syntax.InstEmptyWidth {
				t.Errorf("a pattern of +%d goes by the place in the number", code)
			}
		}
	}
}

func FuzzPlans(f *testing.F) {
	for _, text := range []string{"+12065550199", "+012065550199", "+447700900123", "+390612345678", "+5491123456789", "+261241234567", "+10"} {
		f.Add(text)
	}
	policy := New(Options{Policy: Policy{DefaultRegion: "US"}}).policy.Load()
	f.Fuzz(func(t *testing.T, text string) {
		for range 2 { // the second time with what the first has made known
			if policy.plans.plain(text) != nil {
				wantAsLibrary(t, policy, text)
			}
			_, _, _ = policy.recipient(text)
		}
	})
}
