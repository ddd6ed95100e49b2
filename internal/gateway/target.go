package gateway

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// parseTarget reads the url of a gateway. Its errors quote nothing, as userinfo
// and query may hold secrets.
func parseTarget(text string) (*url.URL, error) {
	target, err := url.Parse(escapeURL(text))
	switch {
	case text == "":
		return nil, errors.New("is missing: give the address of the gateway, such as https://sms.example.com/send")
	case err != nil && strings.TrimSpace(text) != text:
		return nil, errors.New("begins or ends with a blank or a line break: remove it")
	case err != nil:
		return nil, fmt.Errorf("is not well-formed: %w", urlCause(err))
	case target.Scheme != "http" && target.Scheme != "https":
		return nil, errors.New("is not absolute: start it with https:// or http://")
	case target.Hostname() == "":
		return nil, errors.New("names no host: write it as https://host/path")
	case target.Path == "":
		return nil, errors.New("has no path: add one, at least a / after the host")
	}
	if port := target.Port(); port != "" {
		if number, err := strconv.Atoi(port); err != nil || number < 1 || number > 65535 {
			return nil, fmt.Errorf("has the port %q: use 1 to 65535", port)
		}
	}
	return target, nil
}

// escapeURL drops the fragment and escapes what no request line can hold (RFC 3986,
// 3.3 and 3.4), so that all else, above all what is escaped already, is sent as it is
// written: net/url would write the whole path anew. Control characters are left for
// net/url to refuse.
func escapeURL(text string) string {
	text, _, _ = strings.Cut(text, "#")
	hierarchy, query, hasQuery := strings.Cut(text, "?")
	start := 0 // of the path
	if scheme, authority, ok := strings.Cut(hierarchy, "//"); ok && !strings.Contains(scheme, "/") {
		host, _, _ := strings.Cut(authority, "/")
		start = len(scheme) + len("//") + len(host)
	}
	escaped := hierarchy[:start] + escapeChars(hierarchy[start:], " \"<>\\^`{|}")
	if hasQuery {
		escaped += "?" + escapeChars(query, " ")
	}
	return escaped
}

// escapeChars escapes some characters and those beyond ASCII.
func escapeChars(text, some string) string {
	const digits = "0123456789ABCDEF"
	var escaped []byte
	for i := range len(text) {
		if char := text[i]; char >= 0x80 || strings.IndexByte(some, char) >= 0 {
			escaped = append(escaped, '%', digits[char>>4], digits[char&15])
		} else {
			escaped = append(escaped, char)
		}
	}
	return string(escaped)
}

// urlCause strips the quoted text from an error of url.Parse, and the part of it
// that some of its causes quote.
func urlCause(err error) error {
	var parse *url.Error
	if !errors.As(err, &parse) {
		return errors.New("check it for spaces and special characters")
	}
	cause, _, _ := strings.Cut(parse.Err.Error(), `"`)
	return errors.New(strings.TrimSpace(cause))
}

// originOf names scheme, host and port, without the default port.
func originOf(target *url.URL) string {
	host := strings.ToLower(target.Host)
	switch target.Scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return target.Scheme + "://" + host
}
