package courier

import (
	"slices"
	"strings"
)

// Lane is how urgent a message is among those that wait for the same gateway. The
// strings are the same in Go, SQL, JSON, metrics and documents.
type Lane string

// The lanes, the most urgent first.
const (
	// LaneOTP is for one-time codes: somebody waits at a screen.
	LaneOTP Lane = "otp"
	// LaneNormal is for what is neither a code nor sent to many.
	LaneNormal Lane = "normal"
	// LaneBulk is for what is sent to many, and may wait.
	LaneBulk Lane = "bulk"
)

// Lanes returns every lane, the most urgent first.
func Lanes() []Lane { return []Lane{LaneOTP, LaneNormal, LaneBulk} }

// Valid reports whether l is one of Lanes.
func (l Lane) Valid() bool { return slices.Contains(Lanes(), l) }

// OwnSupersedeKey begins the keys that the courier gives by itself. Messages with one of
// them are to the same recipient.
const OwnSupersedeKey = "~"

// IsOwnSupersedeKey reports whether the courier gave a key by itself.
func IsOwnSupersedeKey(key string) bool { return strings.HasPrefix(key, OwnSupersedeKey) }

// IsCodeType reports whether messages of a template type carry a one-time code. The
// types are those of Ory Kratos: login_code_valid, recovery_code_valid and so on, and
// otp, as its older versions have it.
func IsCodeType(templateType string) bool {
	const old = "otp"
	return templateType == old || slices.ContainsFunc([]string{"login_code", "registration_code", "verification_code", "recovery_code"},
		func(prefix string) bool { return strings.HasPrefix(templateType, prefix) })
}
