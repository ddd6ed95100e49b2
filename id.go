package courier

import (
	"encoding/hex"
	"errors"
)

// ErrInvalidID reports text that is not a UUID in its canonical 36 character form.
var ErrInvalidID = errors.New("id is not a UUID such as 0190163d-8694-739b-aea5-966c26f8ad91")

// ID identifies a message: a UUID version 7 (RFC 9562), so IDs sort by the time
// at which they were made.
type ID [16]byte

// ParseID reads the canonical form, 8-4-4-4-12 hexadecimal digits in either case.
// Any other text is ErrInvalidID.
func ParseID(text string) (ID, error) {
	var id ID
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return ID{}, ErrInvalidID
	}
	digits := text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return ID{}, ErrInvalidID
	}
	return id, nil
}

// String returns the canonical form in lower case.
func (id ID) String() string {
	text := id.text()
	return string(text[:])
}

func (id ID) text() (out [36]byte) {
	hex.Encode(out[0:8], id[0:4])
	hex.Encode(out[9:13], id[4:6])
	hex.Encode(out[14:18], id[6:8])
	hex.Encode(out[19:23], id[8:10])
	hex.Encode(out[24:36], id[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return out
}

// IsZero reports whether the ID was never set.
func (id ID) IsZero() bool { return id == ID{} }

// AppendText implements encoding.TextAppender with the canonical form.
func (id ID) AppendText(out []byte) ([]byte, error) {
	text := id.text()
	return append(out, text[:]...), nil
}

// MarshalText implements encoding.TextMarshaler with the canonical form.
func (id ID) MarshalText() ([]byte, error) { return id.AppendText(nil) }

// UnmarshalText implements encoding.TextUnmarshaler; errors are ErrInvalidID.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}
