package hook

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
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
	// minutes is how long the code is good, 0 when the call does not tell, and ttl how long
	// it is worth sending.
	minutes int
	ttl     time.Duration
	// key knows a repeat, for as long as the window, or always when that is 0. Without a
	// key every call is a message.
	key    string
	window time.Duration
	// more is what else of Kratos's template_data a text may use, and is not kept.
	more map[string]any
	// asked is what the caller says itself of its message.
	asked courier.Draft
	// tellsInside is true for a caller that is told of a refusal within a success.
	tellsInside bool
}

// data is template_data with Kratos's keys. Of the user it holds the id alone.
func (c *call) data(kind, domain string) map[string]any {
	data := map[string]any{"to": c.to, "expires_in_minutes": cmp.Or(c.minutes, max(int(c.ttl/time.Minute), 1))}
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
	errNotJSON       = errors.New("the body is not the JSON object that is expected")
	errNoRecipient   = errors.New("there is no recipient in it")
	errTwoRecipients = errors.New("to and recipient differ in it")
	errNoCode        = errors.New("there is no code in it")
	errNoText        = errors.New("there is no text in it")
	errNoSMS         = errors.New("its type is not sms")
	errNoMessage     = errors.New("a field in it is not one of POST /v1/messages, or of another kind")
)

// decode reads the body of a call. The fields that it does not name are not looked at.
func decode(body []byte, into any) error {
	if json.Unmarshal(body, into) != nil || bytes.TrimSpace(body)[0] != '{' {
		return errNotJSON
	}
	return nil
}

// optional is a value of a kind that a call may have, or nothing: no call is refused for
// what only decorates it.
type optional[T any] struct{ value T }

// UnmarshalJSON implements json.Unmarshaler.
func (o *optional[T]) UnmarshalJSON(text []byte) error {
	var value T
	if json.Unmarshal(text, &value) == nil {
		o.value = value
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
			UserMetadata     optional[struct {
				Locale optional[string]
			}] `json:"user_metadata"`
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
	c.locale = p.User.UserMetadata.value.Locale.value
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
			Expiry optional[float64] // in nanoseconds
		}
	}
	if err := decode(r.Body, &p); err != nil {
		return nil, err
	}
	c := &call{to: p.ContextInfo.RecipientPhoneNumber, body: p.TemplateData.Text, code: p.Args.Code, event: p.ContextInfo.EventType, kind: loginCode}
	c.ttl = time.Duration(min(max(p.Args.Expiry.value, 0), float64(maxTTL)))
	c.minutes = int(c.ttl / time.Minute)
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
		LoginCode        string                   `json:"login_code"`
		RecoveryCode     string                   `json:"recovery_code"`
		VerificationCode string                   `json:"verification_code"`
		RegistrationCode string                   `json:"registration_code"`
		Minutes          optional[int]            `json:"expires_in_minutes"`
		Domain           optional[string]         `json:"request_url_domain"`
		Identity         optional[map[string]any] `json:"identity"`
		Payload          optional[map[string]any] `json:"transient_payload"`
		URL              optional[string]         `json:"request_url"`
	}
	if err := decode(r.Body, &p); err != nil {
		return nil, err
	}
	if p.TemplateData != nil && json.Unmarshal(p.TemplateData, &d) != nil {
		return nil, errNotJSON
	}
	c := &call{body: p.Body, kind: p.TemplateType, domain: d.Domain.value, event: p.TemplateType, minutes: max(d.Minutes.value, 0)}
	c.userID, _ = d.Identity.value["id"].(string)
	c.more = map[string]any{"transient_payload": d.Payload.value, "request_url": d.URL.value}
	if d.Identity.value != nil {
		c.more["identity"] = d.Identity.value
	}
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
		TransientPayload optional[struct{ Lang optional[string] }] `json:"transient_payload"`
	}
	var headers map[string]optional[[]string]
	_ = json.Unmarshal(templateData, &data)      // what is no JSON names no language
	_ = json.Unmarshal(requestHeaders, &headers) // the same
	lang := data.TransientPayload.value.Lang.value
	for name, values := range headers {
		if lang == "" && strings.EqualFold(name, "Accept-Language") {
			lang = preferred(strings.Join(values.value, ","))
		}
	}
	return strings.TrimSpace(lang)
}

// preferred is the language that an Accept-Language header asks for most (RFC 9110,
// 12.5.4), the first of several, or empty.
func preferred(header string) (language string) {
	highest := 0.0
	for one := range strings.SplitSeq(header, ",") {
		tag, weight, weighted := strings.Cut(one, ";")
		quality := 1.0
		if weighted {
			_, number, _ := strings.Cut(weight, "=")
			quality, _ = strconv.ParseFloat(strings.TrimSpace(number), 64) // what is no number is no wish
		}
		if tag = strings.TrimSpace(tag); quality > highest && tag != "" && tag != "*" {
			language, highest = tag, quality
		}
	}
	return language
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
		To, Recipient, From, Channel, Body, Subject string
		Type                                        json.RawMessage
		TemplateType                                string          `json:"template_type"`
		TemplateData                                json.RawMessage `json:"template_data"`
		RequestHeaders                              json.RawMessage `json:"request_headers"`
		Metadata                                    json.RawMessage `json:"metadata"`
		SendAt                                      string          `json:"send_at"`
		ExpiresAt                                   string          `json:"expires_at"`
		TTL                                         string          `json:"ttl"`
		Gateway                                     string          `json:"gateway"`
		CallbackURL                                 string          `json:"callback_url"`
		Lane                                        courier.Lane    `json:"lane"`
		SupersedeKey                                *string         `json:"supersede_key"`
	}
	if err := decode(r.Body, &struct{}{}); err != nil {
		return nil, err
	}
	strict := json.NewDecoder(bytes.NewReader(r.Body))
	strict.DisallowUnknownFields()
	if strict.Decode(&p) != nil {
		return nil, errNoMessage
	}
	switch kind := string(p.Type); {
	case kind != "" && kind != "null" && kind != "2" && kind != `"sms"` && kind != `"phone"`:
		return nil, errNoSMS
	case p.To != "" && p.Recipient != "" && p.To != p.Recipient:
		return nil, errTwoRecipients
	}
	c := &call{to: cmp.Or(p.To, p.Recipient), body: p.Body, kind: kindAsIs, asked: courier.Draft{
		From: p.From, Channel: p.Channel, Subject: p.Subject, TemplateType: p.TemplateType, TemplateData: p.TemplateData,
		RequestHeaders: p.RequestHeaders, Metadata: p.Metadata, Gateway: p.Gateway, CallbackURL: p.CallbackURL, Lane: p.Lane,
		SupersedeKey: p.SupersedeKey, Lifetime: courier.Lifetime{SendAt: p.SendAt, ExpiresAt: p.ExpiresAt, TTL: p.TTL},
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
