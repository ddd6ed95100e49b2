package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"courier"
)

// Lookup asks a gateway what became of a message whose outcome is not known.
type Lookup struct {
	// Request is a function of ctx, which has gateway_message_id and created_at too. It
	// gives {path, method, query, body}: where to ask at the host of the gateway's url, with
	// its headers and authentication; GET without a body when these are left out. null
	// means that this message cannot be asked for.
	Request *Template
	// Response is a function of res, which has ctx too. It gives null where the gateway
	// does not know the message, or {status, class, code, message, id, at} as in a receipt;
	// without a status the gateway took the message and says no more.
	Response *Template
}

// ErrNoLookup means that the gateway cannot be asked what became of a message.
var ErrNoLookup = errors.New("the gateway cannot be asked what became of this message")

// Lookup asks the gateway what became of a message. It is not found where the gateway
// says that it does not know it. Any error, ErrNoLookup for one, leaves that open. No
// error quotes the answer or a secret.
func (g *Gateway) Lookup(ctx context.Context, m *courier.Message) (receipt courier.Receipt, found bool, err error) {
	if g.lookup == nil {
		return receipt, false, ErrNoLookup
	}
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	receipt, found, err = g.ask(ctx, m)
	if err != nil && !errors.Is(err, ErrNoLookup) {
		err = errors.New(g.masked.forMessage(m).mask(fmt.Sprintf("ask gateway %q for a message: %v", g.name, err), maxErrorText))
	}
	return receipt, found, err
}

func (g *Gateway) ask(ctx context.Context, m *courier.Message) (receipt courier.Receipt, found bool, err error) {
	at, err := g.lookupHop(ctx, g.lookup.Request.evaluator(), m)
	if err != nil {
		return receipt, false, err
	}
	if err := g.sign(ctx, at); err != nil {
		return receipt, false, err
	}
	answer := g.send(ctx, at)
	switch {
	case answer.Status == 0:
		return receipt, false, errors.New("it " + answer.judgeSilence().what)
	case answer.Cut:
		return receipt, false, errors.New("its answer could not be read to its end")
	case answer.Status != http.StatusNotFound && (answer.Status < 200 || answer.Status > 299):
		return receipt, false, errors.New("it " + answer.describe())
	}
	return g.readLookup(ctx, g.lookup.Response.evaluator(), m, answer)
}

// lookupHop builds the request by a template.
func (g *Gateway) lookupHop(ctx context.Context, template Evaluator, m *courier.Message) (*hop, error) {
	if template == nil {
		return nil, ErrNoTemplate
	}
	fields, err := g.lookupContext(m, template)
	if err != nil {
		return nil, err
	}
	value, err := template.Evaluate(ctx, fields)
	if err != nil {
		return nil, g.explain(err)
	}
	if value == nil {
		return nil, ErrNoLookup
	}
	at, misfit := g.decodeLookup(value)
	if misfit != "" {
		return nil, template.Misfit(misfit)
	}
	return at, nil
}

// lookupContext is contextOf with what is known of the message by now.
func (g *Gateway) lookupContext(m *courier.Message, template Evaluator) (map[string]any, error) {
	fields, err := g.contextOf(m, template)
	if err != nil {
		return nil, err
	}
	fields["gateway_message_id"] = m.GatewayMessageID
	fields["created_at"] = timeText(m.CreatedAt)
	return fields, nil
}

// decodeLookup reads where a template wants to ask.
func (g *Gateway) decodeLookup(value any) (at *hop, misfit string) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Sprintf("template gave %s: give null, or an object such as { path: '/messages/' + ctx.id }", kindName(value))
	}
	f := fieldReader{object: object}
	f.allow("path", "method", "query", "body")
	path, _ := f.scalar("path")
	origin := url.URL{Scheme: g.target.Scheme, Host: g.target.Host}
	target, err := url.Parse(escapeURL(origin.String() + path))
	if err != nil || !strings.HasPrefix(path, "/") || target.Host != g.target.Host {
		f.fail("template gave a path that is none: begin it with /, it is at the host of the gateway's url")
	}
	at = &hop{method: http.MethodGet, header: g.header.Clone()}
	if method, given := f.scalar("method"); given {
		at.method = method
	}
	if !httpguts.ValidHeaderFieldName(at.method) {
		f.fail("template gave a method that HTTP does not have")
	}
	if object["body"] == nil {
		at.header.Del("Content-Type")
	} else if at.body, misfit = encodeBody(g.kind, object["body"]); misfit != "" {
		f.fail("%s", misfit)
	}
	query, ok := object["query"].(map[string]any)
	if !ok && object["query"] != nil {
		f.fail("template gave %s as query: give an object", kindName(object["query"]))
	}
	encoded, misfit := encodeFields(query, "query parameter")
	if misfit != "" {
		f.fail("%s", misfit)
	}
	if f.misfit == "" {
		at.target = withQuery(target, encoded)
	}
	return at, f.misfit
}

// readLookup reads an answer by a template.
func (g *Gateway) readLookup(
	ctx context.Context, template Evaluator, m *courier.Message, answer *Answer,
) (receipt courier.Receipt, found bool, err error) {
	if template == nil {
		return receipt, false, ErrNoTemplate
	}
	fields := answer.fields(template, g.codes())
	if fields["ctx"], err = g.lookupContext(m, everything{}); err != nil {
		return receipt, false, err
	}
	value, err := template.Evaluate(ctx, fields)
	if err != nil {
		return receipt, false, explainField(err, map[string]func() []string{"res": lookupNames, "res.ctx": contextNames})
	}
	receipt, found, misfit := decodeFound(value)
	if misfit != "" {
		return courier.Receipt{}, false, template.Misfit(misfit)
	}
	if found {
		receipt.Gateway, receipt.MessageID, receipt.ReceivedAt = g.name, m.ID, g.nowFunc()
	}
	return receipt, found, nil
}

// lookupNames are the fields of res where a message is asked for.
func lookupNames() []string { return append(resNames(), "ctx") }

// decodeFound reads what a template found of a message in an answer.
func decodeFound(value any) (receipt courier.Receipt, found bool, misfit string) {
	if value == nil {
		return receipt, false, ""
	}
	object, ok := value.(map[string]any)
	if !ok {
		return receipt, false, fmt.Sprintf(
			"template gave %s: give null where the message is not known, or an object such as { status: 'delivered' }", kindName(value))
	}
	f := fieldReader{object: object}
	receipt = f.receipt()
	if receipt.Status == "" {
		receipt.Status = courier.StatusSent
	}
	return receipt, true, f.misfit
}

// everything is an Evaluator that reads all fields of ctx, and evaluates nothing.
type everything struct{ Evaluator }

// Reads implements Evaluator.
func (everything) Reads() (fields []string, all bool) { return nil, true }
