package intake_test

import (
	"strings"
	"testing"
	"time"

	"courier"
	"courier/internal/intake"
)

func TestIntake_AcceptLane(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		draft courier.Draft
		want  courier.Lane
	}{
		"Nothing":       {courier.Draft{}, courier.LaneNormal},
		"CodeType":      {courier.Draft{TemplateType: "recovery_code_valid"}, courier.LaneOTP},
		"OldCodeType":   {courier.Draft{TemplateType: "otp"}, courier.LaneOTP},
		"OtherType":     {courier.Draft{TemplateType: "order_shipped"}, courier.LaneNormal},
		"Hook":          {courier.Draft{IsCode: true}, courier.LaneOTP},
		"AskedFor":      {courier.Draft{Lane: courier.LaneBulk}, courier.LaneBulk},
		"AskedForACode": {courier.Draft{Lane: courier.LaneNormal, TemplateType: "login_code_valid"}, courier.LaneNormal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.draft.To, test.draft.Body = "+12065550199", "Hi"
			if got, err := newIntake(nil).Accept(test.draft); err != nil || got.Lane != test.want {
				t.Errorf("got %+v, %v; want %s", got, err, test.want)
			}
		})
	}
	_, err := newIntake(nil).Accept(courier.Draft{To: "+12065550199", Body: "Hi", Lane: "fast"})
	wantFault(t, err, courier.CodeInvalidRequest, "lane", "give otp, normal or bulk")
}

// TestIntake_AcceptLaneOfRoute asks the routes where neither the caller nor the kind says it.
func TestIntake_AcceptLaneOfRoute(t *testing.T) {
	t.Parallel()
	in := newIntake(func(p *intake.Policy) {
		p.LaneFunc = func(m *courier.Message) courier.Lane {
			if m.Country == "US" {
				return courier.LaneBulk
			}
			return ""
		}
	})
	for _, test := range []struct {
		draft courier.Draft
		want  courier.Lane
	}{
		{courier.Draft{To: "+12065550199"}, courier.LaneBulk},
		{courier.Draft{To: "+4915112345678"}, courier.LaneNormal},
		{courier.Draft{To: "+12065550199", Lane: courier.LaneNormal}, courier.LaneNormal},
		{courier.Draft{To: "+12065550199", TemplateType: "login_code_valid"}, courier.LaneOTP},
	} {
		test.draft.Body = "Hi"
		if got, err := in.Accept(test.draft); err != nil || got.Lane != test.want {
			t.Errorf("%+v: got %+v, %v; want %s", test.draft, got, err, test.want)
		}
	}
}

// TestIntake_AcceptLifeOfACode has codes end by themselves, unless the caller says when.
func TestIntake_AcceptLifeOfACode(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edit func(d *courier.Draft)
		want time.Duration
	}{
		"Nothing":  {func(*courier.Draft) {}, 5 * time.Minute},
		"Kratos":   {func(d *courier.Draft) { d.TemplateData = []byte(`{"expires_in_minutes":15}`) }, 15 * time.Minute},
		"Fraction": {func(d *courier.Draft) { d.TemplateData = []byte(`{"expires_in_minutes":0.5}`) }, 30 * time.Second},
		"None":     {func(d *courier.Draft) { d.TemplateData = []byte(`{"expires_in_minutes":0}`) }, 5 * time.Minute},
		"NoNumber": {func(d *courier.Draft) { d.TemplateData = []byte(`{"expires_in_minutes":"soon"}`) }, 5 * time.Minute},
		"ForEver":  {func(d *courier.Draft) { d.TemplateData = []byte(`{"expires_in_minutes":1e300}`) }, 31 * 24 * time.Hour},
		"TTL": {func(d *courier.Draft) {
			d.TTL, d.TemplateData = "1h", []byte(`{"expires_in_minutes":15}`)
		}, time.Hour},
		"Short": {func(d *courier.Draft) { d.TTL = "19s" }, 19 * time.Second},
		"Later": {func(d *courier.Draft) { d.SendAt = now().Add(time.Hour).Format(time.RFC3339Nano) }, time.Hour + 5*time.Minute},
		"Bulk":  {func(d *courier.Draft) { d.Lane = courier.LaneBulk }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			draft := courier.Draft{To: "+12065550199", Body: "Hi", TemplateType: "login_code_valid"}
			test.edit(&draft)
			want := now().Add(test.want)
			if test.want == 0 {
				want = time.Time{}
			}
			got, err := newIntake(nil).Accept(draft)
			if err != nil || !got.ExpiresAt.Equal(want) {
				t.Fatalf("got %+v, %v; want it to expire at %v", got, err, want)
			}
			if warned := strings.Contains(strings.Join(got.Warnings, "\n"), "this one never is"); warned != (name == "Short") {
				t.Errorf("the warnings are %q", got.Warnings)
			}
		})
	}
}

func TestIntake_AcceptSupersedeKey(t *testing.T) {
	t.Parallel()
	keyOf := func(change func(d *courier.Draft)) string {
		draft := courier.Draft{To: "+12065550199", Body: "Hi", TemplateType: "login_code_valid"}
		change(&draft)
		m, err := newIntake(nil).Accept(draft)
		if err != nil {
			t.Fatal(err)
		}
		return m.SupersedeKey
	}
	first := keyOf(func(*courier.Draft) {})
	for name, change := range map[string]func(d *courier.Draft){
		"Body":    func(d *courier.Draft) { d.Body = "Ho" },
		"Spelled": func(d *courier.Draft) { d.To = "+1 206 555 0199" },
		"Lane":    func(d *courier.Draft) { d.Lane = courier.LaneNormal },
	} {
		if got := keyOf(change); got != first || first == "" {
			t.Errorf("%s: key %q, want %q as without the change", name, got, first)
		}
	}
	for name, change := range map[string]func(d *courier.Draft){
		"To":   func(d *courier.Draft) { d.To = "+12065550198" },
		"Type": func(d *courier.Draft) { d.TemplateType = "recovery_code_valid" },
		"Hook": func(d *courier.Draft) { d.TemplateType, d.IsCode = "", true },
	} {
		if got := keyOf(change); got == first || got == "" {
			t.Errorf("%s: key %q, want another", name, got)
		}
	}
	for want, change := range map[string]func(d *courier.Draft){
		"":     func(d *courier.Draft) { d.SupersedeKey = new("") },
		"mine": func(d *courier.Draft) { d.SupersedeKey = new("mine") },
	} {
		if got := keyOf(change); got != want {
			t.Errorf("key %q, want %q", got, want)
		}
	}
	if got := keyOf(func(d *courier.Draft) { d.TemplateType, d.Lane = "", courier.LaneOTP }); got != "" {
		t.Errorf("a message that is no code has the key %q", got)
	}
	_, err := newIntake(nil).Accept(courier.Draft{To: "+12065550199", Body: "Hi", SupersedeKey: new("a b")})
	wantFault(t, err, courier.CodeInvalidRequest, "supersede_key", "no spaces")
	_, err = newIntake(nil).Accept(courier.Draft{To: "+12065550199", Body: "Hi", SupersedeKey: new("~a")})
	wantFault(t, err, courier.CodeInvalidRequest, "supersede_key", "begins with ~")
}
