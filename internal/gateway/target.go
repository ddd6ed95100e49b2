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
	target, err := url.Parse(text)
	switch {
	case text == "":
		return nil, errors.New("is missing: give the address of the gateway, such as https://sms.example.com/send")
	case strings.TrimLeft(text, " \t\r\n") != text:
		return nil, errors.New("begins with a blank: take it out")
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
	target.Fragment, target.RawFragment = "", ""
	target.RawQuery = escapeQuery(target.RawQuery)
	return target, nil
}

// escapeQuery escapes blanks and what is beyond ASCII, which no request line can
// hold (RFC 3986, 3.4). All else stays as it is written, as in Kratos. net/url does the same
// for the path, and refuses control characters.
func escapeQuery(query string) string {
	const digits = "0123456789ABCDEF"
	var escaped []byte
	for i := range len(query) {
		if char := query[i]; char <= ' ' || char >= 0x7f {
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
