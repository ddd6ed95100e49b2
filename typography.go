package courier

import (
	"slices"
	"strings"
)

// NotGSM7 returns the characters for which a text needs UCS-2, each once, in their order.
func NotGSM7(text string) []rune {
	var others []rune
	for _, char := range text {
		if septets(char) == 0 && !slices.Contains(others, char) {
			others = append(others, char)
		}
	}
	return others
}

// PlainTypography writes typographic characters as people type them: curly quotes as
// straight ones, dashes as hyphens, special blanks as blanks. Invisible ones that only
// lay out a text are left out. Letters stay as they are.
func PlainTypography(text string) string {
	return typography().Replace(text)
}

func typography() *strings.Replacer {
	return strings.NewReplacer(
		"\u2018", "'", "\u2019", "'", "\u201a", "'", "\u201b", "'", "\u2032", "'", "\u00b4", "'", "`", "'", "\u02bc", "'",
		"\u201c", `"`, "\u201d", `"`, "\u201e", `"`, "\u201f", `"`, "\u2033", `"`, "\u00ab", `"`, "\u00bb", `"`,
		"\u2039", "'", "\u203a", "'",
		"\u2010", "-", "\u2011", "-", "\u2012", "-", "\u2013", "-", "\u2014", "-", "\u2015", "-", "\u2212", "-", "\u00ad", "",
		"\u2026", "...", "\u2022", "-", "\u00b7", "-", "\u2044", "/",
		"\u00a0", " ", "\u2002", " ", "\u2003", " ", "\u2004", " ", "\u2005", " ", "\u2006", " ", "\u2007", " ", "\u2008", " ",
		"\u2009", " ", "\u200a", " ", "\u202f", " ", "\u205f", " ", "\u3000", " ",
		"\u200b", "", "\u200c", "", "\u200d", "", "\u2060", "", "\ufeff", "", "\u200e", "", "\u200f", "",
		"\t", " ", "\u2028", "\n", "\u2029", "\n", "\u00d7", "x",
	)
}
