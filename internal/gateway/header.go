package gateway

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

const (
	mediaJSON = "application/json"
	mediaForm = "application/x-www-form-urlencoded"
)

// staticHeader builds the headers that all requests share.
func staticHeader(options *Options, target *url.URL) http.Header {
	header := make(http.Header, len(options.Header)+2)
	for _, name := range slices.Sorted(maps.Keys(options.Header)) {
		header.Add(name, options.Header[name])
	}
	dropConnectionHeaders(header)
	if options.Auth != nil {
		options.Auth.apply(header)
	}
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", mediaJSON)
	}
	if user := target.User; user != nil && header.Get("Authorization") == "" {
		header.Set("Authorization", basicToken(user))
	}
	return header
}

// dropConnectionHeaders drops what is decided by the url, the body and the connection.
// HTTP/1.1 leaves it out silently, as Kratos does; HTTP/2 would refuse some.
func dropConnectionHeaders(header http.Header) {
	for _, name := range [...]string{"Host", "Content-Length", "Transfer-Encoding", "Trailer"} {
		header.Del(name)
	}
}

// checkHeader refuses a header that cannot be put on the wire (RFC 9110, 5.1 and 5.5).
func checkHeader(field, name, value string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return &OptionError{Field: field, Err: fmt.Errorf("%q is no header name: use letters, digits and hyphens", name)}
	}
	if !httpguts.ValidHeaderFieldValue(value) {
		return &OptionError{
			Field: field + "." + name,
			Err:   errors.New("the value holds a line break or another control character: remove it"),
		}
	}
	return nil
}

// bodyKind is how the result of a template is put into a body.
type bodyKind int

const (
	bodyJSON bodyKind = iota
	bodyForm
	bodyText
)

// kindOf reads a Content-Type: the media type decides, in any case and with any parameters.
func kindOf(contentType string) bodyKind {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	switch {
	case media == mediaForm:
		return bodyForm
	case media == mediaJSON, strings.HasSuffix(media, "+json"), strings.HasPrefix(media, "application/x-amz-json-"):
		return bodyJSON
	}
	return bodyText
}
