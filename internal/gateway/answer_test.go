package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/htmlindex"

	"courier/internal/gateway/gatewaytest"
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
		if got := messageID(decodeText([]byte(body))); got != want {
			t.Errorf("messageID(%s) = %q, want %q", body, got, want)
		}
	}
}

func TestDecodeText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		` {"a":"b","c":[1,true,null,"d",{"e":{}}],"f":[]} more`: map[string]any{
			"a": "b", "c": []any{1.0, true, nil, "d", map[string]any{"e": map[string]any{}}}, "f": []any{},
		},
		`{"\u00e9\n":"\ud83d\ude00 \"","x":"\ud83d"}`:      map[string]any{"é\n": "😀 \"", "x": "\ufffd"},
		"{\"a\":\"\xff \xc3\xa9\"}":                        map[string]any{"a": "\ufffd é"},
		`{"a":1,"a":"2"}`:                                  map[string]any{"a": "2"},
		`[9007199254740993,1e400,-0.5,12e3,"",[{"a":""}]]`: []any{"9007199254740993", "1e400", -0.5, 12e3, "", []any{map[string]any{"a": ""}}},
		`"alone"`: "alone", `7`: 7.0, `{"a":}`: nil, `{"a":"b`: nil, `[1`: nil, `alone`: nil, ``: nil,
		strings.Repeat(`[`, 20000): nil,
	} {
		if diff := cmp.Diff(want, decodeText([]byte(text))); diff != "" {
			t.Errorf("decodeText(%.60s): (-want +got)\n%s", text, diff)
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
		if got := errorCode(decodeText([]byte(body))); got != want {
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

// TestGateway_Charsets has a gateway refuse a message in many charsets.
func TestGateway_Charsets(t *testing.T) {
	t.Parallel()
	encoded := func(name, text string) []byte {
		charset, err := htmlindex.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		out, err := charset.NewEncoder().Bytes([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	const cyrillic, japanese, chinese, french = `{"code":7,"error":"неверный номер"}`, `{"code":7,"error":"番号が無効です"}`, `{"code":7,"error":"号码无效"}`, `{"code":7,"error":"numéro refusé"}`
	const xml = `<?xml version="1.0" encoding="windows-1251"?>`
	cyrillicPage := func(label string) string {
		return `<html><meta http-equiv="Content-Type" content="text/html"><meta charset=` + label + `>` + cyrillic
	}
	page := func(label string) []byte { return encoded("windows-1251", cyrillicPage(label)) }
	for name, c := range map[string]struct {
		contentType string
		body        []byte
		want        string
	}{
		"windows-1251":       {"application/json; charset=windows-1251", encoded("windows-1251", cyrillic), cyrillic},
		"KOI8-R":             {"application/json; charset=KOI8-R", encoded("koi8-r", cyrillic), cyrillic},
		"ISO-8859-1":         {"application/json;charset=ISO-8859-1", encoded("windows-1252", french), french},
		"Shift_JIS":          {`application/json; Charset="Shift_JIS"`, encoded("shift_jis", japanese), japanese},
		"EUC-JP":             {"application/json; charset=EUC-JP; x=y", encoded("euc-jp", japanese), japanese},
		"GBK":                {"application/json; charset='GBK'", encoded("gbk", chinese), chinese},
		"GB18030":            {"application/json; charset=gb18030", encoded("gb18030", chinese), chinese},
		"Big5":               {"application/json; charset=big5", encoded("big5", `{"code":7,"error":"號碼無效"}`), `{"code":7,"error":"號碼無效"}`},
		"UTF-8":              {"application/json; charset=utf-8", []byte(french), french},
		"UTF-8Mark":          {"application/json", []byte("\ufeff" + french), french},
		"UTF-16LE":           {"application/json; charset=utf-16le", encoded("utf-16le", french), french},
		"UTF-16BE":           {"application/json; charset=UTF-16BE", encoded("utf-16be", french), french},
		"UTF-16LittleMark":   {"application/json; charset=utf-16", append([]byte("\xff\xfe"), encoded("utf-16le", french)...), french},
		"UTF-16BigMark":      {"application/json; charset=utf-16", append([]byte("\xfe\xff"), encoded("utf-16be", french)...), french},
		"UTF-16Big":          {"application/json; charset=utf-16", encoded("utf-16be", french), french},
		"UTF-16Untold":       {"application/json", encoded("utf-16le", french), french},
		"Untold":             {"application/json", encoded("windows-1251", cyrillic), `{"code":7,"error":" "}`},
		"Meta":               {"text/html", page("windows-1251"), cyrillicPage("windows-1251")},
		"MetaQuoted":         {"text/html; x=y", page(`"Windows-1251" /`), cyrillicPage(`"Windows-1251" /`)},
		"MetaBelowHeader":    {"text/html; charset=windows-1251", page("big5"), cyrillicPage("big5")},
		"XML":                {"application/xml", append([]byte(xml), encoded("windows-1251", cyrillic)...), xml + cyrillic},
		"UserDefined":        {"application/json; charset=x-user-defined", []byte(french), french},
		"Replaced":           {"application/json; charset=iso-2022-kr", []byte(french), french},
		"UnknownUTF-8":       {"application/json; charset=klingon", []byte(french), french},
		"MetaUTF-16":         {"text/html", []byte("<meta charset=utf-16>" + french), "<meta charset=utf-16>" + french},
		"Unknown":            {"application/json; charset=klingon", encoded("windows-1252", french), `{"code":7,"error":"num ro refus "}`},
		"Wrong":              {"application/json; charset=utf-8", encoded("windows-1252", french), `{"code":7,"error":"num ro refus "}`},
		"WithoutContentType": {"x", []byte(french), french},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, url := gatewaytest.Start(t, gatewaytest.Options{Default: gatewaytest.Behavior{
				Status: 400, Body: c.body, Header: http.Header{"Content-Type": {c.contentType}},
			}})
			attempt := send(t, newGateway(t, Options{URL: url + "/", Template: echo()}), loginMessage())
			if attempt.Excerpt != c.want || (attempt.Code == "7") != strings.HasPrefix(strings.TrimPrefix(c.want, "\ufeff"), "{") {
				t.Errorf("excerpt %q and code %q, want %q", attempt.Excerpt, attempt.Code, c.want)
			}
		})
	}
}
