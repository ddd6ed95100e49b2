package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"courier"
	"courier/internal/jsonnet"
	"courier/internal/signature"
)

// What a Receiver finds wrong with a request. Any other error is a fault of the
// template: the gateway should send the receipt again later.
var (
	// ErrUnauthentic means that the signature is missing, wrong or stale.
	ErrUnauthentic = errors.New("the receipt is not signed by the gateway")
	// ErrMalformed means that the request is not what its Content-Type says, or none that
	// the provider documents.
	ErrMalformed = errors.New("the receipt cannot be read")
)

// ReceiverOptions describe how a gateway reports what became of messages.
type ReceiverOptions struct {
	// Gateway is the name of the gateway that reports.
	Gateway string
	// Template makes receipts of a request, a function of req. No receipt is taken while
	// it holds nothing.
	Template *Template
	// Tried says that Template reads all that its provider documents: what it cannot
	// read is malformed.
	Tried bool
	// Errors are the gateway's own codes and what they mean, req.errors in the template.
	Errors map[string]any
	// Verifiers must all find a request authentic.
	Verifiers []signature.Verifier
	// Params are the gateway's settings that are no secrets, req.params in the template.
	Params map[string]any
	// NowFunc is the clock, nil is time.Now.
	NowFunc func() time.Time
	// Logger is told once of each fault of the template, nil for nobody.
	Logger *slog.Logger
}

// Result is what came of a gateway's request.
type Result struct {
	Receipts []courier.Receipt
	// Reply is what to answer once the receipts are stored.
	Reply Reply
}

// Reply is the answer that a gateway wants for its receipts.
type Reply struct {
	// Status is 200 unless the template gives another.
	Status int
	// ContentType is empty for a Reply without a body.
	ContentType string
	Body        []byte
}

// Receiver makes receipts of what a gateway sends. It is safe for concurrent use.
type Receiver struct {
	gateway   string
	template  *Template
	tried     bool
	errors    map[string]any
	params    map[string]any
	verifiers []signature.Verifier
	nowFunc   func() time.Time
	faults    faultLog
}

// NewReceiver checks the options and returns the receiver. The error joins one
// *OptionError for each option that cannot work.
func NewReceiver(options ReceiverOptions) (*Receiver, error) {
	r := &Receiver{
		gateway: options.Gateway, template: options.Template, tried: options.Tried, verifiers: options.Verifiers,
		nowFunc: options.NowFunc, faults: faultLog{logger: options.Logger},
	}
	if r.nowFunc == nil {
		r.nowFunc = time.Now
	}
	if r.faults.logger == nil {
		r.faults.logger = slog.New(slog.DiscardHandler)
	}
	var errs []error
	if r.template == nil {
		errs = append(errs, &OptionError{Field: "receipt", Err: errors.New("is missing: give a template that reads the gateway's receipts")})
	}
	var err error
	if r.errors, err = plainParams(options.Errors); err != nil {
		errs = append(errs, &OptionError{Field: "receipt.errors", Err: err})
	}
	if r.params, err = plainParams(options.Params); err != nil {
		errs = append(errs, &OptionError{Field: "params", Err: err})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("configure receipts of gateway %q: %w", options.Gateway, err)
	}
	return r, nil
}

// Receive verifies a request and reads the receipts in it. Errors: ErrUnauthentic,
// ErrMalformed, or a fault of the template, which was logged when it was new. No error
// quotes the request.
func (r *Receiver) Receive(ctx context.Context, request *signature.Request) (Result, error) {
	now := r.nowFunc()
	for _, verifier := range r.verifiers {
		if err := verifier.Verify(request, now); err != nil {
			return Result{}, fmt.Errorf("%w: %w", ErrUnauthentic, err)
		}
	}
	result, err := r.evaluate(ctx, r.template.evaluator(), request, now)
	if _, failed := errors.AsType[*jsonnet.TemplateError](err); failed && r.tried {
		err = fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err != nil && !errors.Is(err, ErrMalformed) && ctx.Err() == nil {
		r.faults.report(ctx, r.gateway, "receipt", err.Error())
	}
	return result, err
}

func (r *Receiver) evaluate(ctx context.Context, template Evaluator, request *signature.Request, now time.Time) (Result, error) {
	if template == nil {
		return Result{}, ErrNoTemplate
	}
	fields, err := r.fields(template, request)
	if err != nil {
		return Result{}, err
	}
	value, err := template.Evaluate(ctx, fields)
	if err != nil {
		return Result{}, explainField(err, map[string]func() []string{"req": reqNames})
	}
	result, misfit := decodeReceipts(value)
	if misfit != "" {
		return Result{}, template.Misfit(misfit)
	}
	for i := range result.Receipts {
		result.Receipts[i].Gateway, result.Receipts[i].ReceivedAt = r.gateway, now
	}
	return result, nil
}

// reqNames are the fields of req.
func reqNames() []string {
	return []string{"method", "query", "form", "json", "text", "headers", "claims", "errors", "params"}
}

// fields returns what a template reads of a request as req.
func (r *Receiver) fields(template Evaluator, request *signature.Request) (map[string]any, error) {
	names, all := template.Reads()
	if all {
		names = reqNames()
	}
	contentType := request.Header.Get("Content-Type")
	body := decodeCharset(request.Body, contentType)
	value := decodeText(body)
	if value == nil && isBroken(body, contentType) {
		return nil, fmt.Errorf("%w: its Content-Type is JSON, its body is not", ErrMalformed)
	}
	fields := make(map[string]any, len(names))
	for _, name := range names {
		switch name {
		case "method":
			fields[name] = request.Method
		case "query":
			fields[name] = formFields(request.Query)
		case "form":
			fields[name] = formFields(request.Form)
		case "json":
			fields[name] = value
		case "text":
			fields[name] = validText(body)
		case "headers":
			fields[name] = headerFields(request.Header)
		case "claims":
			fields[name] = nil
			if request.Claims != nil {
				fields[name] = request.Claims
			}
		case "errors":
			fields[name] = r.errors
		case "params":
			fields[name] = r.params
		}
	}
	return fields, nil
}

// isBroken reports whether a body that is no JSON should be: null is, and so is no body.
func isBroken(body []byte, contentType string) bool {
	text := strings.Trim(string(body), " \t\r\n\ufeff")
	return kindOf(contentType) == bodyJSON && contentType != "" && text != "" && text != "null"
}

// formFields are the values of a form: a text, or a list where a name is repeated.
func formFields(form url.Values) map[string]any {
	fields := make(map[string]any, len(form))
	for name, values := range form {
		if len(values) == 1 {
			fields[validText(name)] = validText(values[0])
			continue
		}
		list := make([]any, len(values))
		for i, value := range values {
			list[i] = validText(value)
		}
		fields[validText(name)] = list
	}
	return fields
}
