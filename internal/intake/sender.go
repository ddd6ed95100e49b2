package intake

import (
	"strings"
	"unicode"

	"courier"
)

const maxName = 11

// checkSender takes what gateways know as a sender: a number in E.164 with or
// without its plus, a short code of 3 to 8 digits, or an alphanumeric name of
// up to 11 characters of the GSM 7 bit alphabet (3GPP TS 23.040, 9.1.2.5).
func checkSender(from string) error {
	if from == "" || isNumberSender(from) || isNameSender(from) {
		return nil
	}
	return &courier.Error{Code: courier.CodeInvalidSender, Field: "from", Message: senderFault(from)}
}

// isNumberSender takes up to 15 digits, after a plus at least 7.
func isNumberSender(from string) bool {
	digits, international := strings.CutPrefix(from, "+")
	if !isDigits(digits) || len(digits) > 15 {
		return false
	}
	if international {
		return len(digits) >= 7 && digits[0] != '0'
	}
	return len(digits) >= 3
}

// isNameSender takes letters, digits, inner spaces and the usual marks, with at
// least one letter: what is all digits is a number.
func isNameSender(from string) bool {
	if len(from) > maxName || strings.TrimSpace(from) != from {
		return false
	}
	letters := 0
	for _, char := range []byte(from) {
		switch {
		case isLetter(char):
			letters++
		case '0' <= char && char <= '9', strings.IndexByte(` !"#$%&'()*+,-./:;<=>?@_`, char) >= 0:
		default:
			return false
		}
	}
	return letters > 0
}

func senderFault(from string) string {
	const forms = "give a number such as +12065550110, a short code of 3 to 8 digits, or a name of up to 11 letters and digits"
	switch {
	case len([]rune(from)) > maxName && strings.ContainsFunc(from, unicode.IsLetter):
		return "the name is longer than 11 characters, the most a phone shows; " + forms
	default:
		return "it is neither a number nor a name that gateways take; " + forms
	}
}

func isLetter(char byte) bool { return 'a' <= char|0x20 && char|0x20 <= 'z' }

func isDigits(text string) bool {
	for _, char := range []byte(text) {
		if char < '0' || char > '9' {
			return false
		}
	}
	return text != ""
}
