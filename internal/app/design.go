package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"courier/internal/config"
	"courier/internal/dispatch"
	"courier/internal/gateway"
	"courier/internal/gateway/preset"
)

// design is a gateway that is to be built.
type design struct {
	options gateway.Options
	// receiver is nil for a gateway whose receipts are not taken.
	receiver  *gateway.ReceiverOptions
	templates []template
	// lane is how hard the gateway may be driven.
	lane dispatch.GatewayOptions
	// rate is that of lane as it is configured, zero where all gateways have the same.
	rate config.RateLimit
	// registered is true when the operator has to tell the provider where receipts go.
	registered bool
	from       string
	// pem is what the files for TLS hold.
	pem []byte
}

// role is what a template is for.
type role string

// The roles of templates.
const (
	bodyRole     role = "body"
	queryRole    role = "query"
	responseRole role = "response"
	receiptRole  role = "receipt"
	// lookupRole asks what became of a message, and foundRole reads the answer.
	lookupRole role = "lookup"
	foundRole  role = "found"
)

// argument is the name of what a template of the role is a function of.
func (r role) argument() string {
	return map[role]string{bodyRole: "ctx", queryRole: "ctx", lookupRole: "ctx", responseRole: "res", foundRole: "res", receiptRole: "req"}[r]
}

// file is the name of the template in the folder of a preset.
func (r role) file() string {
	if r == bodyRole {
		return "request.jsonnet"
	}
	return string(r) + ".jsonnet"
}

// tried is what a template of the role is tried with.
func (r role) tried() string {
	return map[string]string{"ctx": "messages", "res": "answers", "req": "receipts"}[r.argument()]
}

// template is one of a gateway that is to be built. Its text is given by a preset, or
// comes from the source.
type template struct {
	role   role
	holder *gateway.Template
	source config.TemplateSource
	given  string
	// name is what errors and logs call it: no secret and no content.
	name string
	// key is where it is configured.
	key string
}

// trials try the templates of one gateway, in their order, with made-up messages, answers
// and receipts.
type trials struct {
	built  *gateway.Gateway
	taking *gateway.Receiver
	// lookup is tried together with what reads its answer.
	lookup gateway.Evaluator
}

func (t *trials) of(r role) func(context.Context, gateway.Evaluator) ([]string, error) {
	switch r {
	case queryRole:
		return t.built.TryQuery
	case responseRole:
		return t.built.TryResponse
	case receiptRole:
		return t.taking.Try
	case lookupRole:
		return func(_ context.Context, lookup gateway.Evaluator) ([]string, error) {
			t.lookup = lookup
			return nil, nil
		}
	case foundRole:
		return func(ctx context.Context, found gateway.Evaluator) ([]string, error) {
			// An answer that it fails for leaves open what became of the message, which is right
			// for most of those that are made up.
			_, err := t.built.TryLookup(ctx, t.lookup, found)
			return nil, err
		}
	case bodyRole:
	}
	return t.built.Try
}

// design turns the settings of a gateway into what its parts need, nil when nothing can be
// made of them.
func (b *gatewayBuilder) design(from *config.Gateway) (*design, []config.Problem) {
	d, problems := &design{from: from.From}, []config.Problem(nil)
	var limits preset.Limits
	if from.Preset == "" {
		d.options = ownOptions(from)
		d.templates = []template{
			{role: bodyRole, source: from.Body, key: from.RequestPath() + ".body"},
			{role: queryRole, source: from.Query, key: from.RequestPath() + ".query"},
		}
	} else {
		built, faults := b.preset(from)
		if len(faults) > 0 {
			return nil, faults
		}
		limits = built.Limits
		d.options, d.receiver, d.registered = built.Gateway, built.Receiver, built.Registered
		d.templates = []template{
			{role: bodyRole, given: built.Templates.Request},
			{role: queryRole, given: built.Templates.Query},
			{role: responseRole, given: built.Templates.Response},
			{role: receiptRole, given: built.Templates.Receipt},
			{role: lookupRole, given: built.Templates.Lookup},
			{role: foundRole, given: built.Templates.Found},
		}
		for i := range d.templates {
			d.templates[i].name, d.templates[i].key = from.Preset+"/"+d.templates[i].role.file(), from.Path+".preset"
		}
	}
	d.replace(template{role: responseRole, source: from.Response, key: from.Path + ".response"})
	d.replace(template{role: receiptRole, source: from.Receipt, key: from.Path + ".receipt"})
	for _, t := range b.edited {
		d.put(t)
	}
	d.connect()
	if d.receiver != nil {
		d.options.ReceiptURL = preset.ReceiptURL(b.config.Public.URL, from.Name, from.ReceiptSecret.Reveal())
	}
	if function := b.requests[from.Name]; function != nil {
		d.options.Template = gateway.NewRequestTemplate(function)
	}
	if d.receiver != nil && len(d.receiver.Verifiers) == 0 && from.ReceiptSecret.Empty() {
		problems = append(problems, b.config.Problem(from.Path+".receipt_secret", "the key is missing; without it anybody could send receipts: give a long random text"))
	}
	d.limit(b.config, from, limits)
	d.options.PrivateIPs, d.options.Logger = privateIPs(b.config), b.logger
	if err := d.secure(from.TLS); err != nil {
		problems = append(problems, b.config.Problem(from.Path+".tls", err.Error()))
	}
	return d, problems
}

// preset returns what a preset makes of the settings of a gateway.
func (b *gatewayBuilder) preset(from *config.Gateway) (built *preset.Built, problems []config.Problem) {
	var err error
	if b.presets == nil {
		if b.presets, err = preset.Load(b.config.PresetsDir); err != nil {
			return nil, []config.Problem{b.config.Problem("presets_dir", err.Error())}
		}
	}
	chosen, err := b.presets.Get(from.Preset)
	if err != nil {
		return nil, []config.Problem{b.config.Problem(from.Path+".preset", err.Error())}
	}
	settings := preset.Config{
		ID: from.Name, From: from.From, Params: map[string]string{},
		ReceiptSecret: from.ReceiptSecret.Reveal(), PublicURL: b.config.Public.URL,
	}
	for name, param := range from.Params {
		settings.Params[name] = param.Text.Reveal()
	}
	if built, err = chosen.Build(settings); err != nil {
		return nil, fieldProblems(b.config, func(field string) string { return keyOf(from, field) }, err)
	}
	return built, nil
}

// keyOf is the key of a field of a gateway's options.
func keyOf(from *config.Gateway, field string) string {
	first, _, _ := strings.Cut(field, ".")
	switch first {
	case "url", "method", "headers", "auth":
		if from.Preset == "" {
			return from.RequestPath() + "." + field
		}
	case "":
		return from.Path
	case "name":
		return from.Path + ".id"
	}
	return from.Path + "." + field
}

func ownOptions(from *config.Gateway) gateway.Options {
	header := make(map[string]string, len(from.Header))
	for name, value := range from.Header {
		header[name] = value.Reveal()
	}
	params := make(map[string]any, len(from.Params))
	for name, param := range from.Params {
		switch text := param.Text.Reveal(); param.Kind {
		case config.ParamNumber:
			params[name] = json.Number(text)
		case config.ParamBool:
			params[name] = text == "true"
		case config.ParamText:
			params[name] = text
		}
	}
	return gateway.Options{
		Name: from.Name, URL: from.URL.Reveal(), Method: from.Method, Header: header, Auth: gatewayAuth(from.Auth), Params: params,
	}
}

func gatewayAuth(auth config.Auth) gateway.Auth {
	switch auth.Type {
	case config.AuthBasic:
		return gateway.BasicAuth{User: auth.User.Reveal(), Password: auth.Password.Reveal()}
	case config.AuthAPIKey:
		return gateway.APIKey{Name: auth.Name, Value: auth.Value.Reveal(), In: gateway.KeyLocation(auth.In)}
	case config.AuthNone:
	}
	return nil
}

func privateIPs(cfg *config.Config) gateway.PrivateIPPolicy {
	return gateway.PrivateIPPolicy{
		Disallow:      cfg.Clients.HTTP.DisallowPrivateIPRanges,
		ExceptionURLs: cfg.Clients.HTTP.PrivateIPExceptionURLs,
	}
}

// replace puts a template that is configured in the place of the preset's.
func (d *design) replace(with template) {
	if with.source.Kind != config.TemplateNone {
		d.put(with)
	}
}

// put puts a template in the place of the one with its role.
func (d *design) put(with template) {
	for i := range d.templates {
		if d.templates[i].role == with.role {
			d.templates[i] = with
			return
		}
	}
	d.templates = append(d.templates, with)
}

// connect gives the parts the holders of their templates, and leaves out what there is not.
func (d *design) connect() {
	var used []template
	for _, t := range d.templates {
		if t.source.Kind == config.TemplateNone && t.given == "" {
			continue
		}
		t.holder = &gateway.Template{}
		used = append(used, t)
		switch t.role {
		case bodyRole:
			d.options.Template = t.holder
		case queryRole:
			d.options.Query = t.holder
		case responseRole:
			if d.options.Response == nil {
				d.options.Response = &gateway.Rules{}
			}
			d.options.Response.Template = t.holder
		case receiptRole:
			if d.receiver == nil {
				d.receiver = &gateway.ReceiverOptions{Gateway: d.options.Name}
			}
			d.receiver.Template = t.holder
		case lookupRole:
			d.options.Lookup = &gateway.Lookup{Request: t.holder}
		case foundRole:
			d.options.Lookup.Response = t.holder
		}
	}
	d.templates = used
}

// limit says how hard the gateway may be driven: as it says itself, as its preset does,
// or as all do.
func (d *design) limit(cfg *config.Config, from *config.Gateway, limits preset.Limits) {
	all := &cfg.Dispatch
	d.lane = dispatch.GatewayOptions{
		MaxInFlight: cmp.Or(from.MaxInFlight, limits.MaxInFlight, all.MaxInFlight),
		Timeout:     cmp.Or(from.Timeout, all.Timeout),
		OnUnknown:   dispatch.UnknownPolicy(from.OnUnknown),
		Retry:       dispatch.Retry(from.Retry),
		Breaker:     dispatch.Breaker{Failures: from.Breaker.Failures, Share: from.Breaker.Share, Window: from.Breaker.Window},
		MaxRate:     all.MaxRate,
		Receipts:    d.receiver != nil,
	}
	if d.rate = cmp.Or(from.RateLimit, config.RateLimit(limits.Rate)); d.rate.Per > 0 {
		d.lane.MaxRate = float64(d.rate.Count) / d.rate.Per.Seconds()
	}
	if d.lane.Retry.Max > 0 && d.lane.Retry.Initial == 0 {
		d.lane.Retry.Initial = min(all.Retry.Initial, d.lane.Retry.Max)
	}
	d.options.MaxInFlight, d.options.Timeout = d.lane.MaxInFlight, d.lane.Timeout
}

// secure reads the files for TLS.
func (d *design) secure(files config.GatewayTLS) error {
	if files == (config.GatewayTLS{}) {
		return nil
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if files.CA != "" {
		ca, err := os.ReadFile(files.CA)
		if err != nil {
			return fmt.Errorf("read ca: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(ca) {
			return errors.New("ca holds no certificate in PEM")
		}
		d.pem = append(d.pem, ca...)
	}
	if files.Cert != "" {
		cert, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			return fmt.Errorf("read cert and key: %w", err)
		}
		settings.Certificates = []tls.Certificate{cert}
		for _, der := range cert.Certificate {
			d.pem = append(d.pem, der...)
		}
	}
	d.options.TLSConfig = settings
	return nil
}

// fingerprint changes with everything that decides whether a gateway takes messages, so
// that a reload keeps what was learnt of one that stays as it is. It is a hash, as what
// goes into it holds secrets. How hard the gateway may be driven is no part of it.
func (d *design) fingerprint(templates map[role][]byte) (string, error) {
	options := &d.options
	var codes map[string]any
	if options.Response != nil {
		codes = options.Response.Errors
	}
	content, err := json.Marshal(map[string]any{
		"name": options.Name, "url": options.URL, "method": options.Method, "header": options.Header,
		"auth": options.Auth, "kind": fmt.Sprintf("%T", options.Auth), "params": options.Params,
		"private": options.PrivateIPs, "templates": templates, "codes": codes, "from": d.from, "tls": d.pem, "receipts": options.ReceiptURL,
	})
	if err != nil {
		return "", fmt.Errorf("compute fingerprint: %w", err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}
