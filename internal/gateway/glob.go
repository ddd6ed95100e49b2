package gateway

import (
	"errors"
	"regexp"
	"strings"
)

// errGlob reports a pattern that is not well-formed.
var errGlob = errors.New("is no pattern: close every [ and {, and escape them with \\ when they are meant literally")

// compileGlob translates a pattern with the separators . and /: * and ? match
// within a part, ** across parts, [abc], [a-z] and [!abc] one character,
// {a,b} either text, and \ takes the next character literally.
func compileGlob(pattern string) (*regexp.Regexp, error) {
	g := globTranslator{rest: []rune(pattern)}
	g.out.WriteString(`(?s)\A`)
	for len(g.rest) > 0 {
		if !g.step() {
			return nil, errGlob
		}
	}
	if g.depth != 0 {
		return nil, errGlob
	}
	g.out.WriteString(`\z`)
	compiled, err := regexp.Compile(g.out.String())
	if err != nil {
		return nil, errGlob
	}
	return compiled, nil
}

type globTranslator struct {
	out   strings.Builder
	rest  []rune
	depth int
}

func (g *globTranslator) next() rune {
	char := g.rest[0]
	g.rest = g.rest[1:]
	return char
}

// step translates one element and reports whether it was well-formed.
func (g *globTranslator) step() bool {
	switch char := g.next(); {
	case char == '*':
		g.star()
	case char == '?':
		g.out.WriteString(`[^./]`)
	case char == '[':
		return g.class()
	case char == '{':
		g.depth++
		g.out.WriteString(`(?:`)
	case char == ',' && g.depth > 0:
		g.out.WriteByte('|')
	case char == '}' && g.depth > 0:
		g.depth--
		g.out.WriteByte(')')
	case char == '\\':
		if len(g.rest) == 0 {
			return false
		}
		g.out.WriteString(regexp.QuoteMeta(string(g.next())))
	default:
		g.out.WriteString(regexp.QuoteMeta(string(char)))
	}
	return true
}

func (g *globTranslator) star() {
	if len(g.rest) > 0 && g.rest[0] == '*' {
		g.next()
		g.out.WriteString(`.*`)
		return
	}
	g.out.WriteString(`[^./]*`)
}

// class translates [abc], [a-z] and their negations with !.
func (g *globTranslator) class() bool {
	g.out.WriteByte('[')
	if len(g.rest) > 0 && g.rest[0] == '!' {
		g.next()
		g.out.WriteByte('^')
	}
	for count := 0; len(g.rest) > 0; count++ {
		switch char := g.next(); {
		case char == ']':
			g.out.WriteByte(']')
			return count > 0
		case char == '-' && count > 0 && len(g.rest) > 0 && g.rest[0] != ']':
			g.out.WriteByte('-')
		case char == '\\' && len(g.rest) > 0:
			g.out.WriteString(quoteClass(g.next()))
		default:
			g.out.WriteString(quoteClass(char))
		}
	}
	return false
}

func quoteClass(char rune) string {
	if strings.ContainsRune(`\]^-[&~`, char) {
		return `\` + string(char)
	}
	return string(char)
}
