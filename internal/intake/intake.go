// Package intake judges a message at accept and completes it: the recipient in
// E.164, the sender, the channel's gateway, segments, times and the fingerprint
// of an idempotent request. Every way into the courier passes through it, so
// that a message is accepted by one set of rules.
package intake

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nyaruka/phonenumbers"

	"courier"
)

// Options are the settings of an Intake.
type Options struct {
	Policy Policy
	// NowFunc is the clock; default time.Now.
	NowFunc func() time.Time
}

// Policy is what the configuration says of messages; it may change while running.
type Policy struct {
	// Channels are the kinds of message that are taken. Without DefaultChannel
	// among them, sending text messages is not configured.
	Channels []Channel
	// Gateways are those that a caller may ask for by name.
	Gateways []string
	// Callbacks is true when changes of status can be reported to a URL of the caller.
	Callbacks bool
	// DefaultRegion reads national numbers, as an ISO 3166 code such as "US";
	// empty refuses them.
	DefaultRegion string
	// SkipValidation takes recipients as they are written (recipients.validation: off).
	SkipValidation bool
	// MaxSegments refuses longer texts; 0 for no limit.
	MaxSegments int
	// AllowKinds are those of Kinds that are sent to all the same.
	AllowKinds []string
	// AllowCountries, when there are any, are the only ones that are sent to, and
	// DenyCountries are not, as ISO 3166 codes.
	AllowCountries, DenyCountries []string
	// PlainTypography writes quotes, dashes and blanks plainly where that saves segments.
	PlainTypography bool
	// Limits say how many messages are taken, but for those to TestNumbers.
	Limits      []Limit
	TestNumbers map[string]string
	// Notice, unless empty, is a warning with every message.
	Notice string
	// SkipLint says nothing of what could be better in a text.
	SkipLint bool
	// TextFunc makes the text of a message that has none from its TemplateType and
	// TemplateData, empty when there is none for it. Nil makes none.
	TextFunc func(draft *courier.Draft) (string, error)
	// LaneFunc returns the lane of a message that names none and is no one-time code,
	// empty for LaneNormal. Nil is LaneNormal.
	LaneFunc func(m *courier.Message) courier.Lane

	refused *refused
	plans   *plans
}

// Channel is one kind of message.
type Channel struct {
	ID string
	// Gateway is the one that new messages wait for.
	Gateway string
	// From is the sender of messages that name none.
	From string
}

// Check returns an error when no number could be read by the policy: its
// DefaultRegion is no region that numbering plans know.
func (p Policy) Check() error {
	region := strings.ToUpper(p.DefaultRegion)
	if region == "" || phonenumbers.GetCountryCodeForRegion(region) != 0 {
		return nil
	}
	return fmt.Errorf("%q is not the code of a region with telephone numbers; set recipients.default_region to one such as US, or leave it out", region)
}

// Intake judges and completes messages. It is safe for concurrent use.
type Intake struct {
	policy  atomic.Pointer[Policy]
	nowFunc func() time.Time
	ids     ids
	// plans are the same for every policy.
	plans plans
}

// New returns an Intake.
func New(options Options) *Intake {
	i := &Intake{nowFunc: options.NowFunc}
	if i.nowFunc == nil {
		i.nowFunc = time.Now
	}
	i.SetPolicy(options.Policy)
	return i
}

// SetPolicy puts other settings in force for the messages to come.
func (i *Intake) SetPolicy(policy Policy) {
	policy.DefaultRegion = strings.ToUpper(policy.DefaultRegion)
	policy.refused, policy.plans = policy.refuse(), &i.plans
	i.policy.Store(&policy)
}

func (i *Intake) now() time.Time { return i.nowFunc().UTC().Truncate(time.Microsecond) }

// Accept returns the queued message that a draft asks for, or a *courier.Error
// that names the field at fault and what to do.
func (i *Intake) Accept(draft courier.Draft) (*courier.Message, error) {
	policy, now := i.policy.Load(), i.now()
	channel, err := policy.channel(draft.Channel)
	if err != nil {
		return nil, err
	}
	to, country, err := policy.address(draft.To)
	if err != nil {
		return nil, err
	}
	if err := policy.check(&draft); err != nil {
		return nil, err
	}
	// A repeat of an accepted request is answered as the first was, however late
	// it comes; whether this is one, the store finds out.
	due, expires, err := times(draft.Lifetime, now, draft.IdempotencyKey != "")
	if err != nil {
		return nil, err
	}
	text, err := policy.text(&draft)
	if err != nil {
		return nil, err
	}
	m := &courier.Message{
		Status: courier.StatusQueued, Channel: channel.ID, Gateway: cmp.Or(draft.Gateway, channel.Gateway), OnlyGateway: draft.Gateway != "",
		To: to, From: cmp.Or(draft.From, channel.From), Body: text, Country: country, Subject: draft.Subject,
		TemplateType: draft.TemplateType, TemplateData: draft.TemplateData,
		RequestHeaders: draft.RequestHeaders, Metadata: draft.Metadata, CallbackURL: draft.CallbackURL,
		SupersedeKey: supersedeKey(&draft, channel.ID, to),
		CreatedAt:    now, UpdatedAt: now, NextAttemptAt: due, ExpiresAt: expires,
		Caller: draft.Caller, IdempotencyKey: draft.IdempotencyKey, TraceParent: draft.TraceParent,
	}
	if m.Lane, err = policy.lane(&draft, m); err != nil {
		return nil, err
	}
	if m.Lane == courier.LaneOTP && m.ExpiresAt.IsZero() {
		m.ExpiresAt = due.Add(codeLifeOf(draft.TemplateData))
	}
	if m.TooLate(due) {
		m.Warnings = append(m.Warnings, fmt.Sprintf("a code is not sent when less than %s of its life are left, so this one never is; give it a longer one", courier.CodeLeft))
	}
	if err := policy.measure(m); err != nil {
		return nil, err
	}
	if m.IdempotencyKey != "" {
		m.Fingerprint = fingerprint(m, draft)
	}
	m.Limits = policy.limitsOf(m)
	m.ID = i.ids.next(m.CreatedAt)
	return m, nil
}

// check judges what a draft says beside its channel and recipient.
func (p *Policy) check(draft *courier.Draft) error {
	return cmp.Or(checkTexts(*draft), checkObjects(draft), checkCallback(p.Callbacks, draft.CallbackURL), p.checkGateway(draft.Gateway))
}

// measure counts the segments of a text, and says what could be better in it.
func (p *Policy) measure(m *courier.Message) error {
	m.Encoding, m.Segments = courier.CountSegments(m.Body)
	if p.Notice != "" {
		m.Warnings = append(m.Warnings, p.Notice)
	}
	if p.PlainTypography {
		plain(m)
	}
	if !p.SkipLint {
		lint(m)
	}
	if p.MaxSegments > 0 && m.Segments > p.MaxSegments {
		return &courier.Error{Code: courier.CodeMessageTooLong, Field: "body", Message: fmt.Sprintf(
			"the text takes %d segments in %s and messages.max_segments allows %d; shorten it or raise the limit",
			m.Segments, encodingName(m.Encoding), p.MaxSegments)}
	}
	return nil
}

// address returns a recipient that may be sent to, and its country.
func (p *Policy) address(text string) (to, country string, err error) {
	to, class, err := p.recipient(text)
	if err != nil {
		return "", "", err
	}
	return to, class.country, p.refused.check(class)
}

// text returns the text of a message, made for one that has none.
func (p *Policy) text(draft *courier.Draft) (string, error) {
	if draft.Body != "" || p.TextFunc == nil || draft.TemplateType == "" {
		return draft.Body, nil
	}
	text, err := p.TextFunc(draft)
	if err != nil {
		return "", invalid("template_data", err.Error())
	}
	return text, nil
}

func encodingName(encoding courier.Encoding) string {
	if encoding == courier.EncodingUCS2 {
		return "UCS-2 (some characters are not in the GSM 7 bit alphabet)"
	}
	return "the GSM 7 bit alphabet"
}

// Complete gives an id, times and a gateway to a message that is kept though it can
// never be sent.
func (i *Intake) Complete(m *courier.Message) *courier.Message {
	now := i.now()
	channel, _ := i.policy.Load().channel(m.Channel) // without one the engine chooses
	m.Gateway, m.From = cmp.Or(m.Gateway, channel.Gateway), cmp.Or(m.From, channel.From)
	m.Encoding, m.Segments = courier.CountSegments(m.Body)
	m.CreatedAt, m.UpdatedAt, m.NextAttemptAt = now, now, now
	m.ID = i.ids.next(now)
	return m
}

// Expiry returns when a message that is due now expires by the given lifetime,
// or the zero time when neither ExpiresAt nor TTL is given. Errors are *courier.Error.
func (i *Intake) Expiry(lifetime courier.Lifetime) (time.Time, error) {
	_, expires, err := times(lifetime, i.now(), false)
	return expires, err
}

// Recipient returns a recipient as Accept would store it. Errors are *courier.Error.
func (i *Intake) Recipient(text string) (string, error) {
	to, _, err := i.policy.Load().recipient(text)
	return to, err
}

// Gateway returns the gateway that messages of a channel wait for. Errors are
// *courier.Error: the channel is not configured.
func (i *Intake) Gateway(channel string) (string, error) {
	found, err := i.policy.Load().channel(channel)
	return found.Gateway, err
}

// channel returns the channel of the given id, the default one for none.
func (p *Policy) channel(id string) (Channel, error) {
	id = cmp.Or(id, courier.DefaultChannel)
	names := make([]string, 0, len(p.Channels))
	for _, channel := range p.Channels {
		if channel.ID == id {
			return channel, nil
		}
		names = append(names, channel.ID)
	}
	if id == courier.DefaultChannel {
		return Channel{}, &courier.Error{Code: courier.CodeSMSDisabled, Field: "channel", Message: "sending text messages is not configured; " +
			"give a gateway in courier.gateways, or set courier.sms.enabled and courier.sms.request_config, or a channel with the id sms in courier.channels"}
	}
	known := "none is configured"
	if len(names) > 0 {
		known = "use " + strings.Join(names, " or ") + ", or leave it out"
	}
	return Channel{}, &courier.Error{
		Code: courier.CodeUnknownChannel, Field: "channel",
		Message: "no channel has this id; " + known,
	}
}

// checkGateway judges the gateway that a caller asks for.
func (p *Policy) checkGateway(name string) error {
	if name == "" || slices.Contains(p.Gateways, name) {
		return nil
	}
	hint := "; there are " + strings.Join(p.Gateways, ", ")
	if nearest := courier.Nearest(name, p.Gateways); nearest != "" {
		hint = "; " + nearest + " is the nearest"
	}
	return invalid("gateway", "no gateway has this name"+hint+", or leave it out for the route to choose")
}
