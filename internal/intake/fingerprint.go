package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"hash"

	"courier"
)

// fingerprint is a digest of what the caller asked for: the same request made
// twice has the same one, whatever the clock says and however its JSON is
// spaced and ordered. What the configuration adds is not part of it.
func fingerprint(m *courier.Message, draft courier.Draft) [sha256.Size]byte {
	digest := sha256.New()
	for _, text := range []string{
		m.To, draft.From, m.Channel, draft.Body, draft.Subject, draft.TemplateType,
		canonicalTime(draft.SendAt), canonicalTime(draft.ExpiresAt), canonicalTTL(draft.TTL),
	} {
		writeField(digest, []byte(text))
	}
	for _, object := range []json.RawMessage{draft.TemplateData, draft.RequestHeaders, draft.Metadata} {
		writeField(digest, canonicalJSON(object))
	}
	// A request without these two has the digest that versions before them gave it.
	if draft.Gateway != "" || draft.CallbackURL != "" {
		writeField(digest, []byte(draft.Gateway))
		writeField(digest, []byte(draft.CallbackURL))
	}
	// So has one without these.
	if draft.Lane != "" {
		writeField(digest, []byte("lane "+draft.Lane))
	}
	if draft.SupersedeKey != nil {
		writeField(digest, []byte("supersede_key "+*draft.SupersedeKey))
	}
	return [sha256.Size]byte(digest.Sum(nil))
}

// writeField prefixes a field with its length, so that no two lists of fields
// run together to the same bytes.
func writeField(digest hash.Hash, field []byte) {
	digest.Write(binary.BigEndian.AppendUint64(nil, uint64(len(field))))
	digest.Write(field)
}

func canonicalTime(text string) string {
	if at, err := parseTime("", text); err == nil && !at.IsZero() {
		return at.String()
	}
	return text
}

func canonicalTTL(text string) string {
	if ttl, err := parseTTL(text); err == nil {
		return ttl.String()
	}
	return text
}

// canonicalJSON sorts the keys and drops white space; numbers keep their spelling.
func canonicalJSON(object json.RawMessage) []byte {
	if len(object) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return object
	}
	canonical, _ := json.Marshal(value) // what was decoded can be encoded
	return canonical
}
