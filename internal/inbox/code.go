package inbox

import (
	"regexp"
	"strings"
)

// maxCodeText is more than the 1600 characters that the longest texts have.
const maxCodeText = 8 << 10

// Code returns the one-time code in a text, empty for none: that of a last line
// "@domain #code" (WICG, Origin-bound one-time codes delivered via SMS), or the first number
// of six digits, or else of four to eight. The parts of "123-456" are joined. A text longer
// than any phone takes is read as far as one would.
func Code(text string) string {
	text = cut(text, maxCodeText)
	bound := regexp.MustCompile(`(?m)^@\S+ #(\S+)\s*\z`)
	if found := bound.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	number := regexp.MustCompile(`(?:^|[^\d+.,/:])\b(\d{3}[ -]\d{3}|\d{4,8})\b`)
	first := ""
	for _, found := range number.FindAllStringSubmatch(text, -1) {
		digits := strings.NewReplacer(" ", "", "-", "").Replace(found[1])
		if len(digits) == len("123456") {
			return digits
		}
		if first == "" {
			first = digits
		}
	}
	return first
}
