package gateway

import (
	"regexp"
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
	// secrets are configured values, private those of the message.
	secrets, private []string
	// recipient is the recipient's digits.
	recipient string
}

// mask returns at most limit characters of a text on one line. Secrets, body,
// codes and recipient are hidden, also where they are escaped for a url, JSON or
// HTML, and long values where only a piece of them is repeated.
func (m *masker) mask(text string, limit int) string {
	text = cleanText(text)
	c := newCover(text)
	for _, value := range m.secrets {
		c.hide(value, 1)
	}
	for _, value := range m.private {
		c.hide(value, minPrivate)
		c.hideCodes(value)
	}
	c.hideNumbers(m.recipient)
	return c.render(limit)
}

// cover marks the bytes of a text that are hidden.
type cover struct {
	text   string
	lower  string
	hidden []bool
	grams  map[string][]int
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

// hide marks a value in every form in which an answer may repeat it.
func (c *cover) hide(value string, shortest int) {
	if len(value) < shortest || len(c.text) == 0 {
		return
	}
	for _, form := range spellings(value) {
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
	if c.grams == nil {
		c.grams = make(map[string][]int, len(c.lower))
		for i := 0; i+gram <= len(c.lower); i++ {
			c.grams[c.lower[i:i+gram]] = append(c.grams[c.lower[i:i+gram]], i)
		}
	}
	for i := 0; i+gram <= len(form); i++ {
		for _, at := range c.grams[form[i:i+gram]] {
			c.mark(at, at+gram)
		}
	}
}

// hideCodes marks the words of a value that hold a digit, as one-time codes do.
func (c *cover) hideCodes(value string) {
	for word := range strings.FieldsFuncSeq(value, func(char rune) bool { return !isWord(char) }) {
		if strings.ContainsAny(word, "0123456789") {
			c.hide(word, minPrivate)
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
	for _, form := range append(mask.Spellings(plain), mask.Spellings(value)...) {
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
	grouped, run := regexp.MustCompile(`[0-9](?:[ \-.()/]{0,2}[0-9])*`), regexp.MustCompile(`[0-9]+`)
	for _, at := range grouped.FindAllStringIndex(c.text, -1) {
		number := c.text[at[0]:at[1]]
		if isHidden(digitsOf(number)) {
			c.mark(at[0], at[1])
			continue
		}
		for _, part := range run.FindAllStringIndex(number, -1) {
			if isHidden(number[part[0]:part[1]]) {
				c.mark(at[0]+part[0], at[0]+part[1])
			}
		}
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
