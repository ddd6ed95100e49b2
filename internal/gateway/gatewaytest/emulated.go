package gatewaytest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// emulated is one request that an emulator checks.
type emulated struct {
	e       *Emulator
	request *http.Request
	body    []byte
	// fields are the values of the body by path, with [] for each array above them.
	fields map[string][]any
	values map[string]any
	// learned are parameters of the account that only the request tells.
	learned map[string]string
}

// violation returns the name of the answer to the first thing that is wrong, or nothing.
func (r *emulated) violation() string {
	want := r.e.spec.Request
	r.learned = map[string]string{}
	path := r.request.URL.EscapedPath()
	contentType, _, _ := strings.Cut(r.request.Header.Get("Content-Type"), ";")
	contentType = strings.ToLower(strings.TrimSpace(contentType))
	types := map[string][]string{
		"form": {"application/x-www-form-urlencoded"}, "json": {"application/json", "application/x-amz-json-1.0"}, "none": {"", contentType},
	}
	headers := func() bool {
		for name, value := range want.Headers {
			if !r.match(value, r.request.Header.Get(name)) {
				return false
			}
		}
		return true
	}
	switch {
	case !r.match(want.Path, path):
		return want.Refuse["path"]
	case r.request.Method != want.Method:
		return want.Refuse["method"]
	case len(want.Auth) > 0 && !slices.ContainsFunc(want.Auth, r.authentic):
		return want.Refuse["auth"]
	case !headers():
		return want.Refuse["headers"]
	case !slices.Contains(types[want.Body], contentType), !r.parse(want.Body):
		return want.Refuse["type"]
	}
	query := map[string][]any{}
	for name, values := range r.request.URL.Query() {
		for _, value := range values {
			query[name] = append(query[name], value)
		}
	}
	if name := r.check(query, want.Query, true); name != "" {
		return name
	}
	if name := r.check(r.fields, want.Fields, want.Body == "form"); name != "" {
		return name
	}
	for _, need := range want.Needs {
		if !slices.ContainsFunc(need, func(name string) bool { return len(r.fields[name]) > 0 }) {
			return want.Refuse["missing"]
		}
	}
	return ""
}

// match compares a text with one that has places for parameters; elsewhere the two are equal.
func (r *emulated) match(pattern, text string) bool {
	expression, names := "^", []string{}
	for pattern != "" {
		before, rest, found := strings.Cut(pattern, "{")
		expression += regexp.QuoteMeta(before)
		if !found {
			break
		}
		var name string
		name, pattern, _ = strings.Cut(rest, "}")
		value, known := r.e.param(name)
		switch {
		case known && r.e.options.Params != nil:
			expression += "(" + regexp.QuoteMeta(value) + ")"
		case r.e.options.Params != nil:
			return false
		case r.learned[name] != "":
			expression += "(" + regexp.QuoteMeta(r.learned[name]) + ")"
		default:
			expression += "(.+?)"
		}
		names = append(names, name)
	}
	found := regexp.MustCompile(expression + "$").FindStringSubmatch(text)
	if found == nil {
		return false
	}
	for i, name := range names {
		r.learned[name] = found[i+1]
	}
	return true
}

// authentic reports whether a request proves who sends it in one way.
func (r *emulated) authentic(way signing) bool {
	switch way.Type {
	case "basic":
		user, password, ok := r.request.BasicAuth()
		return ok && r.match(way.Settings["user"]+"\n"+way.Settings["password"], user+"\n"+password)
	case "header":
		return r.match(way.Settings["value"], r.request.Header.Get(way.Settings["name"]))
	case "sign":
		return r.signed(way)
	}
	return false
}

// parse reads the body.
func (r *emulated) parse(kind string) bool {
	r.fields = map[string][]any{}
	switch kind {
	case "form":
		form, err := url.ParseQuery(string(r.body))
		if err != nil {
			return false
		}
		for name, values := range form {
			for _, value := range values {
				r.fields[name] = append(r.fields[name], value)
			}
		}
	case "json":
		decoder := json.NewDecoder(bytes.NewReader(r.body))
		decoder.UseNumber()
		var value any
		if decoder.Decode(&value) != nil || !utf8.Valid(r.body) {
			return false
		}
		leaves(r.fields, "", value)
	}
	return true
}

// leaves notes the values at the ends of a JSON value.
func leaves(found map[string][]any, path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for name, field := range value {
			at := name
			if path != "" {
				at = path + "." + name
			}
			leaves(found, at, field)
		}
		if len(value) == 0 {
			found[path] = append(found[path], value)
		}
	case []any:
		for _, element := range value {
			leaves(found, path+"[]", element)
		}
		if len(value) == 0 {
			found[path+"[]"] = append(found[path+"[]"], value)
		}
	default:
		found[path] = append(found[path], value)
	}
}

// check returns the answer to the first field that breaks its rule, or that has none.
func (r *emulated) check(fields map[string][]any, rules map[string]fieldRule, isText bool) string {
	refuse := r.e.spec.Request.Refuse
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		if _, known := rules[path]; !known && !belowAny(path, rules) {
			return refuse["unknown"]
		}
	}
	for _, path := range slices.Sorted(maps.Keys(rules)) {
		rule := rules[path]
		if rule.Required && len(fields[path]) == 0 {
			return cmp.Or(rule.Missing, refuse["missing"])
		}
		for _, value := range fields[path] {
			if rule.Required && value == "" {
				return cmp.Or(rule.Missing, refuse["missing"])
			}
			if !r.fits(rule, value, isText) {
				return cmp.Or(rule.Wrong, refuse["wrong"])
			}
		}
	}
	return ""
}

// belowAny reports whether a path is below one that takes anything.
func belowAny(path string, rules map[string]fieldRule) bool {
	for name, rule := range rules {
		if rule.Type == "any" && (strings.HasPrefix(path, name+".") || strings.HasPrefix(path, name+"[")) {
			return true
		}
	}
	return false
}

// fits reports whether a value is as its rule wants it. Values of forms and queries are text.
func (r *emulated) fits(rule fieldRule, value any, isText bool) bool {
	if value == nil {
		return rule.Null
	}
	if rule.Type == "any" {
		return true
	}
	number, isNumber := value.(json.Number)
	text, isString := value.(string)
	isFlag := false
	if flag, ok := value.(bool); ok {
		text, isFlag = strconv.FormatBool(flag), true
	}
	size := float64(utf8.RuneCountInString(text))
	switch cmp.Or(rule.Type, "string") {
	case "integer", "number", "digits":
		if isNumber || isString && (isText || rule.Type == "digits") {
			text += number.String()
		}
		whole, err := strconv.ParseInt(text, 10, 64)
		size = float64(whole)
		if rule.Type == "number" {
			size, err = strconv.ParseFloat(text, 64)
		}
		if err != nil {
			return false
		}
		if rule.Type == "digits" {
			rule.Min, rule.Max = nil, nil
		}
	case "boolean":
		if !isFlag && (!isText || !slices.Contains([]string{"true", "false", "0", "1"}, text)) {
			return false
		}
		rule.Min, rule.Max = nil, nil
	case "string":
		if !isString {
			return false
		}
	}
	switch {
	case rule.Min != nil && size < *rule.Min, rule.Max != nil && size > *rule.Max:
		return false
	case rule.Enum != nil && !slices.Contains(rule.Enum, text):
		return false
	case rule.Const != "" && !r.match(rule.Const, text):
		return false
	}
	return rule.Pattern == "" || regexp.MustCompile(`^(?s:`+rule.Pattern+`)$`).MatchString(text)
}

// message reads what a request says of its message.
func (r *emulated) message() Message {
	read := func(path string) string {
		if values := r.fields[path]; path != "" && len(values) > 0 {
			return fmt.Sprint(values[0])
		}
		return ""
	}
	where := r.e.spec.Read
	message := Message{
		To: read(where.To), From: read(where.From), Text: read(where.Text),
		Reference: read(where.Reference), Callback: read(where.Callback),
	}
	message.Segments = segmentsOf(message.Text)
	return message
}

func digitsOf(text string) string {
	return strings.Map(func(char rune) rune {
		if '0' <= char && char <= '9' {
			return char
		}
		return -1
	}, text)
}
