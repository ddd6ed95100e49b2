package intake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"courier"
)

// plain rewrites the typography of a text where that saves segments, and says so.
func plain(m *courier.Message) {
	if m.Encoding != courier.EncodingUCS2 {
		return
	}
	text := courier.PlainTypography(m.Body)
	encoding, segments := courier.CountSegments(text)
	if segments >= m.Segments {
		return
	}
	m.Warnings = append(m.Warnings, fmt.Sprintf(
		"quotes, dashes and blanks were written plainly, as messages.typography is gsm: the text takes %d instead of %d segments", segments, m.Segments))
	m.Body, m.Encoding, m.Segments = text, encoding, segments
}

// lint tells of what makes a text expensive, or a code hard to use.
func lint(m *courier.Message) {
	if m.Encoding == courier.EncodingUCS2 {
		m.Warnings = append(m.Warnings, fmt.Sprintf("%s not in the GSM 7 bit alphabet, so a segment holds 70 characters instead of 160; the text takes %d",
			named(courier.NotGSM7(m.Body)), m.Segments))
	}
	if m.Segments > 1 {
		code := codeOf(m.TemplateData)
		if code != "" && strings.Contains(m.Body, code) && !strings.Contains(courier.FirstSegment(m.Body), code) {
			m.Warnings = append(m.Warnings, "the code is not in the first segment, which phones show first; write it at the beginning")
		}
	}
	before, last, found := cutLastLine(m.Body)
	for line := range strings.Lines(before) {
		if found && !isOriginBound(last) && isOriginBound(strings.TrimSpace(line)) {
			m.Warnings = append(m.Warnings, "the line @domain #code is not the last, so phones do not fill the code in; move it to the end")
			break
		}
	}
}

// cutLastLine parts a text before its last line; found is false when there is only one.
func cutLastLine(text string) (before, last string, found bool) {
	text = strings.TrimRight(text, "\r\n \t")
	at := strings.LastIndexByte(text, '\n')
	if at < 0 {
		return "", text, false
	}
	return text[:at], strings.TrimSpace(text[at+1:]), true
}

// isOriginBound reports whether a line binds a code to a domain, "@shop.example #204961".
// (WICG, Origin-bound one-time codes delivered via SMS)
func isOriginBound(line string) bool {
	domain, code, found := strings.Cut(line, " #")
	return found && len(domain) > 1 && domain[0] == '@' && !strings.ContainsAny(domain, " \t") && code != ""
}

// named lists characters with their code points, so that invisible ones are seen too.
func named(chars []rune) string {
	const most = 5
	var list []string
	for _, char := range chars[:min(len(chars), most)] {
		list = append(list, fmt.Sprintf("%q (U+%04X)", char, char))
	}
	if left := len(chars) - most; left > 0 {
		list = append(list, fmt.Sprintf("and %d others", left))
	}
	if len(chars) == 1 {
		return list[0] + " is"
	}
	return strings.Join(list, ", ") + " are"
}

// codeOf returns the one-time code of a message, if its data names one as Kratos's does.
func codeOf(data json.RawMessage) string {
	if len(data) == 0 {
		return ""
	}
	var codes struct {
		Login        string `json:"login_code"`
		Recovery     string `json:"recovery_code"`
		Verification string `json:"verification_code"`
		Registration string `json:"registration_code"`
		Code         string `json:"code"`
	}
	if json.Unmarshal(data, &codes) != nil {
		return ""
	}
	return cmp.Or(codes.Login, codes.Recovery, codes.Verification, codes.Registration, codes.Code)
}
