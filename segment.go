package courier

import (
	"strings"
	"unicode/utf16"
)

// Encoding is the alphabet in which a text travels.
type Encoding string

// The encodings of a short message.
const (
	// EncodingGSM7 is the GSM 7 bit default alphabet with its extension table (3GPP TS 23.038, 6.2.1).
	EncodingGSM7 Encoding = "gsm7"
	// EncodingUCS2 is UTF-16, 2 bytes a unit (3GPP TS 23.038, 6.2.3).
	EncodingUCS2 Encoding = "ucs2"
)

// The room in one short message of 140 bytes, and in one part of a concatenated
// message, whose header takes 6 bytes of it (3GPP TS 23.040, 9.2.3.24.1).
const (
	gsm7Single, gsm7Part = 160, 153
	ucs2Single, ucs2Part = 70, 67
)

// gsm7Basic and gsm7Extension are the printable characters of 3GPP TS 23.038,
// 6.2.1 and 6.2.1.1; one of the extension table takes two septets.
const (
	gsm7Basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsm7Extension = "\f^{}\\[~]|€"
)

// CountSegments returns the encoding that a text needs and the number of
// segments it takes. An empty text takes one. A character that needs two
// septets, or two UTF-16 units, is never split between segments.
func CountSegments(text string) (Encoding, int) {
	if segments, ok := countGSM7(text); ok {
		return EncodingGSM7, segments
	}
	return EncodingUCS2, countUCS2(text)
}

// FirstSegment returns the part of a text that its first segment has: phones show
// that first, and alone while others are under way.
func FirstSegment(text string) string {
	encoding, segments := CountSegments(text)
	if segments == 1 {
		return text
	}
	first := packer{room: gsm7Part}
	if encoding == EncodingUCS2 {
		first.room = ucs2Part
	}
	for at, char := range text {
		size := septets(char)
		if encoding == EncodingUCS2 {
			size = units(char)
		}
		if first.add(size); first.full > 0 {
			return text[:at]
		}
	}
	return text
}

func countGSM7(text string) (int, bool) {
	whole := packer{room: gsm7Single}
	parts := packer{room: gsm7Part}
	for _, char := range text {
		size := septets(char)
		if size == 0 {
			return 0, false
		}
		whole.add(size)
		parts.add(size)
	}
	return fewest(whole, parts), true
}

// septets is how much room a character takes in the GSM 7 bit alphabet, 0 for one that
// is not in it.
func septets(char rune) int {
	switch {
	case isPlainASCII(char), strings.ContainsRune(gsm7Basic, char):
		return 1
	case strings.ContainsRune(gsm7Extension, char):
		return 2
	}
	return 0
}

// units is how much room a character takes in UTF-16.
func units(char rune) int { return max(utf16.RuneLen(char), 1) }

// isPlainASCII is a shortcut for the letters, digits and the space, which most texts are made of.
func isPlainASCII(char rune) bool {
	return char == ' ' || '0' <= char && char <= '9' || 'A' <= char && char <= 'Z' || 'a' <= char && char <= 'z'
}

func countUCS2(text string) int {
	whole := packer{room: ucs2Single}
	parts := packer{room: ucs2Part}
	for _, char := range text {
		whole.add(units(char))
		parts.add(units(char))
	}
	return fewest(whole, parts)
}

// packer puts characters into segments of a given room, never splitting one.
type packer struct{ room, full, used int }

func (p *packer) add(size int) {
	if p.used+size > p.room {
		p.full++
		p.used = 0
	}
	p.used += size
}

func fewest(whole, parts packer) int {
	if whole.full == 0 {
		return 1
	}
	return parts.full + 1
}
