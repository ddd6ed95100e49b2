package intake

import (
	"errors"
	"time"

	"courier"
)

// The furthest times that are taken. They bound what a slip of the pen can do,
// such as a year with five digits; no gateway keeps a text for a month.
const (
	maxDelay    = 366 * 24 * time.Hour
	maxLifetime = 31 * 24 * time.Hour
)

// times returns when a message is due and when it expires, the zero time for never.
func times(lifetime courier.Lifetime, now time.Time) (due, expires time.Time, err error) {
	if due, err = parseTime("send_at", lifetime.SendAt, now); err != nil {
		return time.Time{}, time.Time{}, err
	}
	if due.Sub(now) > maxDelay {
		return time.Time{}, time.Time{}, invalid("send_at", "the time is more than a year ahead; give a nearer one")
	}
	asked := due
	if due.Before(now) {
		due = now
	}
	expires, err = expiry(lifetime, due)
	if past, ok := errors.AsType[*pastError](err); ok {
		past.always = lifetime.SendAt != "" && !past.expires.After(asked)
	}
	return due, expires, err
}

func expiry(lifetime courier.Lifetime, due time.Time) (time.Time, error) {
	switch {
	case lifetime.TTL != "" && lifetime.ExpiresAt != "":
		return time.Time{}, invalid("ttl", "ttl and expires_at say the same thing; give one of them")
	case lifetime.TTL != "":
		ttl, err := parseTTL(lifetime.TTL)
		if err != nil {
			return time.Time{}, err
		}
		return due.Add(ttl), nil
	case lifetime.ExpiresAt != "":
		return parseExpiry(lifetime.ExpiresAt, due)
	default:
		return time.Time{}, nil
	}
}

func parseTTL(text string) (time.Duration, error) {
	ttl, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, invalid("ttl", `it is not a duration; write a number and a unit, such as "5m", "90s" or "1h30m"`)
	case ttl < time.Second:
		return 0, invalid("ttl", `the duration is shorter than a second; give at least "1s"`)
	case ttl > maxLifetime:
		return 0, invalid("ttl", `the duration is longer than 31 days; give at most "744h"`)
	}
	return ttl.Truncate(time.Microsecond), nil
}

func parseExpiry(text string, due time.Time) (time.Time, error) {
	expires, err := parseTime("expires_at", text, due)
	switch {
	case err != nil:
		return time.Time{}, err
	case !expires.After(due):
		return time.Time{}, &pastError{expires: expires}
	case expires.Sub(due) > maxLifetime:
		return time.Time{}, invalid("expires_at", "the time is more than 31 days after the message is due; give a nearer one")
	}
	return expires, nil
}

// pastError reports an expiry that is over by the time the message is due.
type pastError struct {
	expires time.Time
	// always is true when it was so whenever the message was sent.
	always bool
}

// Error implements error.
func (*pastError) Error() string {
	return "the message would expire before it is due; give a time after send_at and after now"
}

// plain returns an error of times as a *courier.Error.
func plain(err error) error {
	if past, ok := errors.AsType[*pastError](err); ok {
		return invalid("expires_at", past.Error())
	}
	return err
}

// parseTime reads a time in RFC 3339, or returns the other for an empty text.
func parseTime(field, text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, invalid(field, "it is not a time in RFC 3339; write it as 2026-01-02T15:04:05Z")
	}
	return at.UTC().Truncate(time.Microsecond), nil
}

func invalid(field, message string) error {
	return &courier.Error{Code: courier.CodeInvalidRequest, Field: field, Message: message}
}
