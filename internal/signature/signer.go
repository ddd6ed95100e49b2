package signature

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// aws is Signature Version 4 of Amazon Web Services.
type aws struct{ keyID, secret, token, region, service string }

func newAWS(o *options) Signer {
	return &aws{
		keyID: o.must("access_key_id"), secret: o.must("secret_access_key"), token: o.get("session_token", ""),
		region: o.must("region"), service: o.must("service"),
	}
}

// Sign implements Signer. It covers the host, the content type and every x-amz-* header.
func (a *aws) Sign(request *http.Request, body []byte, now time.Time) error {
	at := now.UTC().Format("20060102T150405Z")
	request.Header.Set("X-Amz-Date", at)
	if a.token != "" {
		request.Header.Set("X-Amz-Security-Token", a.token)
	}
	headers, names := a.headers(request)
	scope := strings.Join([]string{at[:8], a.region, a.service, "aws4_request"}, "/")
	canonical := strings.Join([]string{
		request.Method, awsPath(request.URL), awsQuery(request.URL), headers, names, hexSHA256(body),
	}, "\n")
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", at, scope, hexSHA256([]byte(canonical))}, "\n")
	key := []byte("AWS4" + a.secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = sum(sha256.New, key, []byte(part))
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+a.keyID+"/"+scope+
		", SignedHeaders="+names+", Signature="+hex.EncodeToString(sum(sha256.New, key, []byte(toSign))))
	return nil
}

// Secrets implements Signer.
func (a *aws) Secrets() []string { return []string{a.secret, a.token} }

// headers returns the canonical headers, each ended by a line feed, and their names.
func (a *aws) headers(request *http.Request) (lines, names string) {
	values := map[string]string{"host": hostOf(request)}
	list := []string{"host"}
	for name, texts := range request.Header {
		name = strings.ToLower(name)
		if name != "content-type" && !strings.HasPrefix(name, "x-amz-") {
			continue
		}
		trimmed := make([]string, len(texts))
		for i, text := range texts {
			trimmed[i] = strings.Join(strings.Fields(text), " ")
		}
		values[name], list = strings.Join(trimmed, ","), append(list, name)
	}
	slices.Sort(list)
	for _, name := range list {
		lines += name + ":" + values[name] + "\n"
	}
	return lines, strings.Join(list, ";")
}

func awsPath(address *url.URL) string {
	segments := strings.Split(address.EscapedPath(), "/")
	for i, segment := range segments {
		segments[i] = awsEscape(segment)
	}
	if path := strings.Join(segments, "/"); path != "" {
		return path
	}
	return "/"
}

func awsQuery(address *url.URL) string {
	var pairs []string
	for name, values := range address.Query() {
		for _, value := range values {
			pairs = append(pairs, awsEscape(name)+"="+awsEscape(value))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// awsEscape leaves the unreserved characters of RFC 3986 alone, as AWS does.
func awsEscape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func hostOf(request *http.Request) string {
	if request.Host != "" {
		return request.Host
	}
	return request.URL.Host
}

// azure is the HMAC of Azure Communication Services.
type azure struct {
	key  []byte
	text string
}

func newAzure(o *options) Signer {
	text := strings.TrimSpace(o.must("access_key"))
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		o.fault("access_key", "it is not base64")
	}
	return &azure{key: key, text: text}
}

// Sign implements Signer (learn.microsoft.com: sign an HTTP request with HMAC).
func (a *azure) Sign(request *http.Request, body []byte, now time.Time) error {
	hash := sha256.Sum256(body)
	content, date := base64.StdEncoding.EncodeToString(hash[:]), now.UTC().Format(http.TimeFormat)
	toSign := request.Method + "\n" + request.URL.RequestURI() + "\n" + date + ";" + hostOf(request) + ";" + content
	request.Header.Set("X-Ms-Date", date)
	request.Header.Set("X-Ms-Content-Sha256", content)
	request.Header.Set("Authorization", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="+
		base64.StdEncoding.EncodeToString(sum(sha256.New, a.key, []byte(toSign))))
	return nil
}

// Secrets implements Signer.
func (a *azure) Secrets() []string { return []string{a.text} }
