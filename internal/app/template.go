package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"courier/internal/config"
	"courier/internal/gateway"
	"courier/internal/jsonnet"
)

const (
	// startFetch bounds how long the start waits for a template's server.
	startFetch = 5 * time.Second
	// firstFetchWait is the wait before a template that was never read is asked for
	// again. It doubles up to the one of templates that were.
	firstFetchWait = time.Second
)

// liveTemplate is a template of one gateway. A file is watched as a part of the
// configuration; an http(s) address has nothing but asking that tells of a change.
type liveTemplate struct {
	template
	// gateway is the name of its gateway.
	gateway string
	pool    *jsonnet.Pool
	logger  *slog.Logger
	// tryFunc says for what it does not work, or why it works for nothing.
	tryFunc func(context.Context, gateway.Evaluator) (warnings []string, err error)
	// server is nil for what is no http(s) address.
	server  *gateway.Source
	address string
	// wait is how long the source need not be asked again.
	wait time.Duration
	// text is the one in force, nil for none. pending could not be tried yet.
	text    atomic.Pointer[[]byte]
	pending []byte
	logged  string
}

// readTemplate returns the text of a template. It is nil where a start goes on
// without: the messages of the gateway wait until the server answers.
func (b *gatewayBuilder) readTemplate(ctx context.Context, t *liveTemplate) ([]byte, error) {
	switch t.source.Kind {
	case config.TemplateNone:
		return []byte(t.given), nil
	case config.TemplateInline, config.TemplateFile:
		t.name = cmp.Or(t.source.Path, "base64")
		return readTemplate(t.source)
	case config.TemplateHTTP:
	}
	var err error
	t.address = t.source.URI.Reveal()
	if t.server, err = gateway.NewSource(t.address, privateIPs(b.config)); err != nil {
		return nil, err
	}
	t.name = t.server.Name()
	if b.starting {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, startFetch)
		defer cancel()
	}
	text, fresh, err := t.server.Fetch(ctx)
	t.wait = fresh
	if err == nil {
		return text, nil
	}
	if known := b.previous.textOf(t.address); known != nil {
		t.logOnce(ctx, err)
		return known, nil
	}
	if !b.starting {
		return nil, err
	}
	t.wait = firstFetchWait
	t.logOnce(ctx, err)
	return nil, nil
}

// readTemplate reads a template that is a file or in the configuration.
func readTemplate(source config.TemplateSource) (text []byte, err error) {
	if source.Kind != config.TemplateFile {
		return decodeTemplate(source.URI.Reveal())
	}
	if source.Path == "" {
		return nil, errors.New("read template: file:// names no file; write file://./sms.jsonnet or file:///etc/courier/sms.jsonnet")
	}
	if text, err = readRegular(source.Path); err == nil && len(bytes.TrimSpace(text)) == 0 {
		err = fmt.Errorf("read template: %s is empty", source.Path)
	}
	return text, err
}

// decodeTemplate reads a template that is written in the configuration.
func decodeTemplate(address string) ([]byte, error) {
	encoded, found := strings.CutPrefix(address, "base64://")
	if !found {
		return nil, errors.New("expected a template by file://, base64://, http:// or https://, such as file://./sms.jsonnet")
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil: // its text may quote the template
		return nil, errors.New("the template is not base64 in the standard alphabet with padding; encode it with: base64 -w0 sms.jsonnet")
	case len(bytes.TrimSpace(text)) == 0:
		return nil, errors.New("the template is empty")
	}
	return text, nil
}

// readRegular reads a regular file; another could block or never end.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read template: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("read template %s: it is no regular file", path)
	case info.Size() > gateway.MaxTemplate:
		return nil, fmt.Errorf("read template %s: it is larger than %d bytes", path, gateway.MaxTemplate)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	return text, nil
}

// apply puts a text in force if it works for anything.
func (t *liveTemplate) apply(ctx context.Context, text []byte) (warnings []string, err error) {
	compiled, err := t.pool.CompileFunc(ctx, t.role.argument(), t.name, text)
	if err != nil {
		return nil, err
	}
	for _, warning := range compiled.Warnings() {
		warnings = append(warnings, "the template fails where it gets to this: "+warning.Error())
	}
	failing, err := t.tryFunc(ctx, compiled)
	if err != nil {
		return nil, fmt.Errorf("the template works for none of the %s it was tried with: %w", t.role.tried(), err)
	}
	t.holder.Swap(compiled)
	t.text.Store(&text)
	return append(warnings, failing...), nil
}

// follow puts each new text of an http(s) address in force until the context
// ends. What is wrong with one is logged, and the last good one stays.
func (t *liveTemplate) follow(ctx context.Context) {
	if t.server == nil {
		return
	}
	for timer := time.NewTimer(t.wait); ; timer.Reset(t.wait) {
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		t.revalidate(ctx)
	}
}

// revalidate asks for the text once.
func (t *liveTemplate) revalidate(ctx context.Context) {
	text, fresh, err := t.server.Fetch(ctx)
	if err != nil {
		t.logOnce(ctx, err)
		if t.text.Load() == nil {
			fresh = min(2*t.wait, fresh)
		}
		t.wait = fresh
		return
	}
	t.wait = fresh
	if text == nil {
		text, t.pending = t.pending, nil
	}
	if current := t.text.Load(); text == nil || current != nil && string(*current) == string(text) {
		t.logged = ""
		return
	}
	warnings, err := t.apply(ctx, text)
	if err != nil {
		t.logOnce(ctx, err)
		if ctx.Err() != nil || errors.Is(err, jsonnet.ErrUnavailable) { // it says nothing of the text
			t.pending, t.wait = text, firstFetchWait
		}
		return
	}
	t.logged = ""
	t.logger.InfoContext(ctx, "the changed template is in force", slog.String("template", t.name))
	logTemplateWarnings(ctx, t.logger, t.name, warnings)
}

// logOnce logs a fault once, until it is another or was over.
func (t *liveTemplate) logOnce(ctx context.Context, err error) {
	if text := err.Error(); ctx.Err() == nil && text != t.logged {
		t.logged = text
		consequence := "the last good one stays in force"
		if t.text.Load() == nil {
			consequence = "the messages of its gateway wait"
		}
		t.logger.ErrorContext(ctx, "the template cannot be used; correct it, the courier reads it again by itself",
			slog.String("until_then", consequence), slog.String("template", t.name), slog.String("gateway", t.gateway), slog.String("error", text))
	}
}

func logTemplateWarnings(ctx context.Context, logger *slog.Logger, name string, warnings []string) {
	for _, warning := range warnings {
		logger.WarnContext(ctx, "template warning", slog.String("template", name), slog.String("warning", warning))
	}
}
