package preset

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"courier/internal/gateway"
	"courier/internal/signature"
)

// Config is what the configuration says of one gateway.
type Config struct {
	// ID is the gateway's name.
	ID string
	// From is its sender, empty for none.
	From   string
	Params map[string]string
	// ReceiptSecret is the last part of the address for receipts, empty for none.
	ReceiptSecret string
	// PublicURL is the address under which providers find us, empty for none.
	PublicURL string
}

// Built is a gateway as a preset describes it. Its templates are texts yet:
// Gateway.Template, Gateway.Query, Gateway.Response.Template, Gateway.Lookup (where there is one) and
// Receiver.Template are to be compiled from Templates.
type Built struct {
	Gateway gateway.Options
	// Receiver is nil for a provider without receipts.
	Receiver *gateway.ReceiverOptions
	// Registered is true when the operator has to tell the provider Gateway.ReceiptURL.
	Registered bool
	Templates  Templates
	Limits     Limits
}

// Build returns the gateway of a configuration. The error joins one *gateway.OptionError
// for each setting that is missing, unknown or wrong, such as "params.account_sid". It
// quotes no value.
func (p *Preset) Build(c Config) (*Built, error) {
	v, err := p.valuesOf(c)
	if err != nil {
		return nil, err
	}
	built := &Built{Templates: p.Templates, Limits: p.file.Limits, Registered: p.file.Receipts.Address == addressRegistered}
	request := p.file.Request
	built.Gateway = gateway.Options{
		Name: c.ID, URL: rebase(v.fillURL(request.URL, p.Params), v[baseURL]), Method: request.Method,
		Header: v.fillAll(request.Headers, p.Params), MaxInFlight: p.file.Limits.MaxInFlight,
	}
	if p.Templates.Response != "" {
		built.Gateway.Response = &gateway.Rules{Errors: plain(p.Errors.Answers())}
	}
	shown := map[string]any{}
	built.Gateway.Params = map[string]any{}
	for name, param := range p.Params {
		var value any
		if given := v[name]; given != "" {
			value = given
		}
		built.Gateway.Params[name] = value
		if !param.Secret {
			shown[name] = value
		}
	}
	err = p.authenticate(built, v)
	if p.file.Receipts.Address != addressNone {
		built.Gateway.ReceiptURL = ReceiptURL(c.PublicURL, c.ID, c.ReceiptSecret)
		built.Receiver = &gateway.ReceiverOptions{Gateway: c.ID, Tried: p.ours, Errors: plain(p.Errors.Receipts()), Params: shown}
		err = errors.Join(err, p.verify(built.Receiver, v))
	}
	if err != nil {
		return nil, err
	}
	return built, nil
}

// valuesOf checks the settings and returns them with the defaults.
func (p *Preset) valuesOf(c Config) (values, error) {
	v, known := values{}, names(p.Params)
	var errs []error
	report := func(field string, err error) {
		if err != nil {
			errs = append(errs, &gateway.OptionError{Field: field, Err: err})
		}
	}
	for _, name := range names(c.Params) {
		if param, ok := p.Params[name]; !ok {
			report("params."+name, unknown("parameter of the preset "+p.Name, name, known))
		} else if value := c.Params[name]; value != "" {
			v[name] = value
			report("params."+name, param.fits(value))
		}
	}
	for _, name := range known {
		param := p.Params[name]
		if v[name] == "" && param.Default != "" {
			v[name] = param.Default
		}
		if v[name] == "" && param.Required {
			report("params."+name, errors.New("is missing: "+param.Doc))
		}
	}
	report("params."+baseURL, checkBase(v[baseURL]))
	if c.From != "" {
		v[settingFrom] = c.From
	}
	if c.ReceiptSecret != "" {
		v[settingSecret] = c.ReceiptSecret
	}
	errs = append(errs, p.combine(v)...)
	return v, errors.Join(errs...)
}

func (p Param) fits(value string) error {
	switch {
	case p.Enum != nil && !slices.Contains(p.Enum, value) && p.Secret:
		return errors.New("is none of " + strings.Join(p.Enum, ", "))
	case p.Enum != nil && !slices.Contains(p.Enum, value):
		return unknown("value", value, p.Enum)
	case p.Pattern != "" && !regexp.MustCompile(`^(?:`+p.Pattern+`)$`).MatchString(value):
		return fmt.Errorf("does not look like one: %s It looks like %s", p.Doc, p.Example)
	}
	return nil
}

// combine checks which settings need each other.
func (p *Preset) combine(v values) (errs []error) {
	for _, need := range p.file.Needs {
		if !slices.ContainsFunc(need, func(group string) bool { return v.has(strings.Fields(group)) }) {
			first := strings.Fields(need[0])
			choices := strings.ReplaceAll(strings.ReplaceAll(strings.Join(need, "|"), " ", " and "), "|", ", or ")
			missing := slices.IndexFunc(first, func(name string) bool { return v[name] == "" })
			errs = append(errs, &gateway.OptionError{
				Field: fieldOf(first[missing]), Err: errors.New("is missing: give " + choices),
			})
		}
	}
	for _, pair := range p.file.Pairs {
		given := slices.DeleteFunc(slices.Clone(pair), func(name string) bool { return v[name] == "" })
		for _, name := range pair {
			if len(given) > 0 && v[name] == "" {
				errs = append(errs, &gateway.OptionError{Field: fieldOf(name), Err: errors.New("is missing: " + given[0] + " needs it")})
			}
		}
	}
	receipts := p.file.Receipts
	if receipts.Address != addressNone && v[settingSecret] == "" && v.chosen(receipts.Verify) == nil {
		text := "is missing: this provider signs no receipts, and anyone could send them; give a long random text"
		if receipts.Verify != nil {
			text = "is missing: give a long random text, or " + strings.Join(receipts.Verify[0].When, " and ") + ", so that receipts can be told from forged ones"
		}
		errs = append(errs, &gateway.OptionError{Field: settingSecret, Err: errors.New(text)})
	}
	return errs
}

func fieldOf(name string) string {
	if name == settingFrom || name == settingSecret {
		return name
	}
	return "params." + name
}

func (p *Preset) authenticate(built *Built, v values) error {
	auth := v.chosen(p.file.Request.Auth)
	if auth == nil {
		return nil
	}
	settings := v.fillAll(auth.Settings, p.Params)
	switch auth.Type {
	case "basic":
		built.Gateway.Auth = gateway.BasicAuth{User: settings["user"], Password: settings["password"]}
	case "header":
		built.Gateway.Auth = gateway.APIKey{Name: settings["name"], Value: settings["value"], In: gateway.KeyInHeader}
	case "sign":
		signer, err := signature.NewSigner(auth.Kind, settings)
		if err != nil {
			return settingFault(err, auth.Settings)
		}
		built.Gateway.Signer = signer
	}
	return nil
}

func (p *Preset) verify(receiver *gateway.ReceiverOptions, v values) error {
	verify := v.chosen(p.file.Receipts.Verify)
	if verify == nil {
		return nil
	}
	verifier, err := signature.New(verify.Kind, v.fillAll(verify.Settings, p.Params))
	if err != nil {
		return settingFault(err, verify.Settings)
	}
	receiver.Verifiers = []signature.Verifier{verifier}
	return nil
}

// settingFault names the parameter that gives the setting at fault, where one does alone.
func settingFault(err error, settings map[string]string) error {
	fault, ok := errors.AsType[*signature.SettingError](err)
	if ok {
		text := settings[fault.Setting]
		if name := strings.Trim(text, "{}"); text == "{"+name+"}" {
			return &gateway.OptionError{Field: "params." + name, Err: fault.Err}
		}
	}
	return &gateway.OptionError{Field: "params", Err: err}
}

// checkBase wants scheme, host and port alone. Its errors quote nothing.
func checkBase(base string) error {
	if base == "" {
		return nil
	}
	target, err := url.Parse(base)
	switch {
	case err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https":
		return errors.New("is no address: write it as https://host or https://host:port")
	case target.User != nil || target.RawQuery != "" || target.Fragment != "" || strings.Trim(target.Path, "/") != "":
		return errors.New("has more than scheme, host and port: the preset knows the path")
	}
	return nil
}

// rebase replaces scheme, host and port of an address.
func rebase(address, base string) string {
	if base == "" {
		return address
	}
	_, rest, _ := strings.Cut(address, "://")
	start := strings.IndexAny(rest, "/?")
	if start < 0 {
		start = len(rest)
	}
	return strings.TrimRight(base, "/") + rest[start:]
}

// ReceiptURL is where the provider of a gateway reports to, empty without a public address.
func ReceiptURL(public, gateway, secret string) string {
	if public == "" {
		return ""
	}
	address := strings.TrimRight(public, "/") + "/receipts/" + url.PathEscape(gateway)
	if secret != "" {
		address += "/" + url.PathEscape(secret)
	}
	return address
}
