// Package text makes the texts of one-time codes from templates, as Ory Kratos does:
// Go's text/template with Kratos's field names, so that its files work unchanged.
// Ours are locales, default texts, and bounds on what a template may do.
package text

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/template"
	"text/template/parse"

	"courier"
)

const (
	// maxText bounds a text in bytes, maxSteps the loops and calls of a template, and
	// maxLocale a language tag (RFC 5646, 4.4.1).
	maxText   = 4 << 10
	maxSteps  = 10_000
	maxLocale = 35
)

// The types of message that have texts. They are Kratos's, each with its folder there.
const (
	LoginCode        = "login_code_valid"
	RecoveryCode     = "recovery_code_valid"
	VerificationCode = "verification_code_valid"
	RegistrationCode = "registration_code_valid"
)

// Types returns the types of message that have texts.
func Types() []string { return []string{LoginCode, RecoveryCode, VerificationCode, RegistrationCode} }

// Source is a template.
type Source struct {
	// Type is one of Types.
	Type string
	// Locale is a language tag (BCP 47), such as de or de-CH; empty is the text for all others.
	Locale string
	// Name is what errors call it.
	Name string
	Text []byte
	// Others are templates that it may call by their names, the files of its folder.
	Others map[string][]byte
}

// SourceError tells which source cannot be used, and why.
type SourceError struct {
	Source *Source
	Err    error
}

// Error implements error.
func (e *SourceError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *SourceError) Unwrap() error { return e.Err }

// Request asks for the text of a message.
type Request struct {
	Type string
	// Locale is a language tag or empty.
	Locale string
	To     string
	// Domain is the one a code is bound to (WebOTP), where the data names none.
	Domain string
	// Code, unless empty, is shown in the place of that of Data.
	Code string
	// Data is template_data, a JSON object with Kratos's keys.
	Data json.RawMessage
}

// Texts makes texts. It is safe for concurrent use.
type Texts struct {
	programs map[key]*program
}

// program is a compiled template. Each run has a copy of its own, as it counts its steps.
type program struct {
	template *template.Template
	runs     sync.Pool
}

// run is a copy of a template and the steps that it has left.
type run struct {
	template *template.Template
	left     int
}

type key struct{ kind, locale string }

// New compiles the sources and tries each with a made-up message. Types without a
// source have default texts. The error joins one *SourceError for each that cannot work.
func New(sources []Source) (*Texts, error) {
	t := &Texts{programs: map[key]*program{}}
	for _, kind := range Types() {
		built, err := compile(&Source{Type: kind, Name: kind, Text: []byte(defaultText(kind))})
		if err != nil {
			return nil, err
		}
		t.programs[key{kind: kind}] = built
	}
	var errs []error
	for i := range sources {
		s := &sources[i]
		built, err := compile(s)
		if err == nil {
			err = built.try(s.Type)
		}
		if err != nil {
			errs = append(errs, &SourceError{Source: s, Err: err})
			continue
		}
		t.programs[key{s.Type, normal(s.Locale)}] = built
	}
	return t, errors.Join(errs...)
}

// ErrNoText reports a type of message that has no text.
var ErrNoText = errors.New("there is no text for this template_type; there are " + strings.Join(Types(), ", "))

// ErrNoCode reports data without the code of its type of message.
var ErrNoCode = errors.New("template_data has no code")

// Render returns the text of a message. The error is ErrNoText, ErrNoCode, or says what is wrong
// with the data or the template without quoting a value of the message.
func (t *Texts) Render(r Request) (string, error) {
	if !slices.Contains(Types(), r.Type) {
		return "", ErrNoText
	}
	var fields Fields
	if len(r.Data) > 0 {
		if err := json.Unmarshal(r.Data, &fields); err != nil {
			return "", dataError(err)
		}
	}
	fields.complete(r)
	if fields.Code == "" {
		return "", fmt.Errorf("%w; give %s", ErrNoCode, codeKey(r.Type))
	}
	return t.lookup(r.Type, r.Locale).execute(&fields)
}

// normal is the one spelling of a language tag.
func normal(locale string) string { return strings.ToLower(strings.ReplaceAll(locale, "_", "-")) }

// lookup finds the template of a locale as RFC 4647, 3.4 does: de-CH-1996, de-CH, de, any.
func (t *Texts) lookup(kind, locale string) *program {
	if len(locale) > maxLocale { // it is often the user's own word
		locale = ""
	}
	locale = normal(locale)
	for locale != "" {
		if found := t.programs[key{kind, locale}]; found != nil {
			return found
		}
		locale = locale[:max(strings.LastIndex(locale, "-"), 0)]
		if len(locale) > 2 && locale[len(locale)-2] == '-' { // a singleton goes with what it begins
			locale = locale[:len(locale)-2]
		}
	}
	return t.programs[key{kind: kind}]
}

// compile parses a template and has every loop and every call of a template counted.
func compile(s *Source) (*program, error) {
	root := template.New(s.Name).Funcs(functions()).Funcs(template.FuncMap{stepName: func() (string, error) { return "", nil }})
	for name, text := range s.Others {
		if _, err := root.New(name).Parse(string(text)); err != nil {
			return nil, parseError(err)
		}
	}
	if _, err := root.Parse(string(s.Text)); err != nil {
		return nil, parseError(err)
	}
	step, err := template.New("").Funcs(template.FuncMap{stepName: func() string { return "" }}).Parse("{{" + stepName + "}}")
	if err != nil {
		return nil, err
	}
	for _, one := range root.Templates() {
		if one.Tree != nil && one.Root != nil {
			count(one.Root, step.Root.Nodes[0])
		}
	}
	return &program{template: root}, nil
}

// stepName is the function that counts. A template that calls it itself counts once more.
const stepName = "courierStep"

// count puts a step at the beginning of a template and of the loops in it.
func count(list *parse.ListNode, step parse.Node) {
	if list == nil {
		return
	}
	var visit func(parse.Node)
	visit = func(node parse.Node) {
		switch n := node.(type) {
		case *parse.ListNode:
			if n != nil {
				for _, child := range n.Nodes {
					visit(child)
				}
			}
		case *parse.RangeNode:
			visit(n.List)
			visit(n.ElseList)
			n.List.Nodes = slices.Insert(n.List.Nodes, 0, step.Copy())
		case *parse.IfNode:
			visit(n.List)
			visit(n.ElseList)
		case *parse.WithNode:
			visit(n.List)
			visit(n.ElseList)
		}
	}
	visit(list)
	list.Nodes = slices.Insert(list.Nodes, 0, step.Copy())
}

var (
	errTooLong   = errors.New("the text is longer than 4 KiB")
	errTooMany   = errors.New("the template loops too often")
	errEmptyText = errors.New("the template gives an empty text")
)

// step counts what a template does.
func (r *run) step() (string, error) {
	if r.left--; r.left < 0 {
		return "", errTooMany
	}
	return "", nil
}

// execute runs a template within its bounds.
func (p *program) execute(fields *Fields) (string, error) {
	r, _ := p.runs.Get().(*run)
	if r == nil {
		copied, err := p.template.Clone()
		if err != nil {
			return "", err
		}
		r = &run{}
		r.template = copied.Funcs(template.FuncMap{stepName: r.step})
	}
	defer p.runs.Put(r)
	r.left = maxSteps
	out := &limited{}
	if err := r.template.Execute(out, fields); err != nil {
		return "", executeError(err)
	}
	if strings.TrimSpace(out.String()) == "" {
		return "", errEmptyText
	}
	return out.String(), nil
}

// limited is a buffer that takes no more than a text may have.
type limited struct{ bytes.Buffer }

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxText {
		return 0, errTooLong
	}
	return l.Buffer.Write(p)
}

// try runs a template for a made-up message.
func (p *program) try(kind string) error {
	fields := Fields{
		Identity: map[string]any{"id": "00000000-0000-4000-8000-000000000000", "traits": map[string]any{}}, TransientPayload: map[string]any{},
		RequestURL: "https://shop.example/login", RequestURLDomain: "shop.example", ExpiresInMinutes: 5, anyCode: "204961",
	}
	fields.complete(Request{Type: kind, To: "+12065550100", Locale: "en"})
	_, err := p.execute(&fields)
	return err
}

func dataError(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("template_data.%s is of the wrong type; a text needs a %s there", wrong.Field, wrong.Type)
	}
	return errors.New("template_data is not a JSON object")
}

// parseError drops the word that text/template begins with.
func parseError(err error) error { return errors.New(strings.TrimPrefix(err.Error(), "template: ")) }

// executeError says where a template failed, and why if that quotes no value.
func executeError(err error) error {
	for _, own := range []error{errTooLong, errTooMany, errTooLarge} {
		if errors.Is(err, own) {
			return own
		}
	}
	place, reason, _ := strings.Cut(strings.TrimPrefix(err.Error(), "template: "), ": executing ")
	_, expression, _ := strings.Cut(reason, " at <")
	expression, reason, _ = strings.Cut(expression, ">: ")
	if _, field, found := strings.Cut(reason, "can't evaluate field "); found {
		field, _, _ = strings.Cut(field, " ")
		near := ""
		if nearest := courier.Nearest(field, fieldNames()); nearest != "" {
			near = "; did you mean ." + nearest + "?"
		}
		return fmt.Errorf("%s: there is no field .%s%s", place, field, near)
	}
	return fmt.Errorf("%s: <%s> fails", place, expression)
}
