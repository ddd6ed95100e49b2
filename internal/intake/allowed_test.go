package intake_test

import (
	"errors"
	"strings"
	"testing"

	"courier"
	"courier/internal/intake"
)

func TestIntake_AcceptKindsAndCountries(t *testing.T) {
	t.Parallel()
	kinds := func(names ...string) func(*intake.Policy) {
		return func(p *intake.Policy) { p.AllowKinds = names }
	}
	countries := func(allow, deny []string) func(*intake.Policy) {
		return func(p *intake.Policy) { p.AllowCountries, p.DenyCountries = allow, deny }
	}
	for _, test := range []struct {
		name, to string
		change   func(*intake.Policy)
		country  string
		want     string
	}{
		{"Mobile", "+4915112345678", nil, "DE", ""},
		{"Shared plan", "+14165550100", nil, "CA", ""},
		{"Not in use", "+12065550199", nil, "US", ""},
		{"Premium", "+19002345678", nil, "", "premium rate number"},
		{"PremiumAllowed", "+19002345678", kinds("premium_rate"), "US", ""},
		{"TollFree", "+18002345678", nil, "", "toll free number"},
		{"SharedCost", "+448442345678", nil, "", "recipients.types.allow"},
		{"Pager", "+447640123456", nil, "", "pager number"},
		{"UAN", "+443002345678", nil, "", "uan number"},
		{"Satellite", "+870773111632", nil, "", "satellite number"},
		{"InternationalNetwork", "+88213300655", nil, "", "satellite number"},
		{"SatelliteAllowed", "+870773111632", kinds("satellite"), "", ""},
		{"CountryAllowed", "+4915112345678", countries([]string{"de"}, nil), "DE", ""},
		{"CountryNotAllowed", "+12065550199", countries([]string{"DE"}, nil), "", "recipients.countries.allow"},
		{"CountryDenied", "+12065550199", countries(nil, []string{"US"}), "", "recipients.countries.deny"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := newIntake(test.change).Accept(courier.Draft{To: test.to, Body: "Hi"})
			if test.want != "" {
				wantFault(t, err, courier.CodeRecipientNotAllowed, "to", test.want)
				return
			}
			if err != nil || got.Country != test.country {
				t.Errorf("got %+v, %v; want %s", got, err, test.country)
			}
		})
	}
}

func TestIntake_AcceptWarnings(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("blah ", 32)
	for _, test := range []struct {
		name, body string
		change     func(*intake.Policy)
		want       string
		segments   int
	}{
		{"Plain", "123456 is your code", nil, "", 1},
		{"UCS2", "123456 – your code", nil, `'–' (U+2013) is not in the GSM 7 bit alphabet, so a segment holds 70 characters instead of 160; the text takes 1`, 1},
		{"LateCode", long + "123456", nil, "the code is not in the first segment", 2},
		{"EarlyCode", "123456 " + long, nil, "", 2},
		{"DomainLast", "123456 is your code\n\n@shop.example #123456\n", nil, "", 1},
		{"DomainNotLast", "123456 is your code\n@shop.example #123456\nBye", nil, "the line @domain #code is not the last", 1},
		{"Off", "123456 – your code", func(p *intake.Policy) { p.SkipLint = true }, "", 1},
		{"TypographySaves", strings.Repeat("a", 100) + "’s", func(p *intake.Policy) { p.PlainTypography = true }, "written plainly, as messages.typography is gsm: the text takes 1 instead of 2 segments", 1},
		{"TypographySavesNothing", "it’s", func(p *intake.Policy) { p.PlainTypography = true; p.SkipLint = true }, "", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := newIntake(test.change).Accept(courier.Draft{To: "+12065550199", Body: test.body, TemplateData: []byte(`{"login_code":"123456"}`)})
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(got.Warnings, "\n"); test.want == "" && all != "" || !strings.Contains(all, test.want) || got.Segments != test.segments {
				t.Errorf("got %d segments, %q; want %q", got.Segments, all, test.want)
			}
		})
	}
}

func TestIntake_AcceptMakesText(t *testing.T) {
	t.Parallel()
	i := newIntake(func(p *intake.Policy) {
		p.TextFunc = func(d *courier.Draft) (string, error) {
			if d.TemplateType == "broken" {
				return "", errors.New("there is no code")
			}
			return "made for " + d.TemplateType, nil
		}
	})
	for kind, want := range map[string]string{"login_code_valid": "made for login_code_valid", "": "given"} {
		draft := courier.Draft{To: "+12065550199", TemplateType: kind}
		if kind == "" {
			draft.Body = "given"
		}
		if got, err := i.Accept(draft); err != nil || got.Body != want || got.Segments != 1 {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	_, err := i.Accept(courier.Draft{To: "+12065550199", TemplateType: "broken"})
	wantFault(t, err, courier.CodeInvalidRequest, "template_data", "there is no code")
}
