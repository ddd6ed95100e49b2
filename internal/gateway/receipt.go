package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"courier"
)

// decodeReceipts reads what a template gave for a request: one receipt, a list of them,
// either of these as receipts with a reply, or nothing.
func decodeReceipts(value any) (result Result, misfit string) {
	result.Reply = Reply{Status: http.StatusOK}
	if object, ok := value.(map[string]any); ok {
		_, hasReceipts := object["receipts"]
		reply, hasReply := object["reply"]
		if hasReceipts || hasReply {
			f := fieldReader{object: object}
			f.allow("receipts", "reply")
			if result.Reply, misfit = decodeReply(reply); misfit == "" {
				misfit = f.misfit
			}
			value = object["receipts"]
		}
	}
	list, isList := value.([]any)
	if !isList && value != nil {
		list = []any{value}
	}
	for _, element := range list {
		receipt, isMeant, problem := decodeReceipt(element)
		if problem != "" {
			return Result{}, problem
		}
		if isMeant {
			result.Receipts = append(result.Receipts, receipt)
		}
	}
	return result, misfit
}

// decodeReceipt reads one receipt. Without a status, or of a message that is not ours,
// there is none.
func decodeReceipt(value any) (receipt courier.Receipt, isMeant bool, misfit string) {
	if value == nil {
		return receipt, false, ""
	}
	object, ok := value.(map[string]any)
	if !ok {
		return receipt, false, fmt.Sprintf("template gave %s as a receipt: give an object such as { id: req.form.MessageSid, status: 'delivered' }", kindName(value))
	}
	f := fieldReader{object: object}
	receipt = f.receipt()
	if f.misfit == "" && receipt.Status != "" && f.isAbsent("id") && f.isAbsent("reference") {
		f.fail("template gave a receipt with neither id nor reference: one of them names the message")
	}
	isOurs := receipt.GatewayMessageID != "" || !receipt.MessageID.IsZero()
	return receipt, receipt.Status != "" && isOurs, f.misfit
}

// receipt reads the fields of a receipt.
func (f *fieldReader) receipt() (receipt courier.Receipt) {
	f.allow("id", "reference", "status", "class", "code", "message", "at")
	receipt.Status = oneOf(f, "status", courier.ReceiptStatuses()...)
	receipt.Class = oneOf(f, "class", courier.Classes()...)
	if id, _ := f.scalar("id"); isMessageID(id) {
		receipt.GatewayMessageID = id
	}
	reference, _ := f.scalar("reference")
	receipt.MessageID, _ = courier.ParseID(reference) // another program may use the account too
	code, _ := f.scalar("code")
	message, _ := f.scalar("message")
	receipt.Code, receipt.Message = newCover(cleanText(code)).render(maxCode), withoutNumbers(message)
	receipt.At = timeOf(f.object["at"])
	if receipt.Status == courier.StatusSent || receipt.Status == courier.StatusDelivered {
		receipt.Class = ""
	}
	return receipt
}

// withoutNumbers is one line of a text in which no number can be a telephone's.
func withoutNumbers(text string) string {
	c := newCover(cleanText(text))
	c.hideDigits(func(digits string) bool { return len(digits) > minNumber })
	return c.render(maxExcerpt)
}

// decodeReply reads the answer that the gateway wants.
func decodeReply(value any) (reply Reply, misfit string) {
	reply.Status = http.StatusOK
	if value == nil {
		return reply, ""
	}
	object, ok := value.(map[string]any)
	if !ok {
		return reply, fmt.Sprintf("template gave %s as the reply: give an object such as { status: 200, body: 'OK' }", kindName(value))
	}
	f := fieldReader{object: object}
	f.allow("status", "content_type", "body")
	if status, given := f.number("status"); given {
		if status != float64(int(status)) || status < 200 || status > 599 {
			f.fail("template gave a reply with a status that is none of HTTP: give 200 to 599")
		}
		reply.Status = int(status)
	}
	switch body := object["body"].(type) {
	case nil:
	case string:
		reply.Body, reply.ContentType = []byte(body), "text/plain; charset=utf-8"
	default:
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(body); err != nil {
			f.fail("template gave a reply whose body is no JSON")
		}
		reply.Body, reply.ContentType = bytes.TrimSpace(text.Bytes()), mediaJSON
	}
	if contentType, given := f.scalar("content_type"); given && reply.Body != nil {
		reply.ContentType = contentType
		if !httpguts.ValidHeaderFieldValue(contentType) {
			f.fail("template gave a reply with a content_type that no header can hold")
		}
	}
	return reply, f.misfit
}

// timeOf reads a time as gateways write it: RFC 3339 or near to it, or seconds or
// milliseconds of Unix. It is zero for anything else: a receipt counts without it.
func timeOf(value any) time.Time {
	text, ok := spell(value)
	if !ok {
		return time.Time{}
	}
	if number, ok := parseNumber(text); ok {
		const seconds, milliseconds = 1e8, 1e11 // 1973 either way
		switch {
		case number > milliseconds && number < 1e14:
			return time.UnixMilli(int64(number)).UTC()
		case number > seconds && number <= milliseconds:
			return time.UnixMicro(int64(number * 1e6)).UTC()
		}
		return time.Time{}
	}
	for _, layout := range [...]string{
		time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z0700", "2006-01-02 15:04:05 -0700",
		"2006-01-02T15:04:05", time.DateTime, time.RFC1123Z, time.RFC1123,
	} {
		if at, err := time.Parse(layout, strings.TrimSpace(text)); err == nil && at.Year() > 1970 {
			return at.UTC()
		}
	}
	return time.Time{}
}
