package intake

import (
	"encoding/json"
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
// With late, the request may be a repeat of one that came in time, so its expiry may
// be past by now, though not already at send_at.
func times(lifetime courier.Lifetime, now time.Time, late bool) (due, expires time.Time, err error) {
	var asked time.Time
	if asked, err = parseTime("send_at", lifetime.SendAt); err != nil {
		return due, expires, err
	}
	if asked.Sub(now) > maxDelay {
		return due, expires, invalid("send_at", "the time is more than a year ahead; give a nearer one")
	}
	if due = asked; due.Before(now) {
		due = now
	}
	if lifetime.TTL != "" && lifetime.ExpiresAt != "" {
		return due, expires, invalid("ttl", "ttl and expires_at say the same thing; give one of them")
	}
	if lifetime.TTL != "" {
		ttl, err := parseTTL(lifetime.TTL)
		if err != nil {
			return due, time.Time{}, err
		}
		return due, due.Add(ttl), nil
	}
	if lifetime.ExpiresAt == "" {
		return due, time.Time{}, nil
	}
	expires, err = parseTime("expires_at", lifetime.ExpiresAt)
	switch {
	case err != nil:
		return due, time.Time{}, err
	case !expires.After(due) && (!late || !expires.After(asked)):
		return due, expires, invalid("expires_at", "the message would expire before it is due; give a time after send_at and after now")
	case expires.Sub(due) > maxLifetime:
		return due, expires, invalid("expires_at", "the time is more than 31 days after the message is due; give a nearer one")
	}
	return due, expires, nil
}

// codeLife is how long a one-time code is good that does not say it.
const codeLife = 5 * time.Minute

// codeLifeOf returns how long a one-time code is good by its template data, as Ory
// Kratos has it.
func codeLifeOf(data json.RawMessage) time.Duration {
	var kratos struct {
		Minutes float64 `json:"expires_in_minutes"`
	}
	if json.Unmarshal(data, &kratos) != nil || !(kratos.Minutes > 0) {
		return codeLife
	}
	return time.Duration(min(kratos.Minutes, maxLifetime.Minutes()) * float64(time.Minute)).Truncate(time.Microsecond)
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

// parseTime reads a time in RFC 3339; an empty text is the zero time.
func parseTime(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
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
