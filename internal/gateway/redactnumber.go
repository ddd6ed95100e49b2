package gateway

import "strings"

// minNumber is how many digits in a row give away a recipient.
const minNumber = 6

// hideNumbers marks a recipient's digits, and a part of them, however they are
// grouped: +1 (415) 555-2671 as well as 4155552671.
func (c *cover) hideNumbers(recipient string) {
	if len(recipient) < minNumber {
		return
	}
	for from := 0; from < len(c.text); {
		grouped := scanNumber(c.text, from, true)
		if grouped.end == from {
			from++
			continue
		}
		if gives(grouped.digits, recipient) {
			c.mark(from, grouped.end)
		}
		c.hideRuns(from, grouped.end, recipient)
		from = grouped.end
	}
}

// hideRuns marks the runs without separators within a grouped number.
func (c *cover) hideRuns(from, to int, recipient string) {
	for from < to {
		run := scanNumber(c.text, from, false)
		if gives(run.digits, recipient) {
			c.mark(from, run.end)
		}
		from = max(run.end, from+1)
	}
}

// gives reports whether digits hold a telling part of the recipient or are one.
func gives(digits, recipient string) bool {
	if len(digits) < minNumber {
		return false
	}
	tail := recipient[max(len(recipient)-minNumber-1, 0):]
	return strings.Contains(recipient, digits) || strings.Contains(digits, tail)
}

type number struct {
	digits string
	end    int
}

// scanNumber reads the digits from a position on, with up to two separators between them.
func scanNumber(text string, from int, separators bool) number {
	var digits []byte
	end, gap := from, 0
	for i := from; i < len(text) && gap <= 2; i++ {
		switch char := text[i]; {
		case '0' <= char && char <= '9':
			digits = append(digits, char)
			end, gap = i+1, 0
		case separators && len(digits) > 0 && strings.IndexByte(" -.()/", char) >= 0:
			gap++
		default:
			return number{string(digits), end}
		}
	}
	return number{string(digits), end}
}
