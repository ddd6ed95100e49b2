package courier_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"courier"
)

// gsm7Alphabet is 3GPP TS 23.038, 6.2.1, by code point; the escape 0x1B has no character.
func gsm7Alphabet() [128]rune {
	return [128]rune{
		'@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å',
		'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', 0, 'Æ', 'æ', 'ß', 'É',
		' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/',
		'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?',
		'¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O',
		'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§',
		'¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
		'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
	}
}

// gsm7Extended is 3GPP TS 23.038, 6.2.1.1.
const gsm7Extended = "\f^{}\\[~]|€"

// septets returns what a character takes in GSM-7, 0 when it has no place there.
func septets(char rune) int {
	if strings.ContainsRune(gsm7Extended, char) {
		return 2
	}
	for code, basic := range gsm7Alphabet() {
		if basic == char && code != 0x1B {
			return 1
		}
	}
	return 0
}

// Every character of the basic plane is placed as the standard says: one
// septet, two, or none.
func TestCountSegments_Alphabet(t *testing.T) {
	t.Parallel()
	counts := map[int]int{}
	for char := rune(0); char <= 0xFFFF; char++ {
		if utf16.IsSurrogate(char) {
			continue
		}
		want := septets(char)
		counts[want]++
		encoding, _ := courier.CountSegments(string(char))
		if (encoding == courier.EncodingGSM7) != (want > 0) {
			t.Errorf("%U has encoding %s", char, encoding)
		}
		if want == 0 {
			continue
		}
		if _, segments := courier.CountSegments(strings.Repeat(string(char), 160)); segments != map[int]int{1: 1, 2: 3}[want] {
			t.Errorf("160 times %U takes %d segments", char, segments)
		}
	}
	if counts[1] != 127 || counts[2] != 10 {
		t.Errorf("counted %d basic and %d extended characters", counts[1], counts[2])
	}
}

func TestCountSegments_Borders(t *testing.T) {
	t.Parallel()
	const gsm7, ucs2 = courier.EncodingGSM7, courier.EncodingUCS2
	a := func(count int) string { return strings.Repeat("a", count) }
	zh := func(count int) string { return strings.Repeat("字", count) }
	cases := []struct {
		name, text string
		encoding   courier.Encoding
		segments   int
	}{
		{"Empty", "", gsm7, 1},
		{"FullSingle", a(160), gsm7, 1},
		{"OneOver", a(161), gsm7, 2},
		{"TwoFullParts", a(306), gsm7, 2},
		{"ThreeParts", a(307), gsm7, 3},
		{"ExtensionFitsSingle", a(158) + "€", gsm7, 1},
		{"ExtensionOverSingle", a(159) + "€", gsm7, 2},
		{"EightyExtensions", strings.Repeat("€", 80), gsm7, 1},
		{"EightyOneExtensions", strings.Repeat("€", 81), gsm7, 2},
		{"ExtensionNotSplit", a(152) + "€" + a(151), gsm7, 2},
		{"ExtensionMovedOn", a(152) + "€" + a(152), gsm7, 3},
		{"ExtensionEndsPart", a(151) + "€" + a(153), gsm7, 2},
		{"ExtensionsWasteASeptetEach", strings.Repeat("€", 76*2+1), gsm7, 3},
		{"FullSingleUCS2", zh(70), ucs2, 1},
		{"OneOverUCS2", zh(71), ucs2, 2},
		{"TwoFullPartsUCS2", zh(134), ucs2, 2},
		{"ThreePartsUCS2", zh(135), ucs2, 3},
		{"EmojiFitsSingle", zh(68) + "😀", ucs2, 1},
		{"EmojiOverSingle", zh(69) + "😀", ucs2, 2},
		{"EmojiNotSplit", zh(66) + "😀" + zh(65), ucs2, 2},
		{"EmojiMovedOn", zh(66) + "😀" + zh(66), ucs2, 3},
		{"EmojiEndsPart", zh(65) + "😀" + zh(67), ucs2, 2},
		{"OneForeignCharacterChangesAll", a(70) + "ç", ucs2, 2},
		{"InvalidUTF8IsOneUnitEach", strings.Repeat("\xff", 70), ucs2, 1},
		{"InvalidUTF8Over", strings.Repeat("\xff", 71), ucs2, 2},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			encoding, segments := courier.CountSegments(test.text)
			if encoding != test.encoding || segments != test.segments {
				t.Errorf("CountSegments = %s, %d; want %s, %d", encoding, segments, test.encoding, test.segments)
			}
		})
	}
}

// cut counts the segments the slow way: it cuts the units of a text into parts
// and steps back from a unit that belongs to the next one.
func cut(text string) (courier.Encoding, int) {
	encoding, single, part, sizes := courier.EncodingGSM7, 160, 153, []int(nil)
	for _, char := range text {
		sizes = append(sizes, septets(char))
	}
	for _, size := range sizes {
		if size == 0 {
			encoding, single, part = courier.EncodingUCS2, 70, 67
		}
	}
	if encoding == courier.EncodingUCS2 {
		sizes = sizes[:0]
		for _, char := range text {
			sizes = append(sizes, len(utf16.Encode([]rune{char})))
		}
	}
	total := 0
	for _, size := range sizes {
		total += size
	}
	if total <= single {
		return encoding, 1
	}
	segments, room := 1, part
	for _, size := range sizes {
		if size > room {
			segments, room = segments+1, part
		}
		room -= size
	}
	return encoding, segments
}

func FuzzCountSegments(f *testing.F) {
	for _, seed := range []string{
		"", "Your code is 123456", strings.Repeat("€", 81), strings.Repeat("😀", 36),
		strings.Repeat("a", 152) + "{" + strings.Repeat("b", 152), "naïve façade", "\xff\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		encoding, segments := courier.CountSegments(text)
		wantEncoding, want := cut(text)
		if encoding != wantEncoding || segments != want {
			t.Fatalf("CountSegments(%q) = %s, %d; want %s, %d", text, encoding, segments, wantEncoding, want)
		}
		if _, more := courier.CountSegments(text + "a"); more < segments {
			t.Fatalf("a longer text than %q takes %d segments instead of %d", text, more, segments)
		}
	})
}

func TestFirstSegment(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{strings.Repeat("a", 160), strings.Repeat("a", 160)},
		{strings.Repeat("a", 161), strings.Repeat("a", 153)},
		{strings.Repeat("a", 152) + strings.Repeat("€", 9), strings.Repeat("a", 152)},
		{strings.Repeat("ж", 71), strings.Repeat("ж", 67)},
		{strings.Repeat("ж", 66) + strings.Repeat("😀", 3), strings.Repeat("ж", 66)},
	} {
		if got := courier.FirstSegment(test.text); got != test.want {
			t.Errorf("%q: got %d bytes, want %d", test.text, len(got), len(test.want))
		}
	}
}
