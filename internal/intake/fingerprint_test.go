package intake_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"courier"
	"courier/internal/intake"
)

func fingerprint(t *testing.T, in *intake.Intake, change func(*courier.Draft)) [32]byte {
	t.Helper()
	draft := courier.Draft{
		To: "+12065550199", Body: "Hi", IdempotencyKey: "k", TemplateData: json.RawMessage(`{"a":1,"b":[true,"x"]}`),
		Lifetime: courier.Lifetime{TTL: "5m"},
	}
	change(&draft)
	m, err := in.Accept(draft)
	if err != nil {
		t.Fatal(err)
	}
	return m.Fingerprint
}

func TestIntake_AcceptFingerprintOfTheSame(t *testing.T) {
	t.Parallel()
	want := fingerprint(t, newIntake(nil), func(*courier.Draft) {})
	if want == ([32]byte{}) {
		t.Fatal("no fingerprint")
	}
	later := intake.New(intake.Options{NowFunc: func() time.Time { return clock().Add(time.Hour) }, Policy: intake.Policy{
		Channels: []intake.Channel{{ID: "sms", Gateway: "other", From: "Other"}},
	}})
	if fingerprint(t, later, func(*courier.Draft) {}) != want {
		t.Error("another clock, gateway or default sender makes another fingerprint")
	}
	for name, change := range map[string]func(*courier.Draft){
		"Spelling":    func(d *courier.Draft) { d.To = "+1 (206) 555-0199" },
		"Channel":     func(d *courier.Draft) { d.Channel = "sms" },
		"Order":       func(d *courier.Draft) { d.TemplateData = json.RawMessage(` { "b":[true, "x"],"a" :1} `) },
		"TTL":         func(d *courier.Draft) { d.TTL = "300s" },
		"Null":        func(d *courier.Draft) { d.Metadata = json.RawMessage("null") },
		"OtherKey":    func(d *courier.Draft) { d.IdempotencyKey = "l" },
		"TraceParent": func(d *courier.Draft) { d.TraceParent = "t" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if fingerprint(t, newIntake(nil), change) != want {
				t.Error("the fingerprint differs")
			}
		})
	}
}

func TestIntake_AcceptFingerprintOfAnother(t *testing.T) {
	t.Parallel()
	seen := map[[32]byte]string{fingerprint(t, newIntake(nil), func(*courier.Draft) {}): "the first"}
	changes := map[string]func(*courier.Draft){
		"To":             func(d *courier.Draft) { d.To = "+12065550198" },
		"Body":           func(d *courier.Draft) { d.Body = "Hi!" },
		"From":           func(d *courier.Draft) { d.From = "Shop" },
		"Subject":        func(d *courier.Draft) { d.Subject = "Hi" },
		"TemplateType":   func(d *courier.Draft) { d.TemplateType = "Hi" },
		"TemplateData":   func(d *courier.Draft) { d.TemplateData = json.RawMessage(`{"a":1.0,"b":[true,"x"]}`) },
		"RequestHeaders": func(d *courier.Draft) { d.RequestHeaders = json.RawMessage(`{}`) },
		"Metadata":       func(d *courier.Draft) { d.Metadata = json.RawMessage(`{}`) },
		"SendAt":         func(d *courier.Draft) { d.SendAt = "2026-05-06T09:00:00Z" },
		"ExpiresAt":      func(d *courier.Draft) { d.ExpiresAt, d.TTL = "2026-05-06T09:00:00Z", "" },
		"TTL":            func(d *courier.Draft) { d.TTL = "6m" },
		"Gateway":        func(d *courier.Draft) { d.Gateway = "b" },
		"Lane":           func(d *courier.Draft) { d.Lane = courier.LaneBulk },
		"SupersedeKey":   func(d *courier.Draft) { d.SupersedeKey = new("") },
		"CallbackURL":    func(d *courier.Draft) { d.CallbackURL = "https://example.com/b" },
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[courier.Draft]()) {
		// There is one channel, and the others say who asks and not for what.
		others := []string{"Channel", "Caller", "IdempotencyKey", "TraceParent", "Lifetime", "IsCode"}
		if changes[field.Name] == nil && !slices.Contains(others, field.Name) {
			t.Errorf("no change of %s is tried: another value of it is another message", field.Name)
		}
	}
	for name, change := range changes {
		digest := fingerprint(t, newIntake(nil), change)
		if other, ok := seen[digest]; ok {
			t.Errorf("%s has the fingerprint of %s", name, other)
		}
		seen[digest] = name
	}
}

func TestIntake_AcceptNoFingerprintWithoutKey(t *testing.T) {
	t.Parallel()
	if fingerprint(t, newIntake(nil), func(d *courier.Draft) { d.IdempotencyKey = "" }) != ([32]byte{}) {
		t.Error("a message without a key has a fingerprint")
	}
}
