package gateway

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of what is read and kept of an answer.
const (
	maxAnswer  = 64 << 10
	maxExcerpt = 200
	// maxExcerptInput is how much of an answer the excerpt is made from.
	maxExcerptInput = 4 << 10
	maxMessageID    = 128
	maxCode         = 64
	maxDepth        = 4
)

// readAnswer reads the beginning of an answer's body and closes it. A body that
// fails, hangs until the attempt ends or goes on without end is cut; one that
// was read to its end leaves the connection for the next request.
func readAnswer(response *http.Response) []byte {
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return nil // the connection is no longer HTTP
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if strings.EqualFold(response.Header.Get("Content-Encoding"), "gzip") {
		return unzip(body)
	}
	return body
}

// unzip decodes an answer that net/http leaves as it is, since the gateway's own
// headers asked for gzip.
func unzip(body []byte) []byte {
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	plain, _ := io.ReadAll(io.LimitReader(reader, maxAnswer))
	return plain
}

// excerptText is the part of an error's answer that an operator can read, empty
// for what is no text. Control characters become spaces.
func excerptText(body []byte) string {
	body = body[:min(len(body), maxExcerptInput)]
	if invalidBytes(body) > 1+len(body)/10 {
		return "" // not even text in another encoding
	}
	return cleanText(strings.ToValidUTF8(string(body), " "))
}

// invalidBytes counts the bytes that are not UTF-8.
func invalidBytes(body []byte) int {
	count := 0
	for len(body) > 0 {
		char, size := utf8.DecodeRune(body)
		if char == utf8.RuneError && size == 1 {
			count++
		}
		body = body[size:]
	}
	return count
}

// cleanText makes one line of a text: control characters and white space become single spaces.
func cleanText(text string) string {
	text = strings.Map(func(char rune) rune {
		if unicode.IsControl(char) || unicode.Is(unicode.Cf, char) || char == utf8.RuneError {
			return ' '
		}
		return char
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// trimPartial drops a character that was cut at the end.
func trimPartial(body []byte) []byte {
	for cut := 1; cut <= min(utf8.UTFMax, len(body)); cut++ {
		char := body[len(body)-cut]
		if utf8.RuneStart(char) {
			if !utf8.FullRune(body[len(body)-cut:]) {
				return body[:len(body)-cut]
			}
			return body
		}
	}
	return body
}

// messageID reads the gateway's id of a message from a JSON answer, empty when
// there is none that could be one. The names, best first, are compared without
// case, hyphens and underscores; they are looked for in the object itself, then
// in the objects that gateways wrap it in.
func messageID(body []byte) string {
	names := []string{"messageid", "messagesid", "messageuuid", "msgid", "smsid", "sid", "uuid", "id"}
	holders := []string{"messages", "message", "data", "results", "result", "response", "sms"}
	return findScalar(decodeAnswer(body), names, holders, 0, func(text string) bool {
		return len(text) <= maxMessageID && isPrintable(text)
	})
}

// errorCode reads the gateway's own error code from a JSON answer, as messageID does the id.
func errorCode(body []byte) string {
	names := []string{"errorcode", "errcode", "code", "error", "status"}
	holders := []string{"error", "errors", "messages", "data", "detail", "fault", "meta"}
	return findScalar(decodeAnswer(body), names, holders, 0, isCode)
}

func decodeAnswer(body []byte) any {
	if text := bytes.TrimLeft(body, " \t\r\n"); len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var answer any
	if decoder.Decode(&answer) != nil {
		return nil
	}
	return answer
}

// findScalar looks for the first name that holds a fitting string or number, in
// the object itself and then in its holders. Of a list the first element counts.
func findScalar(value any, names, holders []string, depth int, fits func(string) bool) string {
	if list, ok := value.([]any); ok && len(list) > 0 {
		value = list[0]
	}
	object, ok := value.(map[string]any)
	if !ok || depth > maxDepth {
		return ""
	}
	fields := make(map[string]any, len(object))
	for name, field := range object {
		fields[plainName(name)] = field
	}
	for _, name := range names {
		if text := scalarText(fields[name]); text != "" && fits(text) {
			return text
		}
	}
	for _, holder := range holders {
		if text := findScalar(fields[holder], names, holders, depth+1, fits); text != "" {
			return text
		}
	}
	return ""
}

func plainName(name string) string {
	return lowerASCII(strings.Map(func(char rune) rune {
		if char == '-' || char == '_' {
			return -1
		}
		return char
	}, name))
}

func scalarText(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	case []any:
		if len(value) > 0 {
			if text, ok := value[0].(string); ok {
				return text
			}
		}
	}
	return ""
}

func isPrintable(text string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, func(char rune) bool {
		return !unicode.IsGraphic(char) || unicode.IsSpace(char)
	}) < 0
}

func isCode(text string) bool {
	return len(text) <= maxCode && strings.IndexFunc(text, func(char rune) bool {
		return char >= utf8.RuneSelf || !unicode.IsLetter(char) && !unicode.IsDigit(char) && !strings.ContainsRune("._-:", char)
	}) < 0
}

func lowerASCII(text string) string {
	return strings.Map(func(char rune) rune {
		if 'A' <= char && char <= 'Z' {
			return char + ('a' - 'A')
		}
		return char
	}, text)
}
