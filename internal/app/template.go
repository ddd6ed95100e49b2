package app

import (
	"context"
	"log/slog"

	"courier/internal/config"
	"courier/internal/gateway"
	"courier/internal/jsonnet"
)

// liveTemplate is the template of one gateway: where its text is, and what is
// evaluated until a new text compiles.
type liveTemplate struct {
	source *gateway.Source
	holder *gateway.Template
	pool   *jsonnet.Pool
	logger *slog.Logger
	// remote is true when nothing but asking tells of a change. A changed file
	// is a changed configuration, which is watched as a whole.
	remote bool
}

// loadTemplate reads and compiles the template of a gateway. It returns nil for
// one without.
func (b *gatewayBuilder) loadTemplate(ctx context.Context, from *config.Gateway) (*liveTemplate, error) {
	if from.Body.Kind == config.BodyNone {
		return nil, nil
	}
	source, err := gateway.NewSource(gateway.SourceOptions{
		URI: templateURI(from.Body), PrivateIPs: privateIPs(b.config), Logger: b.logger,
	})
	if err != nil {
		return nil, err
	}
	t := &liveTemplate{source: source, holder: gateway.NewTemplate(nil), pool: b.pool, logger: b.logger, remote: from.Body.Kind == config.BodyHTTP}
	if _, err := source.Refresh(ctx); err != nil {
		source.Close()
		return nil, err
	}
	if err := t.compile(ctx, source.Current()); err != nil {
		source.Close()
		return nil, err
	}
	return t, nil
}

// templateURI names a file by the path that the configuration found.
func templateURI(body config.BodySource) string {
	if body.Kind == config.BodyFile {
		return "file://" + body.Path
	}
	return body.URI.Reveal()
}

func (t *liveTemplate) compile(ctx context.Context, text []byte) error {
	compiled, err := t.pool.Compile(ctx, t.source.Name(), text)
	if err != nil {
		return err
	}
	t.holder.Swap(compiled)
	return nil
}

// follow puts each new text of a remote template in force until the context
// ends. One that does not compile is logged, and the last good one stays.
func (t *liveTemplate) follow(ctx context.Context) {
	if !t.remote {
		return
	}
	t.source.Watch(ctx, func(ctx context.Context, text []byte) {
		if err := t.compile(ctx, text); err != nil {
			t.logger.ErrorContext(ctx, "the changed template does not compile and the last good one stays in force; mend it, the courier reads it again",
				slog.String("template", t.source.Name()), slog.String("error", err.Error()))
			return
		}
		t.logger.InfoContext(ctx, "the changed template is in force", slog.String("template", t.source.Name()))
	})
}
