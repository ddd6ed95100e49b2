package intake

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"

	"courier"
)

// lane returns the lane of a message: the one that is asked for, or that of its kind or
// its route.
func (p *Policy) lane(draft *courier.Draft, m *courier.Message) (courier.Lane, error) {
	switch {
	case draft.Lane.Valid():
		return draft.Lane, nil
	case draft.Lane != "":
		return "", invalid("lane", "there is no such lane; give otp, normal or bulk, or leave it out")
	case isCode(draft):
		return courier.LaneOTP, nil
	case p.LaneFunc != nil:
		return cmp.Or(p.LaneFunc(m), courier.LaneNormal), nil
	}
	return courier.LaneNormal, nil
}

// isCode reports whether a message carries a one-time code.
func isCode(draft *courier.Draft) bool { return draft.IsCode || courier.IsCodeType(draft.TemplateType) }

// supersedeKey returns the key by which a newer message takes the place of this one.
// A code without one has that of its channel, recipient and template type: a digest, as
// the key must not tell the number.
func supersedeKey(draft *courier.Draft, channel, to string) string {
	switch {
	case draft.SupersedeKey != nil:
		return *draft.SupersedeKey
	case !isCode(draft):
		return ""
	}
	digest := sha256.New()
	for _, text := range []string{channel, to, draft.TemplateType} {
		writeField(digest, []byte(text))
	}
	const length = 16
	return courier.OwnSupersedeKey + base64.RawURLEncoding.EncodeToString(digest.Sum(nil)[:length])
}
