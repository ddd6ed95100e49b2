package hook

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"courier"
	"courier/internal/signature"
)

// The types of message of codes, and the keys of template_data that have them, as in Kratos.
const (
	loginCode        = "login_code_valid"
	recoveryCode     = "recovery_code_valid"
	verificationCode = "verification_code_valid"
	registrationCode = "registration_code_valid"

	// kindAsIs marks a message that the caller made whole.
	kindAsIs = "\x00"
)

// The windows in which an equal call is a repeat.
const (
	windowOfTries  = 15 * time.Minute // of systems that try again
	windowOfClicks = 30 * time.Second // of those that do not
	defaultTTL     = 5 * time.Minute
	maxTTL         = 24 * time.Hour
)

// call is what an identity system asks for.
type call struct {
	to   string
	body string
	code string
	// kind is the type of message, empty when the call does not tell.
	kind string
	// userID is the one thing that is kept of a user.
	userID string
	// domain is the one that the code is bound to, if the call tells.
	domain string
	locale string
	event  string
	ttl    time.Duration
	// key knows a repeat, for as long as the window, or always when that is 0. Without a
	// key every call is a message.
	key    string
	window time.Duration
	// asked is what the caller says itself of its message.
	asked courier.Draft
	// tellsInside is true for a caller that is told of a refusal within a success.
	tellsInside bool
}

// data is template_data with Kratos's keys. Of the user it holds the id alone.
func (c *call) data(kind, domain string) map[string]any {
	data := map[string]any{"to": c.to, "expires_in_minutes": max(int(c.ttl/time.Minute), 1)}
	key := "verification_code"
	switch kind {
	case loginCode:
		key = "login_code"
	case registrationCode:
		key = "registration_code"
	}
	if c.code != "" {
		data[key] = c.code
	}
	if domain = cmp.Or(c.domain, domain); domain != "" {
		data["request_url_domain"] = domain
	}
	if c.userID != "" {
		data["identity"] = map[string]any{"id": c.userID}
	}
	return data
}

// kind is what is special about an identity system.
type kind struct {
	auth  []authFunc
	parse func(r *signature.Request, o *Options) (*call, error)
	// keepRejected is true for a system that tries again whatever it is told.
	keepRejected bool
}

// Types returns the types of hooks.
func Types() []string { return slices.Sorted(maps.Keys(kinds())) }

func kinds() map[string]kind {
	return map[string]kind{
		"supabase":   {auth: []authFunc{standardWebhooks}, parse: parseSupabase},
		"zitadel":    {auth: []authFunc{zitadelSignature}, parse: parseZitadel, keepRejected: true},
		"authentik":  {auth: []authFunc{bearer, basic}, parse: parseAuthentik},
		"logto":      {auth: []authFunc{bare, bearer}, parse: parseLogto},
		"kratos":     {auth: []authFunc{bearer, basic, anyHeader}, parse: parseKratos, keepRejected: true},
		"casdoor":    {auth: []authFunc{bearer, basic, bare}, parse: parseCasdoor},
		"fusionauth": {auth: []authFunc{bearer, basic, bare}, parse: parseFusionAuth},
		"webhook":    {auth: []authFunc{standardWebhooksOrNone, bearer}, parse: parseWebhook},
	}
}

// standardWebhooksOrNone takes Standard Webhooks where the secret is one of theirs.
func standardWebhooksOrNone(o *Options) (signature.Verifier, error) {
	if v, err := standardWebhooks(o); err == nil {
		return v, nil
	}
	return verifierFunc(func(*signature.Request, time.Time) error { return errUnknownCaller }), nil
}

// What is wrong with a call. Callers read it, so it says nothing of the content.
var (
	errNotJSON     = errors.New("the body is not the JSON object that is expected")
	errNoRecipient = errors.New("there is no recipient in it")
	errNoCode      = errors.New("there is no code in it")
	errNoText      = errors.New("there is no text in it")
)

// decode reads the body of a call. The fields that it does not name are not looked at.
func decode(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(into); err != nil || decoder.More() || bytes.TrimSpace(body)[0] != '{' {
		return errNotJSON
	}
	return nil
}

// finish checks a call and fills in what its type leaves to the options.
func (c *call) finish(o *Options, ttl, window time.Duration) (*call, error) {
	if strings.TrimSpace(c.to) == "" {
		return nil, errNoRecipient
	}
	if c.ttl < time.Second {
		c.ttl = ttl
	}
	c.ttl, c.window = min(cmp.Or(o.TTL, c.ttl), maxTTL), cmp.Or(o.Dedupe, window)
	return c, nil
}

// withPlus writes a number whose plus the system strips.
func withPlus(number string) string {
	if number = strings.TrimSpace(number); number != "" && number[0] != '+' {
		return "+" + number
	}
	return number
}

// parseSupabase reads the send SMS hook of Supabase Auth. (supabase/auth
// internal/hooks/v0hooks, internal/api/phone.go)
func parseSupabase(r *signature.Request, o *Options) (*call, error) {
	var p struct {
		Metadata *struct{ UUID, Name string }
		User     struct {
			ID               string
			Phone            string
			NewPhone         string  `json:"new_phone"`
			PhoneConfirmedAt *string `json:"phone_confirmed_at"`
			UserMetadata     struct {
				Locale any
			} `json:"user_metadata"`
		}
		SMS struct {
			OTP   string
			Type  string `json:"sms_type"`
			Phone string
		}
	}
	if err := decode(r.Body, &p); err != nil {
		return nil, err
	}
	c := &call{code: p.SMS.OTP, userID: p.User.ID, event: "send-sms", kind: loginCode, key: digest(string(r.Body))}
	c.to = cmp.Or(withPlus(p.SMS.Phone), withPlus(p.User.Phone), withPlus(p.User.NewPhone))
	if c.code == "" {
		return nil, errNoCode
	}
	changed := withPlus(p.User.NewPhone)
	switch {
	case changed != "" && c.to == changed && changed != withPlus(p.User.Phone):
		c.kind = verificationCode
	case (p.User.PhoneConfirmedAt == nil || *p.User.PhoneConfirmedAt == "") && p.SMS.Type != "mfa":
		c.kind = registrationCode
	}
	c.locale, _ = p.User.UserMetadata.Locale.(string)
	if p.Metadata != nil {
		c.tellsInside = true
		c.event = cmp.Or(p.Metadata.Name, c.event)
		if p.Metadata.UUID != "" {
			c.key = digest(p.Metadata.UUID)
		}
	}
	return c.finish(o, time.Minute, windowOfTries)
}

// parseZitadel reads the call of Zitadel's HTTP SMS provider. (zitadel/zitadel
// internal/notification/types/user_phone.go, templates/templateData.go) Names are read
// whatever their case: it writes eventType, and oTP.
func parseZitadel(r *signature.Request, o *Options) (*call, error) {
	var p struct {
		ContextInfo struct {
			EventType            string
			RecipientPhoneNumber string
		}
		TemplateData struct{ Text string }
		Args         struct {
			Code   string
			OTP    string
			Expiry time.Duration
		}
	}
	if err := decode(r.Body, &p); err != nil {
		return nil, err
	}
	c := &call{to: p.ContextInfo.RecipientPhoneNumber, body: p.TemplateData.Text, code: p.Args.Code, event: p.ContextInfo.EventType, ttl: p.Args.Expiry, kind: loginCode}
	c.code = cmp.Or(c.code, p.Args.OTP)
	if c.code == "" && c.body == "" {
		return nil, errNoCode
	}
	switch {
	case strings.Contains(c.event, "phone.code"):
		c.kind = verificationCode
	case strings.Contains(c.event, "password.code"):
		c.kind = recoveryCode
	}
	c.key = digest(c.event, c.to, cmp.Or(c.code, c.body))
	return c.finish(o, defaultTTL, windowOfTries)
}

// parseAuthentik reads the generic provider of authentik's SMS stage. (goauthentik/authentik
// authentik/stages/authenticator_sms/models.py)
func parseAuthentik(r *signature.Request, o *Options) (*call, error) {
	var p struct{ To, Body, Message string }
	if err := decode(r.Body, &p); err != nil {
		return nil, err
	}
	if p.Body == "" {
		return nil, errNoCode
	}
	c := &call{to: p.To, body: p.Message, code: p.Body, kind: loginCode, key: digest(string(r.Body))}
	return c.finish(o, defaultTTL, windowOfClicks)
}

// logtoTest is the code of the test in Logto's console, which is always the same.
const logtoTest = "000000"

// parseLogto reads the call of Logto's HTTP SMS connector. (logto-io/logto
// packages/connectors/connector-http-sms, packages/toolkit/connector-kit)
func parseLogto(r *signature.Request, o *Options) (*call, error) {
	var p struct {
		To, Type string
		Payload  struct{ Code, Locale string }
	}
	if err := decode(r.Body, &p); err != nil {
		return nil, err
	}
	if p.Payload.Code == "" {
		return nil, errNoCode
	}
	c := &call{to: withPlus(p.To), code: p.Payload.Code, locale: p.Payload.Locale, event: p.Type, kind: verificationCode, key: digest(string(r.Body))}
	switch p.Type {
	case "SignIn", "MfaVerification":
		c.kind = loginCode
	case "Register":
		c.kind = registrationCode
	case "ForgotPassword":
		c.kind = recoveryCode
	}
	if c.code == logtoTest {
		c.key = ""
	}
	return c.finish(o, 2*defaultTTL, windowOfClicks)
}

// parseKratos reads what the template function(ctx) ctx makes in Ory Kratos.
func parseKratos(r *signature.Request, o *Options) (*call, error) {
	var p struct {
		Recipient, To, Body string
		TemplateType        string          `json:"template_type"`
		TemplateData        json.RawMessage `json:"template_data"`
		RequestHeaders      json.RawMessage `json:"request_headers"`
	}
	var d struct {
		LoginCode        string              `json:"login_code"`
		RecoveryCode     string              `json:"recovery_code"`
		VerificationCode string              `json:"verification_code"`
		RegistrationCode string              `json:"registration_code"`
		Domain           string              `json:"request_url_domain"`
		Identity         struct{ ID string } `json:"identity"`
	}
	if err := decode(r.Body, &p); err != nil {
		return nil, err
	}
	if p.TemplateData != nil && json.Unmarshal(p.TemplateData, &d) != nil {
		return nil, errNotJSON
	}
	c := &call{body: p.Body, kind: p.TemplateType, userID: d.Identity.ID, domain: d.Domain, event: p.TemplateType}
	c.to, c.code = cmp.Or(p.Recipient, p.To), cmp.Or(d.LoginCode, d.RecoveryCode, d.VerificationCode, d.RegistrationCode)
	if c.body == "" && c.code == "" {
		return nil, errNoText
	}
	c.locale = KratosLocale(p.TemplateData, p.RequestHeaders)
	c.key = digest(c.to, p.TemplateType, cmp.Or(c.body, c.code))
	return c.finish(o, defaultTTL, windowOfTries)
}

// KratosLocale is the language that Kratos tells of in template_data and request_headers:
// that of the flow's transient payload, or what the browser asks for first. It is empty
// where neither names one.
func KratosLocale(templateData, requestHeaders json.RawMessage) string {
	var data struct {
		TransientPayload struct{ Lang any } `json:"transient_payload"`
	}
	var headers map[string][]string
	_ = json.Unmarshal(templateData, &data)      // what is no JSON names no language
	_ = json.Unmarshal(requestHeaders, &headers) // the same
	lang, _ := data.TransientPayload.Lang.(string)
	for name, values := range headers {
		if lang == "" && strings.EqualFold(name, "Accept-Language") && len(values) > 0 {
			lang, _, _ = strings.Cut(values[0], ",")
			lang, _, _ = strings.Cut(lang, ";")
		}
	}
	return strings.TrimSpace(lang)
}

// parseCasdoor reads Casdoor's custom HTTP SMS provider, a form or JSON. (casdoor/casdoor
// object/sms_custom_http.go)
func parseCasdoor(r *signature.Request, o *Options) (*call, error) {
	var p struct{ PhoneNumber, Content string }
	if r.Form != nil {
		p.PhoneNumber, p.Content = r.Form.Get("phoneNumber"), r.Form.Get("content")
		if strings.HasPrefix(p.PhoneNumber, " ") { // a plus that was not encoded, as by curl -d
			p.PhoneNumber = withPlus(p.PhoneNumber)
		}
	} else if err := decode(r.Body, &p); err != nil {
		return nil, err
	}
	return finished(p.PhoneNumber, p.Content, r, o)
}

// parseFusionAuth reads FusionAuth's generic messenger.
func parseFusionAuth(r *signature.Request, o *Options) (*call, error) {
	var p struct{ PhoneNumber, TextMessage string }
	if err := decode(r.Body, &p); err != nil {
		return nil, err
	}
	return finished(p.PhoneNumber, p.TextMessage, r, o)
}

// finished is a call that has its text, and says nothing of what it is.
func finished(to, text string, r *signature.Request, o *Options) (*call, error) {
	if text == "" {
		return nil, errNoText
	}
	c := &call{to: to, body: text, key: digest(string(r.Body))}
	return c.finish(o, defaultTTL, windowOfClicks)
}

// parseWebhook reads a message as POST /v1/messages takes it.
func parseWebhook(r *signature.Request, o *Options) (*call, error) {
	var p struct {
		To, From, Channel, Body, Subject string
		TemplateType                     string          `json:"template_type"`
		TemplateData                     json.RawMessage `json:"template_data"`
		Metadata                         json.RawMessage `json:"metadata"`
		SendAt                           string          `json:"send_at"`
		ExpiresAt                        string          `json:"expires_at"`
		TTL                              string          `json:"ttl"`
		Gateway                          string          `json:"gateway"`
		CallbackURL                      string          `json:"callback_url"`
		Lane                             courier.Lane    `json:"lane"`
		SupersedeKey                     *string         `json:"supersede_key"`
	}
	if err := decode(r.Body, &p); err != nil {
		return nil, err
	}
	c := &call{to: p.To, body: p.Body, kind: kindAsIs, asked: courier.Draft{
		From: p.From, Channel: p.Channel, Subject: p.Subject, TemplateType: p.TemplateType, TemplateData: p.TemplateData, Metadata: p.Metadata,
		Gateway: p.Gateway, CallbackURL: p.CallbackURL, Lane: p.Lane, SupersedeKey: p.SupersedeKey,
		Lifetime: courier.Lifetime{SendAt: p.SendAt, ExpiresAt: p.ExpiresAt, TTL: p.TTL},
	}}
	c.key = cmp.Or(r.Header.Get("Webhook-Id"), r.Header.Get("Idempotency-Key"))
	c.asked.IdempotencyKey = c.key
	if p.SendAt == "" && p.ExpiresAt == "" && p.TTL == "" && o.TTL > 0 {
		c.asked.TTL = o.TTL.String()
	}
	if strings.TrimSpace(c.to) == "" {
		return nil, errNoRecipient
	}
	return c, nil
}
