package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"courier"
	"courier/internal/config"
	"courier/internal/dispatch"
	"courier/internal/gateway"
	"courier/internal/hook"
	"courier/internal/httpapi"
	"courier/internal/intake"
	"courier/internal/store"
	"courier/internal/text"
)

// hooks takes the calls of identity systems, by the configuration in force.
type hooks struct {
	current atomic.Pointer[map[string]hookAt]
	// messages takes their messages; it is there before a call comes.
	messages hookMessages
}

// hookAt is a hook, and whether its secret may stand in the address.
type hookAt struct {
	hook      *hook.Hook
	inAddress bool
}

// Serve implements httpapi.Hooks.
func (h *hooks) Serve(ctx context.Context, call *httpapi.HookCall) (httpapi.HookAnswer, bool) {
	current := h.current.Load()
	if current == nil {
		return httpapi.HookAnswer{}, false
	}
	at, known := (*current)[call.ID]
	if !known || call.Secret != "" && !at.inAddress {
		return httpapi.HookAnswer{}, false
	}
	proven := call.Secret != "" && at.hook.HasSecret(call.Secret)
	request := requestAs(http.MethodPost, call.Target, call.Header, "", call.Body)
	answer := at.hook.Serve(ctx, request, proven)
	return httpapi.HookAnswer{
		Status: answer.Status, ContentType: answer.ContentType, Body: answer.Body, RetryAfter: answer.RetryAfter,
		Result: string(answer.Result), Err: answer.Err,
	}, true
}

// hookMessages is the courier as hooks see it.
type hookMessages struct {
	*intake.Intake
	*dispatch.Engine
	store store.Store
}

// Messages implements hook.Messages.
func (m *hookMessages) Messages(ctx context.Context, query store.Query) (store.Page, error) {
	return m.store.Messages(ctx, query)
}

// Cancel implements hook.Messages.
func (m *hookMessages) Cancel(ctx context.Context, id courier.ID, now time.Time) (*courier.Message, error) {
	return m.store.Cancel(ctx, id, now)
}

// Reject implements hook.Messages.
func (m *hookMessages) Reject(ctx context.Context, message *courier.Message, reason *courier.Attempt) (store.Enqueued, error) {
	return m.Engine.Reject(ctx, m.Complete(message), reason)
}

// texts makes the texts of codes of one configuration.
type texts struct {
	*text.Texts
	// codeFunc returns the code that the texts of a test number show, empty for that of
	// the data. It is nil without test numbers.
	codeFunc func(to string) string
}

// Render implements hook.Texts.
func (t texts) Render(kind, locale, to, domain string, data json.RawMessage) (string, error) {
	request := text.Request{Type: kind, Locale: locale, To: to, Domain: domain, Data: data}
	if t.codeFunc != nil {
		request.Code = t.codeFunc(to)
	}
	return t.Texts.Render(request)
}

// testCodes returns the codes of test numbers, however a number is written.
func testCodes(cfg *config.Config) func(to string) string {
	if len(cfg.Recipients.Test) == 0 {
		return nil
	}
	reader := intake.New(intake.Options{Policy: intakePolicy(cfg, texts{})})
	return func(to string) string {
		if number, err := reader.Recipient(to); err == nil {
			to = number
		}
		return cfg.Recipients.Test[to]
	}
}

// forDraft makes the text of a message that came without one. One of a type that has no
// text, or without a code, is left to the template of its gateway.
func (t texts) forDraft(draft *courier.Draft) (string, error) {
	made, err := t.Render(draft.TemplateType, hook.KratosLocale(draft.TemplateData, draft.RequestHeaders), draft.To, "", draft.TemplateData)
	if errors.Is(err, text.ErrNoText) || errors.Is(err, text.ErrNoCode) {
		return "", nil
	}
	return made, err
}

// buildTexts reads and tries the templates of codes.
func buildTexts(ctx context.Context, cfg *config.Config) (texts, []config.Problem) {
	var problems []config.Problem
	sources, paths := make([]text.Source, 0, len(cfg.Texts)), map[*text.Source]string{}
	for i := range cfg.Texts {
		from := &cfg.Texts[i]
		source, err := readText(ctx, cfg, from)
		if err != nil {
			problems = append(problems, cfg.Problem(from.Path, err.Error()))
			continue
		}
		sources = append(sources, source)
		paths[&sources[len(sources)-1]] = from.Path
	}
	made, err := text.New(sources)
	return texts{made, testCodes(cfg)}, append(problems, problemsOf(cfg, "courier.templates", err, func(fault *text.SourceError) (path, text string) {
		return paths[fault.Source], fault.Error()
	})...)
}

// readText reads a template of a code. One of an http(s) address is fetched now, and at
// each reload.
func readText(ctx context.Context, cfg *config.Config, from *config.Text) (text.Source, error) {
	source := text.Source{Type: from.Type, Locale: from.Locale, Name: "text", Others: map[string][]byte{}}
	var err error
	if from.Source.Kind == config.TemplateHTTP {
		source.Text, err = fetchText(ctx, cfg, from.Source.URI.Reveal())
	} else {
		source.Text, err = readTemplate(from.Source)
	}
	if from.Source.Kind == config.TemplateFile {
		source.Name = filepath.Base(from.Source.Path)
	}
	for _, other := range from.Others {
		content, readErr := readRegular(other)
		source.Others[filepath.Base(other)], err = content, errors.Join(err, readErr)
	}
	return source, err
}

func fetchText(ctx context.Context, cfg *config.Config, address string) ([]byte, error) {
	server, err := gateway.NewSource(address, privateIPs(cfg))
	if err != nil {
		return nil, err
	}
	defer server.Close()
	ctx, cancel := context.WithTimeout(ctx, startFetch)
	defer cancel()
	content, _, err := server.Fetch(ctx)
	return content, err
}

// buildHooks makes the hooks of a configuration.
func buildHooks(cfg *config.Config, made texts, messages hook.Messages) (map[string]hookAt, []config.Problem) {
	var problems []config.Problem
	all := make(map[string]hookAt, len(cfg.Hooks))
	for i := range cfg.Hooks {
		from := &cfg.Hooks[i]
		options := hook.Options{
			ID: from.ID, Type: from.Type, User: from.User, Template: from.Template, Channel: from.Channel, From: from.From, Lane: courier.Lane(from.Lane),
			TTL: from.TTL, Dedupe: from.Dedupe, Domain: from.Domain, Locale: from.Locale, Messages: messages, Texts: made,
		}
		for _, secret := range from.Secrets {
			options.Secrets = append(options.Secrets, secret.Reveal())
		}
		one, err := hook.New(options)
		if err != nil {
			problems = append(problems, cfg.Problem(from.Path+".secret", err.Error()))
			continue
		}
		all[from.ID] = hookAt{one, from.URLSecret}
	}
	return all, problems
}
