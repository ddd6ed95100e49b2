package intake

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"courier"
)

// The bounds of what a message may carry. A text far beyond what a phone can
// put together (255 segments, 3GPP TS 23.040, 9.2.3.24.1) is let through: whether
// to send it is the gateway's and messages.max_segments's business.
const (
	maxBody           = 512 << 10
	maxSubject        = 4 << 10
	maxTemplateType   = 128
	maxIdempotencyKey = 255
	maxTemplateData   = 512 << 10
	maxRequestHeaders = 64 << 10
	maxMetadata       = 64 << 10
)

// checkTexts judges the fields that are text.
func checkTexts(draft courier.Draft) error {
	if err := checkSender(draft.From); err != nil {
		return err
	}
	if draft.Body == "" && draft.TemplateType == "" && len(draft.TemplateData) == 0 {
		return invalid("body", "the text is empty; give a body, or template_type or template_data for the gateway's template to make one from")
	}
	for _, text := range []struct {
		field, value string
		limit        int
	}{
		{"body", draft.Body, maxBody},
		{"subject", draft.Subject, maxSubject},
		{"template_type", draft.TemplateType, maxTemplateType},
	} {
		if err := checkText(text.field, text.value, text.limit); err != nil {
			return err
		}
	}
	return checkIdempotencyKey(draft.IdempotencyKey)
}

func checkText(field, text string, limit int) error {
	switch {
	case len(text) > limit:
		return invalid(field, fmt.Sprintf("it is longer than %d bytes; shorten it", limit))
	case !utf8.ValidString(text):
		return invalid(field, "it is not valid UTF-8; encode it as UTF-8")
	case strings.IndexByte(text, 0) >= 0:
		return invalid(field, "it holds a NUL character, which no phone shows; remove it")
	}
	return nil
}

// checkIdempotencyKey takes printable ASCII, as a header field can carry it.
func checkIdempotencyKey(key string) error {
	if len(key) > maxIdempotencyKey {
		return invalid("idempotency_key", "the key is longer than 255 characters; shorten it")
	}
	for _, char := range []byte(key) {
		if char < '!' || char > '~' {
			return invalid("idempotency_key", "the key may hold visible ASCII characters only, no spaces; a UUID does well")
		}
	}
	return nil
}

// checkObjects judges the fields that are JSON objects; null is the same as none.
func checkObjects(draft *courier.Draft) error {
	for _, object := range []struct {
		field string
		value *json.RawMessage
		limit int
	}{
		{"template_data", &draft.TemplateData, maxTemplateData},
		{"request_headers", &draft.RequestHeaders, maxRequestHeaders},
		{"metadata", &draft.Metadata, maxMetadata},
	} {
		if isNull(*object.value) {
			*object.value = nil
			continue
		}
		if err := checkObject(object.field, *object.value, object.limit); err != nil {
			return err
		}
	}
	return normalizeHeaders(draft)
}
