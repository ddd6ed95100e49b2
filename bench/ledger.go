package main

import (
	"bytes"
	"sync/atomic"
)

// maxMessages bounds the numbers of the messages of one run.
const maxMessages = 1 << 25

// ledger knows by its number whether a message came before.
type ledger struct {
	bits               [maxMessages / 64]atomic.Uint64
	distinct, repeated atomic.Int64
}

// mark notes a message and reports whether it is new.
func (l *ledger) mark(number int) bool {
	if number < 0 || number >= maxMessages {
		return false
	}
	bit := uint64(1) << (number % 64)
	if l.bits[number/64].Or(bit)&bit != 0 {
		l.repeated.Add(1)
		return false
	}
	l.distinct.Add(1)
	return true
}

func (l *ledger) count() (distinct, repeated int64) {
	return l.distinct.Load(), l.repeated.Load()
}

// numberMark stands before the number in the text of every message. It is the same in a form.
const numberMark = "code-"

// numberDigits is the width of the number, so that all messages are as long.
const numberDigits = 8

// messageNumber finds the number of a message in a request, -1 when there is none.
func messageNumber(body []byte) int {
	_, rest, found := bytes.Cut(body, []byte(numberMark))
	if !found || len(rest) < numberDigits {
		return -1
	}
	number := 0
	for _, digit := range rest[:numberDigits] {
		if digit < '0' || digit > '9' {
			return -1
		}
		number = number*10 + int(digit-'0')
	}
	return number
}
