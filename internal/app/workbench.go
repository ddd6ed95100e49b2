package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"courier"
	"courier/internal/config"
	"courier/internal/curl"
	"courier/internal/gateway"
	"courier/internal/gateway/preset"
	"courier/internal/httpapi"
	"courier/internal/intake"
	"courier/internal/jsonnet"
	"courier/internal/mask"
)

// workbench tries templates with processes of its own, so that no message waits for it. A
// gateway on it is made of what the visitor gives, and of nothing that is configured: no
// secret and no file can be brought out through a template. It also builds the requests of
// messages anew, with what is configured.
type workbench struct {
	// configFunc returns the configuration in force, whose folder of presets is used.
	configFunc func() *config.Config
	// sendingFunc returns the gateways in force, for requests that are built anew.
	sendingFunc func() *sending
	inProcess   bool
	nowFunc     func() time.Time
	known       atomic.Pointer[knownPresets]
	// free bounds how many trials run at one time.
	free chan struct{}
}

const (
	maxTrials = 2
	// trialTime bounds one trial.
	trialTime = 10 * time.Second
	// trialGateway is the name of the gateway on the workbench.
	trialGateway = "workbench"
	// trialURL is the address of its public listener.
	trialURL = "https://courier.example"
)

// knownPresets are those of one configuration.
type knownPresets struct {
	config *config.Config
	set    *preset.Set
}

// presets reads the presets once for each configuration, as the gateways do.
func (w *workbench) presets() (*preset.Set, error) {
	cfg := w.configFunc()
	if known := w.known.Load(); known != nil && known.config == cfg {
		return known.set, nil
	}
	set, err := preset.Load(cfg.PresetsDir)
	if err != nil {
		return nil, err
	}
	w.known.Store(&knownPresets{cfg, set})
	return set, nil
}

func newWorkbench(a *App) *workbench {
	return &workbench{
		configFunc: a.reload.inForce.Load, sendingFunc: a.reload.sending.Load, inProcess: a.options.Host != nil, nowFunc: a.store.Now,
		free: make(chan struct{}, maxTrials),
	}
}

// Presets implements httpapi.Workbench.
func (w *workbench) Presets() ([]httpapi.Preset, error) {
	set, err := w.presets()
	if err != nil {
		return nil, fmt.Errorf("list presets: %w", err)
	}
	shown := []httpapi.Preset{}
	for _, name := range set.Names() {
		p, err := set.Get(name)
		if err != nil {
			return nil, fmt.Errorf("list presets: %w", err)
		}
		shown = append(shown, httpapi.Preset{
			Name: p.Name, Title: p.Title, Params: p.Examples(),
			Request: p.Templates.Request, Query: p.Templates.Query, Response: p.Templates.Response, Receipt: p.Templates.Receipt,
		})
	}
	return shown, nil
}

// Try implements httpapi.Workbench.
func (w *workbench) Try(ctx context.Context, asked *httpapi.TrialRequest) (*httpapi.TrialResult, error) {
	ctx, end, err := w.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	logger := slog.New(slog.DiscardHandler)
	pool := jsonnet.NewPool(jsonnet.Options{Logger: logger, Workers: 1, InProcess: w.inProcess})
	defer func() { _ = pool.Close(context.WithoutCancel(ctx)) }() // a child that does not end is killed
	set, err := w.presets()
	if err != nil {
		return nil, fmt.Errorf("read presets: %w", err)
	}
	cfg := &config.Config{}
	cfg.Public.URL = trialURL
	t := &trialRun{
		asked: asked, pool: pool, nowFunc: w.nowFunc,
		builder: &gatewayBuilder{config: cfg, logger: logger, presets: set},
		result:  &httpapi.TrialResult{Faults: []httpapi.TrialFault{}},
	}
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	return t.result, ctx.Err()
}

// begin waits for room for a trial, and bounds how long it may take.
func (w *workbench) begin(ctx context.Context) (bounded context.Context, end func(), err error) {
	select {
	case w.free <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	bounded, cancel := context.WithTimeout(ctx, trialTime)
	return bounded, func() {
		cancel()
		<-w.free
	}, nil
}

// Request implements httpapi.Workbench.
func (w *workbench) Request(ctx context.Context, gateway string, m *courier.Message) (*httpapi.TrialSent, error) {
	ctx, end, err := w.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	now := w.sendingFunc()
	at := slices.IndexFunc(now.senders, func(s sender) bool { return s.Name() == gateway })
	if at < 0 {
		return nil, errors.New("the gateway is not in the configuration any more")
	}
	shown, err := now.senders[at].shown(ctx, m)
	if err != nil {
		return nil, err
	}
	return newTrialSent(NewMasker(now.config).Mask(shown)), nil
}

func newTrialSent(r *curl.Request) *httpapi.TrialSent {
	return &httpapi.TrialSent{Method: r.Method, URL: r.URL, Headers: r.Header, Body: r.Body, Curl: r.Command()}
}

// trialRun is one trial.
type trialRun struct {
	asked   *httpapi.TrialRequest
	pool    *jsonnet.Pool
	nowFunc func() time.Time
	builder *gatewayBuilder
	result  *httpapi.TrialResult
}

func (t *trialRun) run(ctx context.Context) error {
	from, err := t.gateway()
	if err != nil {
		return err
	}
	t.edit()
	d, problems := t.builder.design(from)
	for _, problem := range problems {
		t.result.Faults = append(t.result.Faults, httpapi.TrialFault{Where: strings.TrimPrefix(problem.Path, trialGateway+"."), Message: problem.Message})
	}
	t.result.YAML = t.yaml()
	if d == nil || len(problems) > 0 {
		return nil
	}
	ready := t.compile(ctx, d.templates)
	d.options.NowFunc = t.nowFunc
	built, err := gateway.New(d.options)
	if err != nil {
		for _, problem := range fieldProblems(t.builder.config, func(field string) string { return field }, err) {
			t.fault(problem.Path, errors.New(problem.Message))
		}
		return nil
	}
	defer built.Close()
	message, err := t.message()
	if err != nil {
		return err
	}
	through := sender{built, from.From}
	if t.asked.Message != nil && ready[bodyRole] && ready[queryRole] && ready[responseRole] {
		t.render(ctx, through, message)
	}
	if t.asked.Answer != nil && ready[responseRole] {
		t.judge(ctx, through, message)
	}
	if t.asked.Call != nil && ready[receiptRole] && d.receiver != nil {
		t.receive(ctx, *d.receiver)
	}
	return nil
}

// gateway is the gateway on the workbench. What a preset needs and is not given has its example.
func (t *trialRun) gateway() (*config.Gateway, error) {
	g := &config.Gateway{
		Name: trialGateway, Path: trialGateway, Channel: courier.DefaultChannel, Preset: t.asked.Preset, Params: map[string]config.Param{},
		From: cmp.Or(t.asked.From, "+12065550110"), ReceiptSecret: config.NewSecret("receipt-secret"),
		Request: config.Request{
			URL: config.NewSecret(cmp.Or(t.asked.URL, "https://gateway.example/send")), Method: cmp.Or(t.asked.Method, http.MethodPost), Header: map[string]config.Secret{},
		},
	}
	for name, value := range t.asked.Headers {
		g.Header[name] = config.NewSecret(value)
	}
	for name, value := range t.asked.Params {
		g.Params[name] = config.Param{Text: config.NewSecret(value), Kind: config.ParamText}
	}
	if t.asked.Preset == "" {
		return g, nil
	}
	chosen, err := t.builder.presets.Get(t.asked.Preset)
	if err != nil {
		return nil, &courier.Error{Code: courier.CodeInvalidRequest, Field: "preset", Message: err.Error()}
	}
	for name, example := range chosen.Examples() {
		if _, given := g.Params[name]; !given {
			g.Params[name] = config.Param{Text: config.NewSecret(example), Kind: config.ParamText}
		}
	}
	return g, nil
}

// edited are the templates that were given, by their roles.
func (t *trialRun) edited() map[role]*string {
	return map[role]*string{bodyRole: t.asked.Request, queryRole: t.asked.Query, responseRole: t.asked.Response, receiptRole: t.asked.Receipt}
}

func (t *trialRun) edit() {
	for role, text := range t.edited() {
		if text != nil {
			t.builder.edited = append(t.builder.edited, template{role: role, given: *text, name: role.file()})
		}
	}
}

// compile puts the templates in force that can be, and says which roles may be tried: those
// of no template, or of a good one.
func (t *trialRun) compile(ctx context.Context, templates []template) map[role]bool {
	ready := map[role]bool{bodyRole: true, queryRole: true, responseRole: true, receiptRole: true}
	for _, one := range templates {
		compiled, err := t.pool.CompileFunc(ctx, one.role.argument(), one.role.file(), []byte(one.given))
		if err != nil {
			ready[one.role] = false
			t.fault(where(one.role), err)
			continue
		}
		for _, warning := range compiled.Warnings() {
			t.fault(where(one.role), warning)
		}
		one.holder.Swap(compiled)
	}
	return ready
}

// where names a template as the API does.
func where(r role) string {
	if r == bodyRole {
		return "request"
	}
	return string(r)
}

// fault notes what is wrong, once.
func (t *trialRun) fault(where string, err error) {
	fault := httpapi.TrialFault{Where: where, Message: err.Error()}
	if found, ok := errors.AsType[*jsonnet.TemplateError](err); ok {
		fault.Line, fault.Column, fault.Message = found.Line, found.Column, found.Message
		if file, ok := strings.CutSuffix(found.Template, ".jsonnet"); ok {
			fault.Where = file
		}
	}
	if !slices.Contains(t.result.Faults, fault) {
		t.result.Faults = append(t.result.Faults, fault)
	}
}

// message is the sample, or one that is made up.
func (t *trialRun) message() (*courier.Message, error) {
	sample := cmp.Or(t.asked.Message, &httpapi.TrialMessageRequest{To: "+12065550199", Body: "Your code is 123456"})
	policy := intake.Policy{
		SkipValidation: true, Channels: []intake.Channel{{ID: courier.DefaultChannel, Gateway: trialGateway}}, Gateways: []string{trialGateway},
	}
	return intake.New(intake.Options{Policy: policy, NowFunc: t.nowFunc}).Accept(courier.Draft{
		To: sample.To, Body: sample.Body, TemplateType: sample.TemplateType, TemplateData: json.RawMessage(sample.TemplateData),
		Lifetime: courier.Lifetime{TTL: sample.TTL},
	})
}

func (t *trialRun) render(ctx context.Context, through sender, m *courier.Message) {
	shown, err := through.shown(ctx, m)
	if err != nil {
		t.fault("request", err)
		return
	}
	t.result.Request = newTrialSent(shown)
}

func (t *trialRun) judge(ctx context.Context, through sender, m *courier.Message) {
	attempt, err := through.Judge(ctx, m, &gateway.Answer{
		Status: t.asked.Answer.Status, Header: headerOf(t.asked.Answer.Headers), Body: []byte(t.asked.Answer.Body),
	})
	if err != nil {
		t.fault("response", err)
	}
	verdict := &httpapi.TrialVerdict{
		Outcome: attempt.Outcome, Class: attempt.Class, Scope: attempt.Scope, Code: attempt.Code, GatewayMessageIDs: attempt.GatewayMessageIDs,
		Message: attempt.Message, Warning: attempt.Warning,
	}
	if len(verdict.GatewayMessageIDs) == 0 && attempt.GatewayMessageID != "" {
		verdict.GatewayMessageIDs = []string{attempt.GatewayMessageID}
	}
	if attempt.RetryAfter > 0 {
		verdict.RetryAfter = attempt.RetryAfter.String()
	}
	if attempt.Class != "" {
		verdict.Advice = attempt.Class.Explain().Next
	}
	t.result.Verdict = verdict
}

func (t *trialRun) receive(ctx context.Context, options gateway.ReceiverOptions) {
	options.Verifiers, options.NowFunc = nil, t.nowFunc
	receiver, err := gateway.NewReceiver(options)
	if err != nil {
		t.fault("receipt", err)
		return
	}
	call := t.asked.Call
	header := headerOf(call.Headers)
	if text := strings.TrimSpace(call.Body); header.Get("Content-Type") == "" && text != "" {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		if text[0] == '{' || text[0] == '[' {
			header.Set("Content-Type", "application/json")
		}
	}
	target := "/receipts/" + trialGateway
	if call.Query != "" {
		target += "?" + call.Query
	}
	request := requestAs(cmp.Or(call.Method, http.MethodPost), target, header, trialURL, []byte(call.Body))
	request.Claims = call.Claims
	result, err := receiver.Receive(ctx, request)
	if err != nil {
		t.fault("receipt", err)
		return
	}
	t.result.Receipts = []httpapi.TrialReceipt{}
	for i := range result.Receipts {
		t.result.Receipts = append(t.result.Receipts, httpapi.NewTrialReceipt(&result.Receipts[i]))
	}
}

func headerOf(given map[string]string) http.Header {
	header := http.Header{}
	for name, value := range given {
		header.Set(name, value)
	}
	return header
}

// yaml is what to write into the configuration. Texts are written as JSON, which YAML has too.
func (t *trialRun) yaml() string {
	var text, own bytes.Buffer
	for _, role := range []role{bodyRole, queryRole, responseRole, receiptRole} {
		given := t.edited()[role]
		if given == nil || *given == "" {
			continue
		}
		if t.asked.Preset != "" && (role == bodyRole || role == queryRole) {
			fmt.Fprintf(&text, "# A preset with another %s is a preset of your own: copy its folder into presets_dir.\n", role.file())
			continue
		}
		fmt.Fprintf(&text, "# Save the template of %s as %s.\n", where(role), role.file())
		if role == responseRole || role == receiptRole {
			fmt.Fprintf(&own, "      %s: file://./%s\n", role, role.file())
		}
	}
	if chosen, err := t.builder.presets.Get(t.asked.Preset); err == nil {
		return text.String() + strings.Replace(chosen.Starter(), "      params:\n", own.String()+"      params:\n", 1)
	}
	fmt.Fprintf(&text, "courier:\n  gateways:\n    - id: my-gateway\n      from: %s\n      request_config:\n        url: %s\n        method: %s\n",
		quoteYAML(cmp.Or(t.asked.From, "+12065550110")), quoteYAML(cmp.Or(t.asked.URL, "https://gateway.example/send")), quoteYAML(cmp.Or(t.asked.Method, http.MethodPost)))
	if t.asked.Request != nil && *t.asked.Request != "" {
		fmt.Fprintf(&text, "        body: file://./%s\n", bodyRole.file())
	}
	if t.asked.Query != nil && *t.asked.Query != "" {
		fmt.Fprintf(&text, "        query: file://./%s\n", queryRole.file())
	}
	writeYAML(&text, "        ", "headers", t.asked.Headers)
	text.Write(own.Bytes())
	if t.asked.Receipt != nil && *t.asked.Receipt != "" {
		text.WriteString("      receipt_secret: env://RECEIPT_SECRET\n")
	}
	writeYAML(&text, "      ", "params", t.asked.Params)
	return text.String()
}

// writeYAML writes a map. What sounds like a secret is to come from the environment.
func writeYAML(text *bytes.Buffer, indent, key string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintf(text, "%s%s:\n", indent, key)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := quoteYAML(values[name])
		if mask.SoundsSecret(name) {
			value = "env://" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		}
		fmt.Fprintf(text, "%s  %s: %s\n", indent, quoteYAML(name), value)
	}
}

func quoteYAML(text string) string {
	quoted, _ := json.Marshal(text) // a text cannot fail
	return string(quoted)
}
