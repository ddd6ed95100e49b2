package httpapi

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// moment is a time in RFC 3339, UTC, always with microseconds.
type moment time.Time

const momentLayout = `"2006-01-02T15:04:05.000000Z"`

// MarshalJSON implements json.Marshaler.
func (m moment) MarshalJSON() ([]byte, error) {
	return time.Time(m).UTC().AppendFormat(make([]byte, 0, len(momentLayout)), momentLayout), nil
}

// Schema implements huma.SchemaProvider.
func (moment) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Examples: []any{"2026-01-02T15:04:05.123456Z"}}
}

// maybeMoment is a moment, or null for the zero time.
type maybeMoment time.Time

// MarshalJSON implements json.Marshaler.
func (m maybeMoment) MarshalJSON() ([]byte, error) {
	if time.Time(m).IsZero() {
		return []byte("null"), nil
	}
	return moment(m).MarshalJSON()
}

// Schema implements huma.SchemaProvider.
func (maybeMoment) Schema(registry huma.Registry) *huma.Schema {
	schema := moment{}.Schema(registry)
	schema.Nullable = true
	return schema
}
