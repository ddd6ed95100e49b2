package signature

import (
	"bytes"
	"crypto/md5" //nolint:gosec // Vonage signs by it
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// vonage is a parameter "sig" over all others by name, those of the query of a GET, of
// the form, or of the top of the JSON. What separates them is replaced in values
// (Nexmo/nexmo-developer signing-messages.md).
type vonage struct {
	secrets [][]byte
	method  string
}

func newVonage(o *options) *vonage {
	return &vonage{
		secrets: o.secrets("secret"),
		method:  o.oneOf("method", "md5hash", "md5hmac", "sha1hmac", "sha256hmac", "sha512hmac"),
	}
}

// Verify implements Verifier.
func (v *vonage) Verify(r *Request, now time.Time) error {
	parameters, ok := vonageParameters(r)
	if !ok {
		return fmt.Errorf("parameter sig: %w", ErrMismatch)
	}
	if parameters["sig"] == "" {
		return fmt.Errorf("parameter sig: %w", ErrMissing)
	}
	given, err := hex.DecodeString(parameters["sig"])
	if err != nil {
		return fmt.Errorf("parameter sig: %w", ErrMismatch)
	}
	if err := fresh(parameters["timestamp"], now); err != nil {
		return err
	}
	for _, withEmpty := range []bool{true, false} { // Vonage's own libraries differ in it
		message := vonageMessage(parameters, withEmpty)
		for _, secret := range v.secrets {
			if equal(v.sign(secret, message), given) {
				return nil
			}
		}
	}
	return fmt.Errorf("parameter sig: %w", ErrMismatch)
}

// Seal implements Sealer.
func (v *vonage) Seal(r *Request, now time.Time) error {
	parameters, ok := vonageParameters(r)
	if !ok {
		return fmt.Errorf("read the parameters: %w", ErrMismatch)
	}
	parameters["timestamp"] = strconv.FormatInt(now.Unix(), 10)
	added := map[string]string{
		"timestamp": parameters["timestamp"],
		"sig":       hex.EncodeToString(v.sign(first(v.secrets), vonageMessage(parameters, true))),
	}
	switch {
	case r.Method == http.MethodGet:
		for name, value := range added {
			r.Query.Set(name, value)
		}
		address, _, _ := strings.Cut(r.URL, "?")
		r.URL = address + "?" + r.Query.Encode()
	case len(r.Form) > 0:
		for name, value := range added {
			r.Form.Set(name, value)
		}
		r.Body = []byte(r.Form.Encode())
	default:
		body := map[string]any{}
		if err := json.Unmarshal(r.Body, &body); err != nil {
			return fmt.Errorf("read the body: %w", err)
		}
		for name, value := range added {
			body[name] = value
		}
		r.Body, _ = json.Marshal(body) //nolint:errchkjson // it was JSON
	}
	return nil
}

func (v *vonage) sign(secret []byte, message string) []byte {
	if v.method == "md5hash" {
		hash := md5.Sum(append([]byte(message), secret...)) //nolint:gosec // Vonage signs by it
		return hash[:]
	}
	return sum(hashes()[strings.TrimSuffix(v.method, "hmac")], secret, []byte(message))
}

func vonageMessage(parameters map[string]string, withEmpty bool) string {
	replacer := strings.NewReplacer("&", "_", "=", "_")
	var message strings.Builder
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if value := parameters[name]; name != "sig" && (withEmpty || value != "") {
			message.WriteString("&" + name + "=" + replacer.Replace(value))
		}
	}
	return message.String()
}

// vonageParameters returns the parameters of a request; repeated ones are none.
func vonageParameters(r *Request) (map[string]string, bool) {
	switch {
	case r.Method == http.MethodGet:
		return single(r.Query)
	case len(r.Form) > 0:
		return single(r.Form)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(r.Body, &fields); err != nil {
		return nil, false
	}
	parameters := make(map[string]string, len(fields))
	for name, raw := range fields {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(bytes.TrimSpace(raw))
		}
		parameters[name] = text
	}
	return parameters, true
}

func single(values url.Values) (map[string]string, bool) {
	parameters := make(map[string]string, len(values))
	for name := range values {
		parameters[name] = values.Get(name)
	}
	return parameters, !repeats(values)
}
