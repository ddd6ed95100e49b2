package store

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"

	"courier"
)

// usage is when messages of one subject of limits were taken, the oldest first.
type usage []use

// use is a number of messages that were taken at a time, or a little before it.
type use struct {
	at    time.Time
	count int
}

// The bounds of what is kept of a subject. Up to exactUses every message has its own time.
// Of more, those are taken together that differ by less than a part of their age, with the
// time of the last: a limit is never exceeded, and frees a place later by that part.
const (
	exactUses = 128
	agePart   = 32
)

// judge returns an error when a limit leaves no room for one more message now.
func (u usage) judge(l courier.Limit, now time.Time) *courier.LimitError {
	taken := 0
	for i := len(u) - 1; i >= 0 && now.Sub(u[i].at) < l.Per; i-- {
		if taken += u[i].count; taken >= l.Count {
			// Once this one is as old as the span, there are fewer than allowed.
			wait := u[i].at.Add(l.Per).Sub(now)
			wait = (wait + time.Second - 1).Truncate(time.Second)
			return &courier.LimitError{By: l.By, Count: l.Count, Per: l.Per, RetryAfter: wait}
		}
	}
	return nil
}

// add notes a message that was taken now, and forgets what no limit asks for any more.
func (u usage) add(limits []courier.Limit, now time.Time) usage {
	from := slices.IndexFunc(u, func(one use) bool { return now.Sub(one.at) < longest(limits) })
	if from < 0 {
		from = len(u)
	}
	if len(u) > 0 && now.Before(u[len(u)-1].at) {
		now = u[len(u)-1].at // the clocks of nodes differ
	}
	u = append(slices.Clone(u[from:]), use{now, 1})
	if len(u) <= exactUses {
		return u
	}
	kept := u[:1]
	for _, one := range u[1:] {
		last := len(kept) - 1
		if last > 0 && one.at.Sub(kept[last-1].at) <= now.Sub(one.at)/agePart {
			kept[last] = use{one.at, kept[last].count + one.count}
			continue
		}
		kept = append(kept, one)
	}
	return kept
}

// longest is the time after which a message counts in none of the limits.
func longest(limits []courier.Limit) time.Duration {
	var most time.Duration
	for _, l := range limits {
		most = max(most, l.Per)
	}
	return most
}

// encode returns the usage as it is stored.
func (u usage) encode() []byte {
	var text []byte
	var last int64
	for _, one := range u {
		at := one.at.UnixMicro()
		text = binary.AppendUvarint(binary.AppendVarint(text, at-last), uint64(max(one.count, 0)))
		last = at
	}
	return text
}

// decodeUsage reads what encode made.
func decodeUsage(text []byte) (usage, error) {
	var u usage
	var last int64
	for len(text) > 0 {
		step, n := binary.Varint(text)
		if n <= 0 {
			return nil, errUsage
		}
		count, m := binary.Uvarint(text[n:])
		if m <= 0 || count > math.MaxInt32 {
			return nil, errUsage
		}
		last += step
		u, text = append(u, use{time.UnixMicro(last).UTC(), int(count)}), text[n+m:]
	}
	return u, nil
}

var errUsage = errors.New("what is stored of a limit cannot be read")

// Subject is a digest of who or what a limit counts.
type Subject = [16]byte

// Usages are those of the subjects of some messages, while these are stored.
type Usages struct {
	of map[Subject]usage
	// limits are those of the subjects of messages that were taken.
	limits map[Subject][]courier.Limit
}

// Subjects returns the subjects of limits, each once and in order.
func Subjects(limits []courier.Limit) []Subject {
	var subjects []Subject
	for _, l := range limits {
		subjects = append(subjects, l.Subject)
	}
	slices.SortFunc(subjects, func(a, b Subject) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(subjects)
}

// Set puts what is stored of a subject.
func (u *Usages) Set(subject Subject, stored []byte) error {
	found, err := decodeUsage(stored)
	if u.of == nil {
		u.of, u.limits = map[Subject]usage{}, map[Subject][]courier.Limit{}
	}
	u.of[subject] = found
	return err
}

// Counts reports whether Set was called for a subject.
func (u *Usages) Counts(subject Subject) bool {
	_, known := u.of[subject]
	return known
}

// Take notes a message, unless one of its limits leaves no room for it.
func (u *Usages) Take(m *courier.Message, now time.Time) error {
	var worst *courier.LimitError
	by := map[Subject][]courier.Limit{}
	for _, l := range m.Limits {
		by[l.Subject] = append(by[l.Subject], l)
		if refused := u.of[l.Subject].judge(l, now); refused != nil && (worst == nil || refused.RetryAfter > worst.RetryAfter) {
			worst = refused
		}
	}
	if worst != nil {
		return worst
	}
	for subject, limits := range by {
		u.of[subject] = u.of[subject].add(limits, now)
		u.limits[subject] = limits
	}
	return nil
}

// Changed calls a function for each subject that a message was noted of, with a time after
// which it counts no more.
func (u *Usages) Changed(write func(subject Subject, until time.Time, stored []byte) error) error {
	for subject, limits := range u.limits {
		changed := u.of[subject]
		// A whole hour, as most changes are then none of this time.
		until := changed[len(changed)-1].at.Add(longest(limits) + time.Hour).Truncate(time.Hour)
		if err := write(subject, until, changed.encode()); err != nil {
			return err
		}
	}
	return nil
}
