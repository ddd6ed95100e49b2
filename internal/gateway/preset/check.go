package preset

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"courier"
)

// The settings of a gateway that conditions may name as well as parameters.
const (
	baseURL       = "base_url"
	settingFrom   = "from"
	settingSecret = "receipt_secret"
)

// check returns what in a preset cannot work, whatever its parameters.
func (p *Preset) check() (errs []error) {
	report := func(where string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", where, err))
		}
	}
	missing := errors.New("is missing")
	if p.file.Title == "" {
		report("title", missing)
	}
	for _, name := range names(p.file.Params) {
		report("params."+name, p.file.Params[name].check(name))
	}
	for i, need := range p.file.Needs {
		for _, group := range need {
			report(fmt.Sprintf("needs[%d]", i), p.checkNames(strings.Fields(group)))
		}
	}
	for i, pair := range p.file.Pairs {
		report(fmt.Sprintf("pairs[%d]", i), p.checkNames(pair))
	}
	request := p.file.Request
	if request.Method == "" {
		report("request.method", missing)
	}
	if request.URL == "" {
		report("request.url", missing)
	}
	report("request.url", p.checkPlaces(request.URL))
	for _, name := range names(request.Headers) {
		report("request.headers."+name, p.checkPlaces(request.Headers[name]))
	}
	for i, auth := range request.Auth {
		report(fmt.Sprintf("request.auth[%d]", i), p.checkAuth(auth))
	}
	report("receipts", p.checkReceipts())
	report("errors.yaml", p.Errors.check())
	return errs
}

func (p Param) check(name string) error {
	pattern, err := regexp.Compile(`^(?:` + p.Pattern + `)$`)
	switch {
	case name == settingFrom || name == settingSecret:
		return errors.New("is a setting of every gateway: take it out of params")
	case !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(name):
		return errors.New("is no name: use small letters, digits and underscores")
	case p.Doc == "":
		return errors.New("has no doc")
	case err != nil:
		return fmt.Errorf("pattern: %w", err)
	case p.Example != "" && p.Pattern != "" && !pattern.MatchString(p.Example):
		return errors.New("example does not fit the pattern")
	case p.Default != "" && (p.Required || p.Secret):
		return errors.New("has a default: it can be neither required nor secret")
	case p.Default != "" && p.Enum != nil && !slices.Contains(p.Enum, p.Default):
		return errors.New("default is not one of enum")
	}
	return nil
}

// checkNames wants each to be a parameter or a setting of every gateway.
func (p *Preset) checkNames(given []string) error {
	known := append(names(p.Params), settingFrom, settingSecret)
	for _, name := range given {
		if !slices.Contains(known, name) {
			return unknown("parameter", name, known)
		}
	}
	return nil
}

func (p *Preset) checkPlaces(text string) error { return p.checkNames(placesIn(text)) }

func (p *Preset) checkAuth(auth choice) error {
	settings, err := map[string][]string{"basic": {"user", "password"}, "header": {"name", "value"}}[auth.Type], error(nil)
	switch {
	case auth.Type == "sign" && auth.Kind == "":
		err = errors.New("kind is missing")
	case auth.Type == "sign":
	case settings == nil:
		err = unknown("type", auth.Type, []string{"basic", "header", "sign"})
	default:
		for _, name := range settings {
			if _, given := auth.Settings[name]; !given {
				err = errors.Join(err, errors.New(name+" is missing"))
			}
		}
		for _, name := range names(auth.Settings) {
			if !slices.Contains(settings, name) {
				err = errors.Join(err, unknown("key", name, settings))
			}
			err = errors.Join(err, p.checkPlaces(auth.Settings[name]))
		}
	}
	return errors.Join(err, p.checkNames(auth.When))
}

func (p *Preset) checkReceipts() error {
	var errs []error
	if (p.Templates.Lookup == "") != (p.Templates.Found == "") {
		errs = append(errs, errors.New("lookup.jsonnet and found.jsonnet need each other"))
	}
	switch address := p.file.Receipts.Address; address {
	case addressNone:
		if p.Templates.Receipt != "" || p.file.Receipts.Verify != nil {
			errs = append(errs, errors.New("address is none, but there is receipt.jsonnet or verify"))
		}
	case addressRequest, addressRegistered:
		if p.Templates.Receipt == "" {
			errs = append(errs, errors.New("receipt.jsonnet is missing"))
		}
	default:
		errs = append(errs, fmt.Errorf("address: %w", unknown("way", address, []string{addressRequest, addressRegistered, addressNone})))
	}
	for i, verify := range p.file.Receipts.Verify {
		if verify.Kind == "" {
			errs = append(errs, fmt.Errorf("verify[%d]: kind is missing", i))
		}
		if err := p.checkNames(verify.When); err != nil {
			errs = append(errs, fmt.Errorf("verify[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

func textsOf[T ~string](values []T) []string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = string(value)
	}
	return texts
}

func (e Errors) check() error {
	classes, statuses := textsOf(courier.Classes()), textsOf(courier.ReceiptStatuses())
	var errs []error
	for _, table := range []map[string]Code{e.Answers(), e.Receipts()} {
		for _, code := range names(table) {
			known := table[code]
			if known.Class != "" && !slices.Contains(classes, string(known.Class)) {
				errs = append(errs, fmt.Errorf("%s: %w", code, unknown("class", string(known.Class), classes)))
			}
			if known.Status != "" && !slices.Contains(statuses, string(known.Status)) {
				errs = append(errs, fmt.Errorf("%s: %w", code, unknown("status", string(known.Status), statuses)))
			}
			if known.Means == "" {
				errs = append(errs, fmt.Errorf("%s: says not what it means", code))
			}
		}
	}
	return errors.Join(errs...)
}
