package gateway

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"courier/internal/mask"
)

// The lengths by which masking goes, in bytes.
const (
	// minWord is the length from which a value is masked even inside a longer word.
	minWord = 4
	// maxCodeDigits is the most digits of a one-time code.
	maxCodeDigits = 12
	// minPrivate is the shortest value of a message that is masked at all.
	minPrivate = 3
	// gram is the length from which a piece of a longer value is masked.
	gram = 12
	// maxMasked bounds the text that is looked at.
	maxMasked = 1 << 10
)

const maskText = "•••"

// masker hides what a gateway's answer repeats of the message and of the configuration.
type masker struct {
	// secrets are the forms of configured values, private are values of the message.
	secrets, private []string
	// recipient is the recipient's digits.
	recipient string
	// forms are those of private, and numbers the digits of those in it, once they were
	// looked for.
	forms, numbers []string
}

// mask returns at most limit characters of a text on one line. Secrets, body,
// codes and recipient are hidden, also where they are escaped for a url, JSON or
// HTML, and long values where only a piece of them is repeated.
func (m *masker) mask(text string, limit int) string {
	text = cleanText(text)
	if text == "" {
		return ""
	}
	if m.forms == nil {
		m.forms, m.numbers = privateForms(m.private), privateNumbers(m.private)
	}
	c := newCover(text)
	c.hide(m.secrets)
	c.hide(m.forms)
	c.hideNumbers(m.recipient)
	c.hideDigits(func(digits string) bool {
		return slices.ContainsFunc(m.numbers, func(number string) bool { return strings.Contains(digits, number) })
	})
	return c.render(limit)
}

// keeping is mask for a text that begins with words of ours, which stay as they are: a
// text message may have one of them too.
func (m *masker) keeping(ours, text string, limit int) string {
	rest, begins := strings.CutPrefix(text, ours)
	switch {
	case !begins:
		return m.mask(text, limit)
	case strings.HasPrefix(rest, " "):
		ours += " "
	}
	return ours + m.mask(rest, limit)
}

// privateForms are the forms in which an answer may repeat values of a message, and those
// of their words that hold a digit, as one-time codes do.
func privateForms(values []string) []string {
	forms := []string{}
	add := func(value string) {
		if len(value) >= minPrivate {
			forms = append(forms, spellings(value)...)
		}
	}
	for _, value := range values {
		add(value)
		for word := range strings.FieldsFuncSeq(value, func(char rune) bool { return !isWord(char) }) {
			if len(word) < len(value) && strings.ContainsAny(word, "0123456789") {
				add(word)
			}
		}
	}
	return forms
}

// privateNumbers are the digits of the numbers in values of a message: an answer may group
// those of a code otherwise.
func privateNumbers(values []string) []string {
	var numbers []string
	for _, value := range values {
		c := &cover{text: cleanText(value)}
		c.hideDigits(func(digits string) bool {
			if len(digits) >= minWord && len(digits) <= maxCodeDigits {
				numbers = append(numbers, digits)
			}
			return false
		})
	}
	return numbers
}

// cover marks the bytes of a text that are hidden.
type cover struct {
	text   string
	lower  string
	hidden []bool
	// grams are the pieces of lower with where each is for the last time, and earlier where
	// a piece like the one at a place was before; -1 for nowhere.
	grams   map[string]int
	earlier []int
}

func newCover(text string) *cover {
	cut := len(text) > maxMasked
	if cut {
		text = strings.ToValidUTF8(text[:maxMasked], "")
	}
	c := &cover{text: text, lower: lowerASCII(text), hidden: make([]bool, len(text))}
	if cut { // the end may be the beginning of something to hide
		c.mark(max(len(text)-gram, 0), len(text))
	}
	return c
}

func (c *cover) mark(from, to int) {
	for i := from; i < to; i++ {
		c.hidden[i] = true
	}
}

// hide marks what has one of some forms.
func (c *cover) hide(forms []string) {
	for _, form := range forms {
		if len(form) < gram {
			c.hideAll(form, len(form) < minWord)
		} else {
			c.hidePieces(form)
		}
	}
}

// hideAll marks a value wherever it is, or only where it stands alone.
func (c *cover) hideAll(form string, alone bool) {
	for from := 0; form != ""; {
		at := strings.Index(c.lower[from:], form)
		if at < 0 {
			return
		}
		start, end := from+at, from+at+len(form)
		before, _ := utf8.DecodeLastRuneInString(c.lower[:start])
		after, _ := utf8.DecodeRuneInString(c.lower[end:])
		if !alone || !isWord(before) && !isWord(after) {
			c.mark(start, end)
		}
		from = start + 1
	}
}

// hidePieces marks every run that a long value and the text have in common.
func (c *cover) hidePieces(form string) {
	count := len(c.lower) - gram + 1
	if count <= 0 {
		return
	}
	if c.grams == nil {
		c.grams, c.earlier = make(map[string]int, count), make([]int, count)
		for i := range count {
			before, found := c.grams[c.lower[i:i+gram]]
			if !found {
				before = -1
			}
			c.grams[c.lower[i:i+gram]], c.earlier[i] = i, before
		}
	}
	for i := 0; i+gram <= len(form); i++ {
		at, found := c.grams[form[i:i+gram]]
		for ; found && at >= 0; at = c.earlier[at] {
			c.mark(at, at+gram)
		}
	}
}

// render replaces every hidden run and cuts the text to limit characters.
func (c *cover) render(limit int) string {
	var out strings.Builder
	count, masked := 0, false
	for i, char := range c.text {
		if c.hidden[i] || c.hidden[i+utf8.RuneLen(char)-1] {
			if !masked && count+utf8.RuneCountInString(maskText) <= limit {
				out.WriteString(maskText)
				count += utf8.RuneCountInString(maskText)
			}
			masked = true
			continue
		}
		masked = false
		if count == limit {
			break
		}
		out.WriteRune(char)
		count++
	}
	return out.String()
}

func isWord(char rune) bool {
	return char != utf8.RuneError && (unicode.IsLetter(char) || unicode.IsDigit(char))
}

// spellings returns a value in lower case, on one line as the text is, and as a url, JSON and HTML escape it.
func spellings(value string) []string {
	plain := cleanText(value)
	forms := []string{lowerASCII(plain)}
	if strings.IndexFunc(value, func(char rune) bool { return char >= utf8.RuneSelf || !isWord(char) }) < 0 {
		return forms
	}
	escaped := mask.Spellings(plain)
	if plain != value {
		escaped = append(escaped, mask.Spellings(value)...)
	}
	for _, form := range escaped {
		if form = lowerASCII(form); !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	return forms
}

// minNumber is how many digits in a row give away a recipient.
const minNumber = 6

// hideNumbers marks a recipient's digits, and a part of them, however they are
// grouped: +1 (415) 555-2671 as well as 4155552671.
func (c *cover) hideNumbers(recipient string) {
	if len(recipient) >= minNumber {
		c.hideDigits(func(digits string) bool { return gives(digits, recipient) })
	}
}

// hideDigits marks the numbers, however they are grouped, that are to be hidden.
func (c *cover) hideDigits(isHidden func(digits string) bool) {
	for from := 0; from < len(c.text); {
		end := c.numberEnd(from, 2)
		switch {
		case end == from:
			from++
			continue
		case isHidden(digitsOf(c.text[from:end])):
			c.mark(from, end)
			from = end
			continue
		}
		for at := from; at < end; {
			last := c.numberEnd(at, 0)
			if last > at && isHidden(c.text[at:last]) {
				c.mark(at, last)
			}
			at = max(last, at+1)
		}
		from = end
	}
}

// numberEnd returns where the number ends that begins at a place, whose digits may have up
// to gap marks between them; the place itself where none begins.
func (c *cover) numberEnd(at, gap int) int {
	end := at
	for i := at; i < len(c.text) && i-end <= gap; i++ {
		switch char := c.text[i]; {
		case '0' <= char && char <= '9':
			end = i + 1
		case end == at || !strings.ContainsRune(" -.()/", rune(char)):
			return end
		}
	}
	return end
}

// gives reports whether digits hold a telling part of the recipient or are one.
func gives(digits, recipient string) bool {
	if len(digits) < minNumber {
		return false
	}
	tail := recipient[max(len(recipient)-minNumber-1, 0):]
	return strings.Contains(recipient, digits) || strings.Contains(digits, tail)
}
