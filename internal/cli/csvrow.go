package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"courier/client"
)

// metadataPrefix begins the name of a column that holds one metadata value.
const metadataPrefix = "metadata."

// setter puts the text of a column into a request; the text is not empty.
type setter func(request *client.SendRequest, text string) error

// setters returns what each column means.
func setters() map[string]setter {
	return map[string]setter{
		"to":              func(r *client.SendRequest, text string) error { r.To = text; return nil },
		"body":            func(r *client.SendRequest, text string) error { r.Body = text; return nil },
		"from":            func(r *client.SendRequest, text string) error { r.From = text; return nil },
		"channel":         func(r *client.SendRequest, text string) error { r.Channel = text; return nil },
		"subject":         func(r *client.SendRequest, text string) error { r.Subject = text; return nil },
		"template_type":   func(r *client.SendRequest, text string) error { r.TemplateType = text; return nil },
		"idempotency_key": func(r *client.SendRequest, text string) error { r.IdempotencyKey = text; return nil },
		"ttl":             setTTL,
		"send_at":         setSendAt,
		"expires_at":      setExpiresAt,
		"template_data":   setTemplateData,
		"metadata":        setMetadata,
	}
}

// A row's own ttl replaces the expires_at of a flag, and the reverse.
func setTTL(request *client.SendRequest, text string) error {
	ttl, err := time.ParseDuration(text)
	if err != nil || ttl <= 0 {
		return fmt.Errorf("%q is not a duration such as 5m", text)
	}
	request.TTL, request.ExpiresAt = ttl, time.Time{}
	return nil
}

func setExpiresAt(request *client.SendRequest, text string) (err error) {
	request.TTL = 0
	request.ExpiresAt, err = parseTime(text)
	return err
}

func setSendAt(request *client.SendRequest, text string) (err error) {
	request.SendAt, err = parseTime(text)
	return err
}

func setTemplateData(request *client.SendRequest, text string) (err error) {
	request.TemplateData, err = parseObject(text)
	return err
}

func setMetadata(request *client.SendRequest, text string) error {
	object, err := parseObject(text)
	if err != nil {
		return err
	}
	if request.Metadata == nil {
		request.Metadata = map[string]any{}
	}
	return decodeExact(object, &request.Metadata)
}

func setMetadataValue(name string) setter {
	return func(request *client.SendRequest, text string) error {
		if request.Metadata == nil {
			request.Metadata = map[string]any{}
		}
		request.Metadata[name] = text
		return nil
	}
}

// columns is the meaning of a header row.
type columns struct {
	names   []string
	setters []setter
}

// newColumns reads a header row. Names are compared without regard to case and
// to spaces around them.
func newColumns(header []string) (columns, error) {
	known := setters()
	var found columns
	for _, text := range header {
		name := strings.ToLower(strings.TrimSpace(text))
		if name == "recipient" {
			name = "to"
		}
		set, ok := known[name]
		if key, isValue := strings.CutPrefix(strings.TrimSpace(text), metadataPrefix); isValue && key != "" {
			name, set, ok = metadataPrefix+key, setMetadataValue(key), true
		}
		if !ok {
			return columns{}, unknownColumn(text, known)
		}
		if slices.Contains(found.names, name) {
			return columns{}, fmt.Errorf("column %q is there twice; remove one", name)
		}
		found.names, found.setters = append(found.names, name), append(found.setters, set)
	}
	if !slices.Contains(found.names, "to") {
		return columns{}, errors.New(`column "to" is missing: the first row must name the columns, such as to,body`)
	}
	return found, nil
}

func unknownColumn(text string, known map[string]setter) error {
	if !utf8.ValidString(text) {
		return errors.New("header is not UTF-8; save the file as CSV UTF-8")
	}
	names := slices.Sorted(maps.Keys(known))
	return fmt.Errorf("column %q is none of %s, %sNAME; is the separator another one? see --delimiter",
		text, strings.Join(names, ", "), metadataPrefix)
}

// fieldError says which column of a row is at fault.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string { return e.field + ": " + e.err.Error() }

func (e *fieldError) Unwrap() error { return e.err }

// request puts a row's fields over what holds for every row.
func (c columns) request(base client.SendRequest, fields []string) (client.SendRequest, error) {
	request := base
	request.Metadata = maps.Clone(base.Metadata)
	for i, text := range fields {
		if !utf8.ValidString(text) {
			return request, &fieldError{c.names[i], errors.New("it is not UTF-8; save the file as CSV UTF-8")}
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		if c.names[i] != "body" {
			text = strings.TrimSpace(text)
		}
		if err := c.setters[i](&request, strings.Clone(text)); err != nil {
			return request, &fieldError{c.names[i], err}
		}
	}
	return request, missing(request)
}

func missing(request client.SendRequest) error {
	switch {
	case request.To == "":
		return &fieldError{"to", errors.New("it is empty")}
	case request.Body == "" && request.TemplateType == "" && len(request.TemplateData) == 0:
		return &fieldError{"body", errors.New("it is empty, and there is no template_type or template_data to make a text from")}
	default:
		return nil
	}
}
