package signature

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// webhook is Standard Webhooks, version 1 of its symmetric signature.
type webhook struct {
	keys  []*standardwebhooks.Webhook
	texts []string
}

// newWebhook reads secrets that are parted by line feeds, blanks or bars, each perhaps
// with the version before it, as Supabase writes them.
func newWebhook(o *options) *webhook {
	w := &webhook{}
	for _, text := range strings.FieldsFunc(o.must("secret"), func(r rune) bool { return strings.ContainsRune("\r\n\t |", r) }) {
		encoded := strings.TrimPrefix(strings.TrimPrefix(text, "v1,"), "whsec_")
		key, err := standardwebhooks.NewWebhook(encoded)
		if err != nil || encoded == "" {
			o.fault("secret", "it is not whsec_ and base64")
			continue
		}
		w.keys, w.texts = append(w.keys, key), append(w.texts, text)
	}
	if w.keys == nil && len(o.faults) == 0 {
		o.fault("secret", "there is none in it")
	}
	return w
}

// Verify implements Verifier. The library's own check of the time has a clock of its own.
func (w *webhook) Verify(r *Request, now time.Time) error {
	failed := ErrMismatch
	for _, key := range w.keys {
		err := key.VerifyIgnoringTimestamp(r.Body, r.Header)
		if err == nil {
			return fresh(r.Header.Get(standardwebhooks.HeaderWebhookTimestamp), now)
		}
		if errors.Is(err, standardwebhooks.ErrRequiredHeaders) {
			failed = ErrMissing
		}
	}
	return fmt.Errorf("header %s: %w", standardwebhooks.HeaderWebhookSignature, failed)
}

// Seal implements Sealer. The id of the message is what the header says, or the time.
func (w *webhook) Seal(r *Request, now time.Time) error {
	id := r.Header.Get(standardwebhooks.HeaderWebhookID)
	if id == "" {
		id = "msg_" + strconv.FormatInt(now.UnixNano(), 36)
	}
	return w.sign(r.Header, id, r.Body, now)
}

// Sign implements Signer.
func (w *webhook) Sign(request *http.Request, body []byte, now time.Time) error {
	var message struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(body, &message) // what is not JSON has no id in it
	if message.ID == "" {
		return errors.New(`the body has no text "id", which a Standard Webhook is known by`)
	}
	return w.sign(request.Header, message.ID, body, now)
}

func (w *webhook) sign(header http.Header, id string, body []byte, now time.Time) error {
	signature, err := w.keys[0].Sign(id, now, body)
	if err != nil {
		return fmt.Errorf("sign the webhook: %w", err)
	}
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return nil
}

// Secrets implements Signer.
func (w *webhook) Secrets() []string { return w.texts }
