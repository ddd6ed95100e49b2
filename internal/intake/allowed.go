package intake

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"courier"
)

// KindSatellite stands for the country codes of satellite and other global networks,
// whose messages cost a multiple (ITU-T E.164.1, 3.2).
const KindSatellite = "satellite"

// kindsOfNumbers are the kinds of number that no one-time code is sent to unless the
// configuration allows it: they cost the sender much, or no phone shows the text.
func kindsOfNumbers() map[phonenumbers.PhoneNumberType]string {
	return map[phonenumbers.PhoneNumberType]string{
		phonenumbers.PREMIUM_RATE: "premium_rate", phonenumbers.SHARED_COST: "shared_cost", phonenumbers.UAN: "uan",
		phonenumbers.PAGER: "pager", phonenumbers.VOICEMAIL: "voicemail", phonenumbers.TOLL_FREE: "toll_free",
	}
}

// Kinds returns the names of the kinds of number that are refused unless allowed.
func Kinds() []string {
	return append(slices.Sorted(maps.Values(kindsOfNumbers())), KindSatellite)
}

// refused is what a policy does not send to, made ready.
type refused struct {
	kinds       map[string]bool
	allow, deny []string
}

// refuse makes the rules of a policy ready.
func (p *Policy) refuse() *refused {
	r := &refused{kinds: make(map[string]bool), allow: upper(p.AllowCountries), deny: upper(p.DenyCountries)}
	for _, kind := range Kinds() {
		r.kinds[kind] = !slices.Contains(p.AllowKinds, kind)
	}
	return r
}

func upper(codes []string) []string {
	list := make([]string, len(codes))
	for i, code := range codes {
		list[i] = strings.ToUpper(code)
	}
	return list
}

// check returns why nothing is sent to numbers of a class.
func (r *refused) check(c *class) error {
	if r.kinds[c.kind] {
		return notAllowed(fmt.Sprintf("nothing is sent to a %s number; give another, or allow the kind in recipients.types.allow", strings.ReplaceAll(c.kind, "_", " ")))
	}
	if len(r.allow) > 0 && !slices.Contains(r.allow, c.country) {
		return notAllowed("nothing is sent to this country; add it to recipients.countries.allow")
	}
	if slices.Contains(r.deny, c.country) {
		return notAllowed("nothing is sent to this country; take it out of recipients.countries.deny")
	}
	return nil
}

func notAllowed(message string) error {
	return &courier.Error{Code: courier.CodeRecipientNotAllowed, Field: "to", Message: message}
}

// kindOf returns the kind of a number if it is one of Kinds.
func kindOf(number *phonenumbers.PhoneNumber) string {
	switch number.GetCountryCode() {
	case 870, 878, 881, 882, 883, 979:
		return KindSatellite
	}
	return kindsOfNumbers()[phonenumbers.GetNumberType(number)]
}

// countryOf returns the country of a number, empty for a network of no country. Where
// countries share a code and no plan has the number, it is that of the main one.
func countryOf(number *phonenumbers.PhoneNumber) string {
	country := phonenumbers.GetRegionCodeForNumber(number)
	if country == "" {
		country = phonenumbers.GetRegionCodeForCountryCode(int(number.GetCountryCode()))
	}
	const noCountry, unknown = "001", "ZZ"
	if country == noCountry || country == unknown {
		return ""
	}
	return country
}
