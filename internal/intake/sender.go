package intake

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"courier"
)

const maxName = 11

// What gateways know as a sender: a number in E.164 with or without its plus, a
// short code of 3 to 8 digits, or an alphanumeric name of up to 11 characters of the
// GSM 7 bit alphabet (3GPP TS 23.040, 9.1.2.5), with at least one letter: what is all
// digits is a number.
var (
	numberSender = regexp.MustCompile(`^(\+[1-9][0-9]{6,14}|[0-9]{3,15})$`)
	nameSender   = regexp.MustCompile(`^[A-Za-z0-9 !"#$%&'()*+,\-./:;<=>?@_]{1,11}$`)
)

func checkSender(from string) error {
	hasLetter := strings.ContainsFunc(from, unicode.IsLetter)
	isName := hasLetter && nameSender.MatchString(from) && strings.TrimSpace(from) == from
	if from == "" || isName || numberSender.MatchString(from) {
		return nil
	}
	fault := "it is neither a number nor a name that gateways take"
	if hasLetter && utf8.RuneCountInString(from) > maxName {
		fault = "the name is longer than 11 characters, the most a phone shows"
	}
	return &courier.Error{Code: courier.CodeInvalidSender, Field: "from", Message: fault +
		"; give a number such as +12065550110, a short code of 3 to 8 digits, or a name of up to 11 letters and digits"}
}
