package store

import (
	"cmp"
	"sync"
)

// A message is found by what its gateway calls it through a key: the hash of that in the
// low bits, and above them the number of a segment. A segment has the keys of messages
// that were sent one after the other, and its part of the index stays small and in
// memory: in an index of the names alone, which are random, each message would write a
// page of its own. Who looks for a name looks in one segment after the other, the newest
// first, and compares the names.
const (
	// KeyBits are those of the hash.
	KeyBits = 40
	// segmentLength is how many keys a segment has.
	segmentLength = 16384
)

// HashID returns the low bits of the key of what a gateway calls a message.
func HashID(gateway, id string) int64 {
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a of 64 bits, without memory
	h := uint64(offset)
	for _, text := range [...]string{id, gateway} {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * prime
		}
	}
	return int64(h >> (64 - KeyBits))
}

// Segments gives segments to messages. It is safe for concurrent use.
type Segments struct {
	mutex   sync.Mutex
	segment int64
	left    int
	// Length is how many keys a segment has, segmentLength when 0.
	Length int
}

// Take returns the segment for a number of keys. Next returns one that nobody uses.
func (s *Segments) Take(count int, next func() (int64, error)) (int64, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.left <= 0 {
		fresh, err := next()
		if err != nil {
			return 0, err
		}
		s.segment, s.left = fresh, cmp.Or(s.Length, segmentLength)
	}
	s.left -= count
	return s.segment, nil
}

// LowKey returns the low bits of the key of a settled message, -1 where it needs none.
func (s *Settlement) LowKey() int64 {
	id := s.Settled().GatewayMessageID
	if id == "" || s.NoReceipts {
		return -1
	}
	return HashID(s.Attempt.Gateway, id)
}

// KeyOf returns a key.
func KeyOf(segment int64, gateway, id string) int64 { return segment<<KeyBits | HashID(gateway, id) }
