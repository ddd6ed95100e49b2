package web

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The bounds of a text that came from outside: cutAt characters are shown at first, and
// maxShown after a click. The API has the whole.
const (
	cutAt    = 400
	maxShown = 64 << 10
)

// outside shows a text that came from outside: it is isolated, so that its direction of
// writing does not reach beyond it, and what cannot be seen in it is spelled out. The
// command line leaves out the same characters (unicode.IsPrint).
func outside(text string) template.HTML {
	var out strings.Builder
	out.WriteString("<bdi>")
	plain := 0 // text[plain:i] is printable
	flush := func(end int) { out.WriteString(template.HTMLEscapeString(text[plain:end])) }
	for i, char := range text {
		if unicode.IsPrint(char) || char == '\n' {
			continue
		}
		flush(i)
		plain = i + len(string(char))
		fmt.Fprintf(&out, `<span class="hidden-char">U+%04X</span>`, char)
	}
	flush(len(text))
	out.WriteString("</bdi>")
	return template.HTML(out.String()) //nolint:gosec // everything from outside is escaped above
}

// short shows the beginning of a text from outside on one line.
func short(most int, text string) template.HTML {
	head, cut := cutText(strings.Join(strings.Fields(text), " "), most)
	if cut {
		head += "…"
	}
	return outside(head)
}

// long shows a text from outside, the rest of one that is long after a click.
func long(text string) template.HTML {
	head, cut := cutText(text, cutAt)
	if !cut {
		return outside(text)
	}
	whole, more := cutText(text, maxShown)
	note := ""
	if more {
		note = fmt.Sprintf(`<p class="note">The first %s of %s bytes. The API has the whole.</p>`,
			groupDigits(int64(len(whole))), groupDigits(int64(len(text))))
	}
	//nolint:gosec // all parts are escaped by outside, or our own
	return outside(head+"…") + `<details class="whole"><summary>Show all</summary>` + outside(whole) + template.HTML(note+"</details>")
}

// cutText returns the first characters of a text, and whether there are more.
func cutText(text string, most int) (head string, cut bool) {
	if len(text) <= most {
		return text, false
	}
	count := 0
	for i := range text {
		if count == most {
			return text[:i], true
		}
		count++
	}
	return text, false
}

// timeElement shows a time in UTC, to the second, with the rest for those who point at it.
func timeElement(at time.Time) template.HTML {
	if at.IsZero() {
		return ""
	}
	at = at.UTC()
	//nolint:gosec // a time has no markup
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s UTC">%s</time>`,
		at.Format(time.RFC3339Nano), at.Format("Monday 2 January 2006, 15:04:05.000000"), at.Format("2006-01-02 15:04:05")))
}

// ago tells how long something took or has lasted, in its largest units.
func ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return "less than a second"
	case d < time.Minute:
		return count(int(d/time.Second), "second")
	case d < time.Hour:
		return count(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return fmt.Sprintf("%s %d min", count(int(d/time.Hour), "hour"), int(d/time.Minute)%60)
	}
	return count(int(d/(24*time.Hour)), "day")
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return strconv.Itoa(n) + " " + unit + "s"
}

// groupDigits writes 1234567 as 1,234,567.
func groupDigits(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
