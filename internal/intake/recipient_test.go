package intake_test

import (
	"strings"
	"testing"

	"courier"
	"courier/internal/intake"
)

func TestIntake_Recipient(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, region, text, want string }{
		{"E164", "", "+12065550199", "+12065550199"},
		{"Punctuation", "", " +1 (206) 555-0199 ", "+12065550199"},
		{"Dots", "", "+49.151.23456789", "+4915123456789"},
		{"TrunkZeroAfterCountryCode", "", "+44 07700 900123", "+447700900123"},
		{"ItalianZeroIsKept", "", "+39 06 1234 5678", "+390612345678"},
		{"National", "US", "206 555 0199", "+12065550199"},
		{"NationalLowerCaseRegion", "gb", "07700 900123", "+447700900123"},
		{"NationalWithTrunkPrefix", "GB", "07700 900123", "+447700900123"},
		{"InternationalPrefix", "DE", "001 206 555 0199", "+12065550199"},
		{"OtherCountryThanTheRegion", "DE", "+12065550199", "+12065550199"},
		{"TelURI", "", "tel:+1-206-555-0199", "+12065550199"},
		{"FullWidth", "", "＋１２０６５５５０１９９", "+12065550199"},
		{"BidiMarks", "", "\u202a+1 206 555 0199\u202c", "+12065550199"},
		{"BidiIsolates", "", " \u2066\u200e+1\u00ad206\u200b555\u20600199\u2069 ", "+12065550199"},
		{"ByteOrderMark", "", "\ufefftel:+12065550199", "+12065550199"},
		{"NationalWithMarks", "US", "\u200f206 555 0199\u200e", "+12065550199"},
		{"ArabicDigits", "", "+١٢٠٦٥٥٥٠١٩٩", "+12065550199"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := intake.New(intake.Options{Policy: intake.Policy{DefaultRegion: test.region}}).Recipient(test.text)
			if err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestIntake_RecipientRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, region, text, want string }{
		{"Empty", "", "", "is empty"},
		{"Blank", "", " \t ", "is empty"},
		{"MarksAlone", "", "\u202a \u202c", "is empty"},
		{"National", "", "206 555 0199", "recipients.default_region"},
		{"ZeroZeroWithoutRegion", "", "0012065550199", "recipients.default_region"},
		{"NoSuchCountryCode", "", "+999 555 0199", "country code does not exist"},
		{"ZeroCountryCode", "US", "+0206 555 0199", "country code does not exist"},
		{"TooShort", "", "+1 206 555", "too short for its country"},
		{"TwoDigits", "US", "12", "too short for its country"},
		{"OneDigit", "US", "1", "not a phone number"},
		{"TooLong", "", "+1 206 555 0199 99", "too long for its country"},
		{"FarTooLong", "", "+1" + strings.Repeat("2", 40), "too long for its country"},
		{"NoAreaCode", "", "+1 555 0199", "no area code"},
		{"Letters", "", "+1 206 FLOWERS", "holds letters"},
		{"Extension", "", "+12065550199 ext. 5", "holds letters"},
		{"HashExtension", "", "+12065550199 #5", "no part of a phone number"},
		{"NoDigits", "", "+", "holds no digits"},
		{"Word", "", "alice", "holds no digits"},
		{"Two", "", "+12065550199, +12065550198", "no part of a phone number"},
		{"Newline", "", "+1206555\r\nX-Evil: 0199", "control character"},
		{"NUL", "", "+12065550199\x00", "control character"},
		{"InvalidUTF8", "", "+1206555\xff0199", "not valid UTF-8"},
		{"Endless", "", strings.Repeat("1", 4096), "far too long"},
		{"PlusInside", "", "1206+5550199", "not a phone number"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := intake.New(intake.Options{Policy: intake.Policy{DefaultRegion: test.region}}).Recipient(test.text)
			wantFault(t, err, courier.CodeInvalidRecipient, "to", test.want)
			if digits := strings.Trim(test.text, "+ "); len(digits) > 5 && strings.Contains(err.Error(), digits) {
				t.Errorf("error quotes the recipient: %v", err)
			}
		})
	}
}

func TestIntake_RecipientUnvalidated(t *testing.T) {
	t.Parallel()
	in := intake.New(intake.Options{Policy: intake.Policy{SkipValidation: true}})
	for _, text := range []string{"alice", "206 555 0199", "12345"} {
		if got, err := in.Recipient(text); err != nil || got != text {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "a\nb", "a\x00", "\xff", strings.Repeat("1", 129)} {
		if _, err := in.Recipient(text); courier.CodeOf(err) != courier.CodeInvalidRecipient {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzRecipient(f *testing.F) {
	for _, text := range []string{"+12065550199", "tel:+1-206-555-0199", "(206) 555 0199", "+44 07700 900123", "+390612345678", "٢٠٦", "+1\u200b206"} {
		f.Add(text)
	}
	in := intake.New(intake.Options{Policy: intake.Policy{DefaultRegion: "US"}})
	f.Fuzz(func(t *testing.T, text string) {
		number, err := in.Recipient(text)
		if err != nil {
			wantFault(t, err, courier.CodeInvalidRecipient, "to", "")
			return
		}
		if len(number) < 3 || len(number) > 19 || number[0] != '+' || strings.Trim(number[1:], "0123456789") != "" {
			t.Fatalf("%q became %q, which is not E.164", text, number)
		}
	})
}

func BenchmarkIntake_Recipient(b *testing.B) {
	in := intake.New(intake.Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := in.Recipient("+12065550199"); err != nil {
			b.Fatal(err)
		}
	}
}
