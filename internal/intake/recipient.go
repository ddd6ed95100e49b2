package intake

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"

	"courier"
)

// maxRecipient bounds a recipient as it is written, in bytes.
const maxRecipient = 128

// recipient returns a recipient in E.164 (ITU-T E.164) or as it is written when
// validation is off, and the class of its number.
func (p *Policy) recipient(text string) (string, *class, error) {
	if c := p.plans.plain(text); c != nil {
		return text, c, nil
	}
	text = strings.TrimFunc(text, func(char rune) bool { return unicode.IsSpace(char) || isFormat(char) })
	fault := impossibleText(text)
	var number *phonenumbers.PhoneNumber
	if fault == "" && !p.SkipValidation {
		number, fault = parseNumber(text, p.DefaultRegion)
	}
	if fault != "" {
		return "", nil, &courier.Error{Code: courier.CodeInvalidRecipient, Field: "to", Message: fault}
	}
	if p.SkipValidation {
		number, _ = phonenumbers.Parse(text, p.DefaultRegion) // of what is no number nothing is known
	}
	e164 := phonenumbers.Format(number, phonenumbers.E164)
	if !p.SkipValidation {
		text = e164
	}
	return text, p.plans.classOf(number, e164), nil
}

// isFormat reports whether a character only says how others are laid out, such as
// a mark of the writing direction. A number copied from a contact list has some.
func isFormat(char rune) bool { return unicode.Is(unicode.Cf, char) }

// impossibleText says what no recipient of any kind may be, or returns nothing.
func impossibleText(text string) string {
	switch {
	case text == "":
		return "the recipient is empty; give a phone number such as +12065550199"
	case len(text) > maxRecipient:
		return "the recipient is far too long to be a phone number; give one such as +12065550199"
	case !utf8.ValidString(text):
		return "the recipient is not valid UTF-8; encode it as UTF-8"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "the recipient holds a control character; remove it"
	}
	return ""
}

// parseNumber returns the number, or what is wrong with it. What the parser
// would silently drop or read as digits is refused before.
func parseNumber(text, region string) (number *phonenumbers.PhoneNumber, fault string) {
	text = strings.TrimPrefix(strings.Map(func(char rune) rune {
		if isFormat(char) {
			return -1
		}
		return char
	}, text), "tel:")
	switch {
	case !strings.ContainsFunc(text, unicode.IsDigit):
		return nil, "the recipient holds no digits; give a phone number such as +12065550199"
	case strings.ContainsFunc(text, unicode.IsLetter):
		return nil, "the recipient holds letters; give the number in digits, such as +12065550199"
	case strings.ContainsFunc(text, isNoPartOfNumber):
		return nil, "the recipient holds a character that is no part of a phone number; give one number, such as +12065550199"
	}
	number, err := phonenumbers.Parse(text, region)
	switch {
	case err == nil:
		fault = lengthFault(phonenumbers.IsPossibleNumberWithReason(number))
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode) && region == "" && !isInternational(text):
		fault = "the number has no country code; write it as +… or set recipients.default_region"
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode):
		fault = lengthFault(phonenumbers.INVALID_COUNTRY_CODE)
	case errors.Is(err, phonenumbers.ErrTooShortNSN), errors.Is(err, phonenumbers.ErrTooShortAfterIDD):
		fault = lengthFault(phonenumbers.TOO_SHORT)
	case errors.Is(err, phonenumbers.ErrNumTooLong):
		fault = lengthFault(phonenumbers.TOO_LONG)
	default:
		fault = "the recipient is not a phone number; give one such as +12065550199"
	}
	return number, fault
}

// isNoPartOfNumber lets pass digits and what people write between them; the
// marks of an extension are not among it.
func isNoPartOfNumber(char rune) bool {
	return !unicode.IsDigit(char) && !unicode.IsSpace(char) && !unicode.Is(unicode.Pd, char) &&
		!strings.ContainsRune("+＋().（）．/\u2212", char)
}

func isInternational(text string) bool {
	trimmed := strings.TrimLeftFunc(text, func(char rune) bool { return !unicode.IsDigit(char) && char != '+' && char != '＋' })
	return strings.HasPrefix(trimmed, "+") || strings.HasPrefix(trimmed, "＋")
}

// lengthFault says why no phone can have a number of such a length, or returns nothing.
func lengthFault(result phonenumbers.ValidationResult) string {
	switch result {
	case phonenumbers.IS_POSSIBLE:
		return ""
	case phonenumbers.INVALID_COUNTRY_CODE:
		return "the number's country code does not exist; check the digits after the +"
	case phonenumbers.TOO_SHORT:
		return "the number is too short for its country; check that no digit is missing"
	case phonenumbers.TOO_LONG:
		return "the number is too long for its country; check that no digit is there twice"
	case phonenumbers.IS_POSSIBLE_LOCAL_ONLY:
		return "the number has no area code; write it with country and area code, as +…"
	case phonenumbers.INVALID_LENGTH:
		return "no number of its country has that many digits; check for missing or extra ones"
	}
	return "the number is not possible; give one such as +12065550199"
}
