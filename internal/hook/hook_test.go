package hook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/hook"
	"courier/internal/intake"
	"courier/internal/signature"
	"courier/internal/store"
	"courier/internal/store/memory"
	"courier/internal/text"
)

const (
	keyText = "0123456789abcdef0123456789abcdef"
	secret  = "s3cr3t-of-the-hook"
)

// messages is a courier as hooks see it, over the store in memory.
type messages struct {
	*memory.Store
	*intake.Intake
	mu  sync.Mutex
	err error
	// meet, unless nil, is where each call waits for another.
	meet chan struct{}
	// storedFunc, where there is one, is called when messages are stored, and answers.
	storedFunc func(ctx context.Context) error
}

func newMessages(region string) *messages {
	return &messages{Store: memory.New(memory.Options{}), Intake: intake.New(intake.Options{Policy: intake.Policy{
		Channels: []intake.Channel{{ID: "sms", Gateway: "main", From: "Shop"}}, DefaultRegion: region, MaxSegments: 4,
	}})}
}

func (m *messages) Enqueue(ctx context.Context, list []*courier.Message) ([]store.Enqueued, error) {
	if m.meet != nil {
		select {
		case m.meet <- struct{}{}:
		case <-m.meet:
		case <-time.After(2 * time.Second):
			return nil, errors.New("no other call came")
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	stored, err := m.Store.Enqueue(ctx, list)
	if err == nil && m.storedFunc != nil {
		err = m.storedFunc(ctx)
	}
	return stored, err
}

func (m *messages) Reject(ctx context.Context, message *courier.Message, reason *courier.Attempt) (store.Enqueued, error) {
	message.ID, message.Status, message.Gateway = courier.ID{0: 9, 6: 0x70, 8: 0x80}, courier.StatusProcessing, "main"
	message.NextAttemptAt = message.CreatedAt
	message.Lease = courier.Lease{Node: "node", Token: 1, Until: message.CreatedAt.Add(time.Minute)}
	stored, err := m.Store.Enqueue(ctx, []*courier.Message{message})
	if err != nil {
		return store.Enqueued{}, err
	}
	_, err = m.Settle(ctx, []store.Settlement{{ID: message.ID, Token: 1, Status: courier.StatusRejected, Attempt: reason, At: message.CreatedAt}})
	return stored[0], err
}

// all returns every message.
func (m *messages) all(t *testing.T) []*courier.Message {
	t.Helper()
	page, err := m.Messages(t.Context(), store.Query{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return page.Messages
}

type texts struct{ *text.Texts }

func (t texts) Render(kind, locale, to, domain string, data json.RawMessage) (string, error) {
	return t.Texts.Render(text.Request{Type: kind, Locale: locale, To: to, Domain: domain, Data: data})
}

func newHook(t *testing.T, m *messages, options hook.Options) *hook.Hook {
	t.Helper()
	made, err := text.New([]text.Source{
		{Type: text.LoginCode, Locale: "de", Name: "de", Text: []byte("Code {{.Code}}")},
		{Type: text.LoginCode, Locale: "fr", Name: "fr", Text: []byte("{{.Identity.traits.name}}, {{.Code}} {{.TransientPayload.shop}}")},
	})
	if err != nil {
		t.Fatal(err)
	}
	options.Messages, options.Texts = m, texts{made}
	if options.ID == "" {
		options.ID = options.Type
	}
	if options.Secrets == nil {
		options.Secrets = []string{secret}
		if options.Type == "supabase" {
			options.Secrets = []string{"v1,whsec_" + base64.StdEncoding.EncodeToString([]byte(keyText))}
		}
	}
	h, err := hook.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// callOf is a call as the system of a type makes it, at a time.
func callOf(kind, body string, at time.Time) *signature.Request {
	header := http.Header{"Content-Type": {"application/json"}}
	switch kind {
	case "supabase":
		header.Set("Webhook-Id", fmt.Sprint("msg_", at.UnixNano()))
		header.Set("Webhook-Timestamp", fmt.Sprint(at.Unix()))
		sum := mac(keyText, header.Get("Webhook-Id")+"."+header.Get("Webhook-Timestamp")+"."+body)
		header.Set("Webhook-Signature", "v1,AAAA, v1,"+base64.StdEncoding.EncodeToString(sum))
	case "zitadel":
		header.Set("Zitadel-Signature", fmt.Sprintf("t=%d,v1=00,v1=%s", at.Unix(), hex.EncodeToString(mac(secret, fmt.Sprint(at.Unix())+"."+body))))
	case "logto":
		header.Set("Authorization", secret)
	case "authentik", "fusionauth":
		(&http.Request{Header: header}).SetBasicAuth("courier", secret)
	case "kratos":
		header.Set("X-Courier", secret)
	default:
		header.Set("Authorization", "Bearer "+secret)
	}
	return &signature.Request{Method: http.MethodPost, URL: "https://sms.example/hooks/" + kind, Header: header, Body: []byte(body)}
}

func mac(key, message string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(message))
	return h.Sum(nil)
}

const code = "482913"

// calls are a call of each type and what its message is.
func calls() map[string]struct{ body, to, text, kind, data string } {
	return map[string]struct{ body, to, text, kind, data string }{
		"supabase": {
			`{"metadata":{"uuid":"0b1c","name":"send-sms"},"user":{"id":"6f0e","phone":"12065550101","phone_confirmed_at":"2026-01-02T15:04:05Z","email":"a@example.test","user_metadata":{"name":"Ann"}},"sms":{"otp":"482913","phone":"12065550101"}}`,
			"+12065550101", "482913 is your login code. It expires in 1 minute. Do not share it with anybody.\n\n@shop.example #482913", "login_code_valid",
			`{"expires_in_minutes":1,"identity":{"id":"6f0e"},"login_code":"482913","request_url_domain":"shop.example","to":"+12065550101"}`,
		},
		"zitadel": {
			`{"contextInfo":{"eventType":"session.otp.sms.challenged","recipientPhoneNumber":"+12065550103"},"templateData":{"text":"Use 482913"},"args":{"code":"482913","oTP":"482913","expiry":300000000000,"displayName":"Ann"}}`,
			"+12065550103", "Use 482913", "login_code_valid", `{"expires_in_minutes":5,"login_code":"482913","request_url_domain":"shop.example","to":"+12065550103"}`,
		},
		"authentik": {
			`{"From":"+12065550110","To":"206 555 0105","Body":"482913","Message":"Use 482913"}`,
			"+12065550105", "Use 482913", "login_code_valid", `{"expires_in_minutes":5,"login_code":"482913","request_url_domain":"shop.example","to":"206 555 0105"}`,
		},
		"logto": {
			`{"to":"12065550107","type":"SignIn","payload":{"code":"482913","locale":"de-CH","user":{"name":"Ann"}},"ip":"192.0.2.9"}`,
			"+12065550107", "Code 482913", "login_code_valid", `{"expires_in_minutes":10,"login_code":"482913","request_url_domain":"shop.example","to":"+12065550107"}`,
		},
		"kratos": {
			`{"recipient":"+12065550108","to":"+12065550108","body":"Use 482913\n","template_type":"recovery_code_valid","template_data":{"verification_code":"482913","identity":{"id":"86a3","traits":{"email":"a@example.test"}},"request_url_domain":"127.0.0.1","transient_payload":{"lang":5}},"request_headers":{"Cookie":["x"]}}`,
			"+12065550108", "Use 482913\n", "recovery_code_valid", `{"expires_in_minutes":5,"identity":{"id":"86a3"},"request_url_domain":"127.0.0.1","to":"+12065550108","verification_code":"482913"}`,
		},
		"casdoor":    {`{"phoneNumber":"+12065550109","content":"Use 482913"}`, "+12065550109", "Use 482913", "", `{"expires_in_minutes":5,"request_url_domain":"shop.example","to":"+12065550109"}`},
		"fusionauth": {`{"phoneNumber":"+12065550110","textMessage":"Use 482913","type":"SMS"}`, "+12065550110", "Use 482913", "", `{"expires_in_minutes":5,"request_url_domain":"shop.example","to":"+12065550110"}`},
		"webhook":    {`{"to":"+12065550111","body":"Use 482913","template_data":{"a":1}}`, "+12065550111", "Use 482913", "", `{"a":1}`},
	}
}

// TestHook_Serve takes a call of every type, refuses it from a stranger and malformed,
// and takes repeats, in turn and at once, for one message.
func TestHook_Serve(t *testing.T) {
	t.Parallel()
	for kind, want := range calls() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := newMessages("US")
			h := newHook(t, m, hook.Options{Type: kind, Domain: "shop.example", User: "courier"})
			unsigned := callOf(kind, want.body, time.Now())
			unsigned.Header = http.Header{}
			for name, r := range map[string]*signature.Request{
				"unsigned": unsigned, "another secret": changed(callOf(kind, want.body, time.Now())),
			} {
				if got := h.Serve(t.Context(), r, false); got.Status != http.StatusUnauthorized || len(m.all(t)) != 0 {
					t.Errorf("%s: got %d %s", name, got.Status, got.Body)
				}
			}
			for _, body := range []string{"", "null", "[]", "{", `{"a":1}`, want.body[:len(want.body)-3], want.body + "x", want.body + "}", want.body + "]"} {
				if got := h.Serve(t.Context(), callOf(kind, body, time.Now()), false); got.Status != http.StatusBadRequest || got.Err == nil || len(m.all(t)) != 0 {
					t.Errorf("%q: got %d %s", body, got.Status, got.Body)
				}
			}
			again := func(body string) hook.Answer {
				r := callOf(kind, body, time.Now())
				if kind == "webhook" {
					r.Header.Set("Idempotency-Key", fmt.Sprint("key-", len(body)))
				}
				return h.Serve(t.Context(), r, false)
			}
			first := again(want.body)
			if first.Status != http.StatusOK || first.ContentType != "application/json" || !strings.HasSuffix(string(first.Body), `","status":"queued"}`) {
				t.Fatalf("got %d %s %s", first.Status, first.ContentType, first.Body)
			}
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					if got := again(want.body); !bytes.Equal(got.Body, first.Body) {
						t.Errorf("a repeat is answered %s, the first %s", got.Body, first.Body)
					}
				})
			}
			all.Wait()
			stored := m.all(t)
			if len(stored) != 1 {
				t.Fatalf("%d messages", len(stored))
			}
			got := stored[0]
			if got.To != want.to || got.Body != want.text || got.TemplateType != want.kind || string(got.TemplateData) != want.data {
				t.Errorf("got %s %q %s %s", got.To, got.Body, got.TemplateType, got.TemplateData)
			}
			if kept := got.Body + string(got.Metadata) + string(got.TemplateData); strings.Contains(kept, "Ann") || strings.Contains(kept, "example.test") {
				t.Errorf("it keeps of the user %s", kept)
			}
			if another := again(strings.ReplaceAll(strings.ReplaceAll(want.body, code, "1029384"), "0b1c", "0b1d")); another.Status != http.StatusOK || len(m.all(t)) != 2 {
				t.Errorf("a new code is answered %d %s, and there are %d messages", another.Status, another.Body, len(m.all(t)))
			}
		})
	}
}

// changed is a call that was changed after it was signed, or has another secret.
func changed(r *signature.Request) *signature.Request {
	r.Body = append(r.Body, ' ')
	for name, values := range r.Header {
		if strings.Contains(values[0], secret) {
			r.Header.Set(name, values[0]+"x")
		}
	}
	if user, _, ok := (&http.Request{Header: r.Header}).BasicAuth(); ok {
		(&http.Request{Header: r.Header}).SetBasicAuth(user, "wrong")
	}
	return r
}

// TestHook_Stale refuses what was signed too long ago, or ahead.
func TestHook_Stale(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"supabase", "zitadel"} {
		m := newMessages("")
		h := newHook(t, m, hook.Options{Type: kind})
		for off, want := range map[time.Duration]int{-10 * time.Minute: 401, 10 * time.Minute: 401, -4 * time.Minute: 200, 4 * time.Minute: 200} {
			if got := h.Serve(t.Context(), callOf(kind, calls()[kind].body, time.Now().Add(off)), false); got.Status != want {
				t.Errorf("%s, signed %s off: got %d", kind, off, got.Status)
			}
		}
	}
}

// TestHook_Vectors are those of shared test vectors of the two signatures.
func TestHook_Vectors(t *testing.T) {
	t.Parallel()
	at := time.Unix(1767366245, 0)
	for kind, test := range map[string]struct {
		secret string
		header http.Header
	}{
		"supabase": {"v1,whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", http.Header{
			"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {"1767366245"}, "Webhook-Signature": {"v1,sLO5z8yMzpPXN/XRqB0/zQJSCCIt+dDUFxhBcvlHOAY="},
		}},
		"zitadel": {"0123456789abcdef", http.Header{"Zitadel-Signature": {"t=1767366245,v1=80a74a9f22ea79844c3bd3624f9a5694497472b14ae0f067b274f3b80f79176e"}}},
	} {
		h := newHook(t, newMessages(""), hook.Options{Type: kind, Secrets: []string{test.secret}, NowFunc: func() time.Time { return at }})
		got := h.Serve(t.Context(), &signature.Request{Method: http.MethodPost, Header: test.header, Body: []byte("{}")}, false)
		if got.Status != http.StatusBadRequest { // authentic, and nothing in it
			t.Errorf("%s: got %d %s", kind, got.Status, got.Body)
		}
	}
}

// TestHook_Never answers what can never be sent as each system understands it.
func TestHook_Never(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]struct {
		status int
		body   string
		stored int
	}{
		"supabase": {200, `{"error":{"http_code":422,"message":"This phone number is not valid. Please check it and try again."}}`, 0},
		"zitadel":  {200, `"status":"rejected"}`, 1}, "kratos": {200, `"status":"rejected"}`, 1},
		"authentik": {422, "This phone number is not valid. Please check it and try again.", 0},
		"logto":     {422, "This phone number is not valid. Please check it and try again.", 0},
		"casdoor":   {422, "This phone number", 0}, "fusionauth": {422, "This phone number", 0}, "webhook": {422, "This phone number", 0},
	} {
		m := newMessages("US")
		h := newHook(t, m, hook.Options{Type: kind})
		body := strings.ReplaceAll(strings.ReplaceAll(calls()[kind].body, "206555", "2065"), "206 555", "2065")
		for range 2 {
			got := h.Serve(t.Context(), callOf(kind, body, time.Now()), false)
			if got.Status != want.status || !strings.HasSuffix(string(got.Body), want.body) && !strings.HasPrefix(string(got.Body), want.body) {
				t.Errorf("%s: got %d %s", kind, got.Status, got.Body)
			}
			stored := m.all(t)
			if len(stored) != want.stored || want.stored == 1 && (stored[0].Status != courier.StatusRejected || stored[0].LastError.Class != courier.ClassInvalidDestination) {
				t.Errorf("%s: stored %v", kind, stored)
			}
		}
	}
	// An older Supabase takes a success for one, whatever is in it.
	h := newHook(t, newMessages(""), hook.Options{Type: "supabase"})
	got := h.Serve(t.Context(), callOf("supabase", `{"user":{"id":"1","phone":"120655"},"sms":{"otp":"482913"}}`, time.Now()), false)
	if got.Status != http.StatusUnprocessableEntity {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
}

// TestHook_Types reads the type of message out of what a call says.
func TestHook_Types(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ kind, body, to, want string }{
		{"supabase", `{"user":{"phone":"12065550101","new_phone":"12065550102","phone_confirmed_at":"x"},"sms":{"otp":"1","phone":"12065550102"}}`, "+12065550102", "verification_code_valid"},
		{"supabase", `{"user":{"phone":"12065550101","new_phone":"+12065550101"},"sms":{"otp":"1","phone":"+12065550101"}}`, "+12065550101", "registration_code_valid"},
		{"supabase", `{"user":{"phone":"12065550101"},"sms":{"otp":"1","sms_type":"mfa"}}`, "+12065550101", "login_code_valid"},
		{"supabase", `{"user":{"phone":"","new_phone":"12065550102"},"sms":{"otp":"1"}}`, "+12065550102", "verification_code_valid"},
		{"zitadel", `{"contextInfo":{"eventType":"user.human.phone.code.added","recipientPhoneNumber":"+12065550103"},"args":{"oTP":"1"}}`, "+12065550103", "verification_code_valid"},
		{"zitadel", `{"contextInfo":{"eventType":"user.human.otp.sms.code.added","recipientPhoneNumber":"+12065550103"},"args":{"code":"1","expiry":0}}`, "+12065550103", "login_code_valid"},
		{"zitadel", `{"contextInfo":{"eventType":"user.human.password.code.added","recipientPhoneNumber":"+12065550103"},"args":{"code":"1"}}`, "+12065550103", "recovery_code_valid"},
		{"logto", `{"to":"12065550107","type":"Register","payload":{"code":"1"}}`, "+12065550107", "registration_code_valid"},
		{"logto", `{"to":"+12065550107","type":"ForgotPassword","payload":{"code":"1"}}`, "+12065550107", "recovery_code_valid"},
		{"logto", `{"to":"12065550107","type":"BindMfa","payload":{"code":"1"}}`, "+12065550107", "verification_code_valid"},
	} {
		m := newMessages("")
		got := newHook(t, m, hook.Options{Type: test.kind}).Serve(t.Context(), callOf(test.kind, test.body, time.Now()), false)
		stored := m.all(t)
		if got.Status != http.StatusOK || len(stored) != 1 || stored[0].To != test.to || stored[0].TemplateType != test.want {
			t.Errorf("%s: got %d %s, %+v", test.body, got.Status, got.Body, stored)
		}
	}
}

// TestHook_Texts makes the text in the language that a call asks for, with how long the code
// is good, and refuses no call for what only decorates it.
func TestHook_Texts(t *testing.T) {
	t.Parallel()
	const german, english = "Code 482913", "482913 is your login code. It expires in "
	kratos := func(data, headers string) string {
		return `{"recipient":"+12065550108","body":"x","template_type":"login_code_valid","template_data":{"login_code":"482913"` + data + `},"request_headers":` + headers + `}`
	}
	supabase := func(user string) string {
		return `{"user":{"phone":"12065550101","phone_confirmed_at":"x",` + user + `},"sms":{"otp":"482913"}}`
	}
	zitadel := func(args string) string {
		return `{"contextInfo":{"recipientPhoneNumber":"+12065550103"},"args":{"code":"482913"` + args + `}}`
	}
	for _, test := range []struct{ kind, body, want string }{
		{"kratos", kratos(`,"expires_in_minutes":60`, "null"), english + "60 minutes."},
		{"kratos", kratos(`,"expires_in_minutes":"soon","identity":"x","transient_payload":[]`, `{"Accept-Language":"de"}`), english + "5 minutes."},
		{"kratos", kratos(`,"transient_payload":{"lang":"de"}`, `{"Accept-Language":["en"]}`), german},
		{"kratos", kratos(`,"transient_payload":{"lang":"fr","shop":"B"},"identity":{"id":"1","traits":{"name":"Ann"}}`, "null"), "Ann, 482913 B"},
		{"kratos", kratos("", `{"accept-language":["en;q=0.1, *"]}`), english},
		{"kratos", kratos("", `{"Accept-Language":["en;q=0.1, de-AT ; q=0.9, fr;q=0"]}`), german},
		{"kratos", kratos("", `{"Accept-Language":["de, en"]}`), german},
		{"kratos", kratos("", `{"Accept-Language":["*"]}`), english},
		{"supabase", supabase(`"user_metadata":{"locale":"de_AT"}`), german},
		{"supabase", supabase(`"user_metadata":{"locale":7}`), english + "1 minute."},
		{"supabase", supabase(`"user_metadata":"de"`), english},
		{"zitadel", zitadel(`,"expiry":6e11`), english + "10 minutes."},
		{"zitadel", zitadel(`,"expiry":"soon"`), english + "5 minutes."},
		{"zitadel", zitadel(`,"expiry":1e30`), english + "1440 minutes."},
	} {
		m := newMessages("")
		got := newHook(t, m, hook.Options{Type: test.kind, Template: text.LoginCode}).Serve(t.Context(), callOf(test.kind, test.body, time.Now()), false)
		if stored := m.all(t); got.Status != http.StatusOK || !strings.HasPrefix(stored[0].Body, test.want) {
			t.Errorf("%s: got %d %s, %v", test.body, got.Status, got.Body, stored)
		} else if strings.Contains(string(stored[0].TemplateData), "Ann") {
			t.Errorf("%s is kept", stored[0].TemplateData)
		}
	}
}

// TestHook_Windows lets an equal call be a new message once its window is over, and
// Logto's test always.
func TestHook_Windows(t *testing.T) {
	t.Parallel()
	for kind, window := range map[string]time.Duration{"authentik": 30 * time.Second, "kratos": 15 * time.Minute, "zitadel": 15 * time.Minute, "supabase": 15 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			m := newMessages("US")
			h := newHook(t, m, hook.Options{Type: kind, User: "courier"})
			for _, step := range []struct {
				wait time.Duration
				want int
			}{{0, 1}, {window - time.Second, 1}, {2 * time.Second, 2}, {window / 2, 2}, {window, 3}} {
				<-time.After(step.wait)
				h.Serve(t.Context(), callOf(kind, calls()[kind].body, time.Now()), false)
				if got := len(m.all(t)); got != step.want {
					t.Errorf("%s: %d messages after %s, want %d", kind, got, step.wait, step.want)
				}
			}
		})
	}
	m := newMessages("")
	h := newHook(t, m, hook.Options{Type: "logto"})
	for range 2 {
		h.Serve(t.Context(), callOf("logto", strings.ReplaceAll(calls()["logto"].body, code, "000000"), time.Now()), false)
	}
	if got := len(m.all(t)); got != 2 {
		t.Errorf("%d messages of Logto's test", got)
	}
}

// TestHook_StoreAway waits for a store that comes back soon, and says so when it does not.
func TestHook_StoreAway(t *testing.T) {
	t.Parallel()
	for back, want := range map[time.Duration]int{time.Second: 200, 3 * time.Second: 503} {
		synctest.Test(t, func(t *testing.T) {
			m := newMessages("")
			m.err = errors.Join(store.ErrUnavailable)
			time.AfterFunc(back, func() { m.mu.Lock(); m.err = nil; m.mu.Unlock() })
			h := newHook(t, m, hook.Options{Type: "casdoor"})
			began := time.Now()
			got := h.Serve(t.Context(), callOf("casdoor", calls()["casdoor"].body, time.Now()), false)
			if took := time.Since(began); got.Status != want || took > 2500*time.Millisecond || (want == 503) != (got.RetryAfter == "1") {
				t.Errorf("got %d %q after %s", got.Status, got.RetryAfter, took)
			}
			<-time.After(back)
		})
	}
}

// TestHook_StoreHangs waits no longer for a store that does not answer, nor for an equal call
// that does.
func TestHook_StoreHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMessages("")
		m.storedFunc = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		h := newHook(t, m, hook.Options{Type: "webhook"})
		began := time.Now()
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				r := callOf("webhook", calls()["webhook"].body, time.Now())
				r.Header.Set("Idempotency-Key", "key")
				got := h.Serve(t.Context(), r, false)
				if took := time.Since(began); got.Status != 503 || took > 2500*time.Millisecond || got.RetryAfter != "1" {
					t.Errorf("got %d %q after %s", got.Status, got.RetryAfter, took)
				}
			})
		}
		both.Wait()
	})
}

// TestHook_CallerGone sends nothing for a caller that hung up, before its message is stored
// or while it is: its code is void.
func TestHook_CallerGone(t *testing.T) {
	t.Parallel()
	m := newMessages("")
	h := newHook(t, m, hook.Options{Type: "casdoor"})
	ctx, cancel := context.WithCancel(t.Context())
	m.storedFunc = func(context.Context) error { cancel(); return ctx.Err() }
	h.Serve(ctx, callOf("casdoor", calls()["casdoor"].body, time.Now()), false)
	if stored := m.all(t); len(stored) != 1 || stored[0].Status != courier.StatusCanceled {
		t.Errorf("stored %v", stored)
	}
	h.Serve(ctx, callOf("casdoor", strings.ReplaceAll(calls()["casdoor"].body, code, "1029384"), time.Now()), false)
	if stored := m.all(t); len(stored) != 1 {
		t.Errorf("stored %v", stored)
	}
}

// TestHook_Secret lets a secret in the address stand for a signature, rotates secrets,
// and reads a form.
func TestHook_Secret(t *testing.T) {
	t.Parallel()
	m := newMessages("")
	h := newHook(t, m, hook.Options{Type: "casdoor", Secrets: []string{"new", secret}})
	if !h.HasSecret("new") || !h.HasSecret(secret) || h.HasSecret("") || h.HasSecret("old") {
		t.Error("the secrets are not those of the hook")
	}
	form := &signature.Request{Method: http.MethodPost, Header: http.Header{}, Form: map[string][]string{"phoneNumber": {"+12065550109"}, "content": {"Use 1"}}}
	if got := h.Serve(t.Context(), form, true); got.Status != http.StatusOK {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	if got := h.Serve(t.Context(), callOf("casdoor", calls()["casdoor"].body, time.Now()), false); got.Status != http.StatusOK || len(m.all(t)) != 2 {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	// A plus that the caller did not encode arrives as a blank.
	form.Form, form.Body = map[string][]string{"phoneNumber": {" 12065550109"}, "content": {"Use 2"}}, []byte("2")
	if got := h.Serve(t.Context(), form, true); got.Status != http.StatusOK || m.all(t)[0].To != "+12065550109" {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
}

// TestHook_Webhook keeps what a caller says of the way of its message.
func TestHook_Webhook(t *testing.T) {
	t.Parallel()
	m := newMessages("")
	m.SetPolicy(intake.Policy{
		Channels: []intake.Channel{{ID: "sms", Gateway: "main"}}, Gateways: []string{"main", "second"}, Callbacks: true, MaxSegments: 4,
	})
	h := newHook(t, m, hook.Options{Type: "webhook"})
	body := `{"to":"+12065550109","body":"Hi","gateway":"second","callback_url":"https://shop.example/done"}`
	if got := h.Serve(t.Context(), callOf("webhook", body, time.Now()), false); got.Status != http.StatusOK {
		t.Fatalf("got %d %s", got.Status, got.Body)
	}
	if got := m.all(t)[0]; got.Gateway != "second" || !got.OnlyGateway || got.CallbackURL != "https://shop.example/done" {
		t.Errorf("got %+v", got)
	}
	body = `{"recipient":"+12065550109","body":"Hi","type":2,"request_headers":{"Accept-Language":"de"}}`
	if got := h.Serve(t.Context(), callOf("webhook", body, time.Now()), false); got.Status != http.StatusOK || string(m.all(t)[0].RequestHeaders) != `{"Accept-Language":["de"]}` {
		t.Errorf("got %d %s, %+v", got.Status, got.Body, m.all(t)[0])
	}
	for _, wrong := range []string{`"tlt":"5m"`, `"type":"email"`, `"recipient":"+12065550108"`, `"body":7`} {
		body := `{"to":"+12065550109","body":"Hi",` + wrong + `}`
		if got := h.Serve(t.Context(), callOf("webhook", body, time.Now()), false); got.Status != http.StatusBadRequest || len(m.all(t)) != 2 {
			t.Errorf("%s: got %d %s", body, got.Status, got.Body)
		}
	}
}

// TestHook_WithoutKeys stores calls side by side that are no repeats of each other.
func TestHook_WithoutKeys(t *testing.T) {
	t.Parallel()
	m := newMessages("")
	m.meet = make(chan struct{})
	h := newHook(t, m, hook.Options{Type: "webhook"})
	var calls sync.WaitGroup
	for range 2 {
		calls.Go(func() {
			if got := h.Serve(t.Context(), callOf("webhook", `{"to":"+12065550109","body":"Hi"}`, time.Now()), false); got.Status != http.StatusOK {
				t.Errorf("got %d %s, %v", got.Status, got.Body, got.Err)
			}
		})
	}
	calls.Wait()
}

func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	for _, options := range []hook.Options{
		{Type: "keycloak", Secrets: []string{"x"}}, {Type: "logto"}, {Type: "logto", Secrets: []string{""}}, {Type: "supabase", Secrets: []string{"v1,whsec_%%"}},
	} {
		if _, err := hook.New(options); err == nil || strings.Contains(err.Error(), "%%") {
			t.Errorf("%+v: got %v", options, err)
		}
	}
}

// TestHook_Limited answers a call for which a limit leaves no room: nobody is made to try
// again at once, and whose users see the answer read why.
func TestHook_Limited(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]struct {
		status int
		body   string
		kept   bool
	}{
		"supabase":  {http.StatusOK, `{"error":{"http_code":429,"message":"Too many codes`, false},
		"authentik": {http.StatusUnprocessableEntity, "Too many codes were sent", false},
		"logto":     {http.StatusUnprocessableEntity, "Too many codes were sent", false},
		"zitadel":   {http.StatusOK, `"status":"rejected"`, true},
		"kratos":    {http.StatusOK, `"status":"rejected"`, true},
		"webhook":   {http.StatusTooManyRequests, "Too many codes were sent", false},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := newMessages("US")
			m.SetPolicy(intake.Policy{
				Channels: []intake.Channel{{ID: "sms", Gateway: "main", From: "Shop"}}, DefaultRegion: "US",
				Limits: []intake.Limit{{By: courier.LimitByRecipient, Count: 1, Per: time.Hour}},
			})
			h := newHook(t, m, hook.Options{Type: kind})
			body, now := calls()[kind].body, time.Now()
			first := h.Serve(t.Context(), callOf(kind, body, now), false)
			again := h.Serve(t.Context(), callOf(kind, body, now), false)
			if first.Result != hook.ResultAccepted || kind != "webhook" && again.Result != hook.ResultRepeated {
				t.Fatalf("got %+v and %+v", first, again)
			}
			other := strings.ReplaceAll(strings.ReplaceAll(body, code, "739154"), "metadata\":{\"uuid\":\"", "metadata\":{\"uuid\":\"x")
			answer := h.Serve(t.Context(), callOf(kind, other, now), false)
			if answer.Status != want.status || !strings.Contains(string(answer.Body), want.body) || answer.Result != hook.ResultLimited {
				t.Errorf("got %d %s, %s", answer.Status, answer.Body, answer.Result)
			}
			if (answer.RetryAfter != "") != (kind == "webhook") {
				t.Errorf("Retry-After is %q", answer.RetryAfter)
			}
			if all := m.all(t); len(all) != 1 && !want.kept || want.kept && (len(all) != 2 || all[0].Status != courier.StatusRejected || all[0].LastError.Class != courier.ClassRecipientRateLimited) {
				t.Errorf("kept are %+v", all)
			}
		})
	}
}
