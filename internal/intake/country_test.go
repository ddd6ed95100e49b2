package intake_test

import (
	"testing"

	"courier"
	"courier/internal/intake"
)

func TestIntake_AcceptCountry(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		to, want   string
		unverified bool
	}{
		{"+12065550199", "US", false},
		{"+14165550123", "CA", false},
		{"+1 000 555 0199", "US", false}, // of no area that there is
		{"+447700900123", "GB", false},
		{"+4915123456789", "DE", false},
		{"+77011234567", "KZ", false},
		{"+870773111632", "", false}, // Inmarsat
		{"+4915123456789", "DE", true},
		{"alice", "", true},
	} {
		in := newIntake(func(p *intake.Policy) { p.SkipValidation, p.AllowKinds = test.unverified, intake.Kinds() })
		m, err := in.Accept(courier.Draft{To: test.to, Body: "x"})
		if err != nil || m.Country != test.want {
			t.Errorf("%s: %+v, %v, want the country %q", test.to, m, err, test.want)
		}
	}
}

func BenchmarkIntake_Accept(b *testing.B) {
	in := newIntake(nil)
	for _, to := range []string{"+12065550199", "+4915123456789"} {
		b.Run(to[:3], func(b *testing.B) {
			for b.Loop() {
				if _, err := in.Accept(courier.Draft{To: to, Body: "Your code is 123456"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
