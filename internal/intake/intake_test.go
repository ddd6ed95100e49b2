package intake_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/internal/intake"
)

func clock() time.Time { return time.Date(2026, 5, 6, 7, 8, 9, 123456789, time.FixedZone("", 3600)) }

// now is the clock as messages show it.
func now() time.Time { return time.Date(2026, 5, 6, 6, 8, 9, 123456000, time.UTC) }

func policy() intake.Policy {
	return intake.Policy{
		Channels: []intake.Channel{{ID: "sms", Gateway: "main", From: "Ory Kratos"}},
		Gateways: []string{"main", "b"}, Callbacks: true,
	}
}

func newIntake(change func(*intake.Policy)) *intake.Intake {
	options := intake.Options{Policy: policy(), NowFunc: clock}
	if change != nil {
		change(&options.Policy)
	}
	return intake.New(options)
}

func wantFault(t *testing.T, err error, code courier.ErrorCode, field, text string) {
	t.Helper()
	fault, ok := errors.AsType[*courier.Error](err)
	if !ok {
		t.Fatalf("got %v, want a %s", err, code)
	}
	if fault.Code != code || fault.Field != field || !strings.Contains(fault.Message, text) {
		t.Errorf("got %s of %q: %s\nwant %s of %q: …%s…", fault.Code, fault.Field, fault.Message, code, field, text)
	}
}

func TestIntake_Accept(t *testing.T) {
	t.Parallel()
	got, err := newIntake(nil).Accept(courier.Draft{
		To: "+1 206 555 0199", Body: "Hi", Subject: "s", TemplateType: "login_code_valid",
		TemplateData: json.RawMessage(`{"code":"1"}`), RequestHeaders: json.RawMessage(`{"A":"b","C":["d"]}`),
		Metadata: json.RawMessage(` null `), TraceParent: "00-a-b-01",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &courier.Message{
		ID: got.ID, Status: courier.StatusQueued, Channel: "sms", Gateway: "main",
		To: "+12065550199", Country: "US", From: "Ory Kratos", Body: "Hi", Subject: "s", TemplateType: "login_code_valid",
		TemplateData: json.RawMessage(`{"code":"1"}`), RequestHeaders: json.RawMessage(`{"A":["b"],"C":["d"]}`),
		Encoding: courier.EncodingGSM7, Segments: 1,
		CreatedAt: now(), UpdatedAt: now(), NextAttemptAt: now(), TraceParent: "00-a-b-01",
		Lane: courier.LaneOTP, SupersedeKey: got.SupersedeKey, ExpiresAt: now().Add(5 * time.Minute),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestIntake_AcceptMakesIDs(t *testing.T) {
	t.Parallel()
	in := intake.New(intake.Options{Policy: policy()})
	first, err := in.Accept(courier.Draft{To: "+12065550199", Body: "a"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := in.Accept(courier.Draft{To: "+12065550199", Body: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if first.ID.String() >= second.ID.String() {
		t.Errorf("id %s does not sort before %s", first.ID, second.ID)
	}
	if first.ID.String()[14] != '7' {
		t.Errorf("id %s is not a UUID version 7", first.ID)
	}
	if time.Since(first.CreatedAt) > time.Minute {
		t.Errorf("created at %v", first.CreatedAt)
	}
}

// A listing finds the messages of a time by their ids, so an id begins with the
// time by the clock of the store, and those of one moment are in order.
func TestIntake_AcceptMakesIDsOfTheTime(t *testing.T) {
	t.Parallel()
	at := now()
	in := intake.New(intake.Options{Policy: policy(), NowFunc: func() time.Time { return at }})
	made := func() courier.ID {
		m, err := in.Accept(courier.Draft{To: "+12065550199", Body: "a"})
		if err != nil {
			t.Fatal(err)
		}
		return m.ID
	}
	millis := func(id courier.ID) int64 { return int64(binary.BigEndian.Uint64(id[:8]) >> 16) }
	last := made()
	for _, step := range []time.Duration{0, 0, time.Microsecond, time.Millisecond, -10 * time.Millisecond, time.Hour, -500 * time.Millisecond} {
		at = at.Add(step)
		id := made()
		if id.String() <= last.String() || id[6]>>4 != 7 || id[8]>>6 != 2 {
			t.Errorf("after %s: %s follows %s", step, id, last)
		}
		if ahead := millis(id) - at.UnixMilli(); ahead < 0 || ahead > 1000 {
			t.Errorf("after %s: the id is %d ms ahead", step, ahead)
		}
		last = id
	}
	at = at.Add(-time.Hour)
	if id := made(); millis(id) != at.UnixMilli() {
		t.Errorf("after the clock was set back: %d ms, want %d", millis(id), at.UnixMilli())
	}
}

func TestIntake_AcceptGatewayAndCallback(t *testing.T) {
	t.Parallel()
	const callback = "https://example.com:8443/status?shop=7"
	draft := courier.Draft{To: "+12065550199", Body: "a", Gateway: "b", CallbackURL: callback}
	m, err := newIntake(nil).Accept(draft)
	if err != nil || m.Gateway != "b" || !m.OnlyGateway || m.CallbackURL != callback {
		t.Errorf("got %+v, %v", m, err)
	}
	_, err = newIntake(func(p *intake.Policy) { p.Callbacks = false }).Accept(draft)
	wantFault(t, err, courier.CodeInvalidRequest, "callback_url", "set callbacks.secret")
}

func TestIntake_AcceptKeepsCaller(t *testing.T) {
	t.Parallel()
	m, err := newIntake(nil).Accept(courier.Draft{To: "+12065550199", Body: "a", Caller: "shop", IdempotencyKey: "k"})
	if err != nil || m.Caller != "shop" {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestIntake_AcceptRefuses(t *testing.T) {
	t.Parallel()
	const invalid = courier.CodeInvalidRequest
	for _, test := range []struct {
		name   string
		change func(*courier.Draft)
		code   courier.ErrorCode
		field  string
		text   string
	}{
		{"BadRecipient", func(d *courier.Draft) { d.To = "1" }, courier.CodeInvalidRecipient, "to", ""},
		{"UnknownChannel", func(d *courier.Draft) { d.Channel = "email" }, courier.CodeUnknownChannel, "channel", "use sms"},
		{"BadSender", func(d *courier.Draft) { d.From = "way too long a name" }, courier.CodeInvalidSender, "from", "11 characters"},
		{"NoBody", func(d *courier.Draft) { d.Body = "" }, invalid, "body", "template_data"},
		{"BodyNUL", func(d *courier.Draft) { d.Body = "a\x00" }, invalid, "body", "NUL"},
		{"BodyUTF8", func(d *courier.Draft) { d.Body = "a\xff" }, invalid, "body", "UTF-8"},
		{"BodyTooLong", func(d *courier.Draft) { d.Body = strings.Repeat("a", 1<<20) }, invalid, "body", "longer than"},
		{"SubjectNUL", func(d *courier.Draft) { d.Subject = "\x00" }, invalid, "subject", "NUL"},
		{"SubjectTooLong", func(d *courier.Draft) { d.Subject = strings.Repeat("a", 5<<10) }, invalid, "subject", "longer than"},
		{"TemplateTypeTooLong", func(d *courier.Draft) { d.TemplateType = strings.Repeat("a", 129) }, invalid, "template_type", "longer than"},
		{"KeyTooLong", func(d *courier.Draft) { d.IdempotencyKey = strings.Repeat("a", 256) }, invalid, "idempotency_key", "255"},
		{"KeySpace", func(d *courier.Draft) { d.IdempotencyKey = "a b" }, invalid, "idempotency_key", "visible"},
		{"DataArray", func(d *courier.Draft) { d.TemplateData = json.RawMessage(`[1]`) }, invalid, "template_data", "not a JSON object"},
		{"DataInvalid", func(d *courier.Draft) { d.TemplateData = json.RawMessage(`{"a"}`) }, invalid, "template_data", "not valid JSON"},
		{"DataTooDeep", func(d *courier.Draft) { d.TemplateData = nested(65) }, invalid, "template_data", "nested deeper"},
		{"MetadataTooLong", func(d *courier.Draft) { d.Metadata = long(65 << 10) }, invalid, "metadata", "longer than"},
		{"MetadataNumber", func(d *courier.Draft) { d.Metadata = json.RawMessage(`7`) }, invalid, "metadata", "not a JSON object"},
		{"HeadersNumber", func(d *courier.Draft) { d.RequestHeaders = json.RawMessage(`{"A":7}`) }, invalid, "request_headers", "list of strings"},
		{"HeadersMixed", func(d *courier.Draft) { d.RequestHeaders = json.RawMessage(`{"A":["a",1]}`) }, invalid, "request_headers", "list of strings"},
		{"UnknownGateway", func(d *courier.Draft) { d.Gateway = "mian" }, invalid, "gateway", "main is the nearest"},
		{"OtherGateway", func(d *courier.Draft) { d.Gateway = "zzzzzz" }, invalid, "gateway", "there are main, b"},
		{"CallbackRelative", func(d *courier.Draft) { d.CallbackURL = "/status" }, invalid, "callback_url", "absolute"},
		{"CallbackScheme", func(d *courier.Draft) { d.CallbackURL = "file:///etc/passwd" }, invalid, "callback_url", "absolute"},
		{"CallbackHost", func(d *courier.Draft) { d.CallbackURL = "https://:80/a" }, invalid, "callback_url", "absolute"},
		{"CallbackText", func(d *courier.Draft) { d.CallbackURL = "https://a b/" }, invalid, "callback_url", "absolute"},
		{"CallbackUser", func(d *courier.Draft) { d.CallbackURL = "https://u:p@example.com/" }, invalid, "callback_url", "password"},
		{"CallbackFragment", func(d *courier.Draft) { d.CallbackURL = "https://example.com/#a" }, invalid, "callback_url", "fragment"},
		{"CallbackTooLong", func(d *courier.Draft) { d.CallbackURL = "https://example.com/" + strings.Repeat("a", 2048) }, invalid, "callback_url", "2048"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			draft := courier.Draft{To: "+12065550199", Body: "Hi"}
			test.change(&draft)
			_, err := newIntake(nil).Accept(draft)
			wantFault(t, err, test.code, test.field, test.text)
		})
	}
}

func nested(depth int) json.RawMessage {
	return json.RawMessage(strings.Repeat(`{"[{\"":`, depth) + "1" + strings.Repeat("}", depth))
}

func long(size int) json.RawMessage {
	return json.RawMessage(`{"a":"` + strings.Repeat("a", size) + `"}`)
}

func TestIntake_AcceptTakesTheLimits(t *testing.T) {
	t.Parallel()
	for name, draft := range map[string]courier.Draft{
		"Depth":        {To: "+12065550199", Body: "a", TemplateData: nested(64)},
		"OnlyData":     {To: "+12065550199", TemplateData: json.RawMessage(`{}`)},
		"OnlyTemplate": {To: "+12065550199", TemplateType: "stub"},
		"Controls":     {To: "+12065550199", Body: "bell \a, tab \t, two lines\r\n"},
		"Key":          {To: "+12065550199", Body: "a", IdempotencyKey: strings.Repeat("~", 255)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := newIntake(nil).Accept(draft); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIntake_AcceptSender(t *testing.T) {
	t.Parallel()
	in := newIntake(func(p *intake.Policy) { p.Channels[0].From = "a sender that no rule would take" })
	m, err := in.Accept(courier.Draft{To: "+12065550199", Body: "a"})
	if err != nil || m.From != "a sender that no rule would take" {
		t.Errorf("configured sender: %+v, %v", m, err)
	}
	for from, good := range map[string]bool{
		"+12065550110": true, "12065550110": true, "123": true, "12345678": true, "Ory Kratos": true, "A": true,
		"Shop-24.de": true, "12345678901234567": false, "12": false, "+12": false, "+02065550110": false, "Twelve chars": false,
		" Shop": false, "Shop ": false, "Sh\x00op": false, "Sh\nop": false, "Müller": false, "...": false, "+1 206 555": false,
	} {
		_, err := in.Accept(courier.Draft{To: "+12065550199", Body: "a", From: from})
		if (err == nil) != good {
			t.Errorf("sender %q: %v", from, err)
		}
		if err != nil {
			wantFault(t, err, courier.CodeInvalidSender, "from", "short code")
		}
	}
}

func TestIntake_AcceptSegments(t *testing.T) {
	t.Parallel()
	in := newIntake(func(p *intake.Policy) { p.MaxSegments = 2 })
	for _, test := range []struct {
		body     string
		encoding courier.Encoding
		segments int
	}{
		{strings.Repeat("a", 160), courier.EncodingGSM7, 1},
		{strings.Repeat("a", 306), courier.EncodingGSM7, 2},
		{strings.Repeat("ж", 134), courier.EncodingUCS2, 2},
	} {
		m, err := in.Accept(courier.Draft{To: "+12065550199", Body: test.body})
		if err != nil || m.Segments != test.segments || m.Encoding != test.encoding {
			t.Errorf("%d bytes: %+v, %v", len(test.body), m, err)
		}
	}
	_, err := in.Accept(courier.Draft{To: "+12065550199", Body: strings.Repeat("a", 307)})
	wantFault(t, err, courier.CodeMessageTooLong, "body", "takes 3 segments in the GSM 7 bit alphabet")
	_, err = in.Accept(courier.Draft{To: "+12065550199", Body: strings.Repeat("ж", 135)})
	wantFault(t, err, courier.CodeMessageTooLong, "body", "takes 3 segments in UCS-2")
}

func TestPolicy_Check(t *testing.T) {
	t.Parallel()
	for region, good := range map[string]bool{"": true, "US": true, "gb": true, "XX": false, "ZZ": false, "USA": false} {
		err := intake.Policy{DefaultRegion: region}.Check()
		if (err == nil) != good {
			t.Errorf("%q: %v", region, err)
		}
		if err != nil && !strings.Contains(err.Error(), "recipients.default_region") {
			t.Errorf("error does not name the setting: %v", err)
		}
	}
}

func TestIntake_SetPolicy(t *testing.T) {
	t.Parallel()
	in := newIntake(nil)
	in.SetPolicy(intake.Policy{})
	_, err := in.Accept(courier.Draft{To: "+12065550199", Body: "a"})
	wantFault(t, err, courier.CodeSMSDisabled, "channel", "courier.sms.enabled")
	_, err = in.Gateway("voice")
	wantFault(t, err, courier.CodeUnknownChannel, "channel", "none is configured")
	in.SetPolicy(intake.Policy{Channels: []intake.Channel{{ID: "sms", Gateway: "other"}}})
	if gateway, err := in.Gateway(""); err != nil || gateway != "other" {
		t.Errorf("gateway is %q, %v", gateway, err)
	}
}
