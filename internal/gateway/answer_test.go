package gateway

import (
	"strings"
	"testing"
)

func TestMessageID(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"id":"a-1"}`: "a-1",
		`{"sid":"SM1","account_sid":"AC1","status":"queued"}`:                          "SM1",
		`{"message-count":"1","messages":[{"to":"1","message-id":"0A","status":"0"}]}`: "0A",
		`{"messages":[{"messageId":"m1","status":{"id":7}}],"bulkId":"b"}`:             "m1",
		`{"message_uuid":["u1","u2"],"api_id":"x"}`:                                    "u1",
		`{"data":{"id":"d1","to":[{"status":"queued"}]}}`:                              "d1",
		`{"id":12345678901234567890}`:                                                  "12345678901234567890",
		`[{"id":"first"},{"id":"second"}]`:                                             "first",
		`{"MessageID":"x","id":"y"}`:                                                   "x",
		` {"id":"spaced"} trailing`:                                                    "spaced",
		`{"id":""}`:                                                                    "",
		`{"id":true}`:                                                                  "",
		`{"id":"two words"}`:                                                           "",
		`{"id":"a\u0000b"}`:                                                            "",
		`{"id":"` + strings.Repeat("x", 129) + `"}`:                                    "",
		`{"id":`: "", `OK id=5`: "", ``: "", `[]`: "", `[[[[[[{"id":"deep"}]]]]]]`: "",
	} {
		if got := messageID([]byte(body)); got != want {
			t.Errorf("messageID(%s) = %q, want %q", body, got, want)
		}
	}
}

func TestErrorCode(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"code":21211,"message":"The 'To' number is not valid","status":400}`: "21211",
		`{"errors":[{"code":"40310","title":"Invalid"}]}`:                      "40310",
		`{"error":{"code":9,"description":"no"}}`:                              "9",
		`{"error":"invalid_request","error_description":"x"}`:                  "invalid_request",
		`{"errorCode":"E429"}`:                                                 "E429",
		`{"messages":[{"status":"4","error-text":"Bad"}]}`:                     "4",
		`{"status":"failed"}`:                                                  "failed",
		`{"error":"this is a sentence"}`:                                       "",
		`{"code":"+14155552671"}`:                                              "",
		`nothing`:                                                              "",
	} {
		if got := errorCode([]byte(body)); got != want {
			t.Errorf("errorCode(%s) = %q, want %q", body, got, want)
		}
	}
}

func TestExcerptText(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                                    "",
		" a\r\n\tb\x00c ":                     "a b c",
		"\x80\x81 readable \xff part":         "readable part",
		"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR": "",
		"numero inv\xe1lido, revise":          "numero inv lido, revise",
		"<b>é</b>":                            "<b>é</b>",
		strings.Repeat("é", 3000):             strings.Repeat("é", maxExcerptInput/2),
		"a" + strings.Repeat("é", 3000):       "a" + strings.Repeat("é", maxExcerptInput/2-1),
	} {
		if got := excerptText([]byte(body)); got != want {
			t.Errorf("excerptText(%.20q) = %.40q, want %.40q", body, got, want)
		}
	}
}
