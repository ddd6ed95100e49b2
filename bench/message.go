package main

import (
	"encoding/base64"
	"fmt"
)

// The templates: one that only places values, so that it is compiled to Go, and
// one that calls functions of std, so that it must be evaluated.
const (
	placingTemplate = `function(ctx) { to: ctx.to, body: ctx.body }`
	stdTemplate     = `function(ctx) {
  to: std.strReplace(ctx.to, '+', ''),
  body: std.format('%s', [ctx.body]),
  kind: std.asciiUpper('otp'),
}`
)

func templateURL(template string) string {
	return "base64://" + base64.StdEncoding.EncodeToString([]byte(template))
}

// twilioPreset stands for a template where messages go through the preset. The gateway
// then takes requests at twilioPath.
const (
	twilioPreset  = "preset: twilio"
	twilioAccount = "AC00000000000000000000000000000001"
	twilioPath    = "/2010-04-01/Accounts/" + twilioAccount + "/Messages.json"
)

// recipient spreads the messages over eight million numbers.
func recipient(number int) string {
	return fmt.Sprintf("+1206%07d", 2_000_000+number*7919%8_000_000)
}

// appendText writes the text of a message as the inside of a JSON string.
func appendText(out []byte, number int) []byte {
	return fmt.Appendf(out, `Your login %s%0*d\n\nIt expires in 60 minutes.\n`, numberMark, numberDigits, number)
}

// gatewayBody is what the placing template makes of a message.
func gatewayBody(number int) []byte {
	out := append(make([]byte, 0, 128), `{"body":"`...)
	return fmt.Appendf(appendText(out, number), `","to":"%s"}`, recipient(number))
}

// apiMessage is what the courier is asked to send.
func apiMessage(out []byte, number int) []byte {
	out = fmt.Appendf(out, `{"to":"%s","body":"`, recipient(number))
	return append(appendText(out, number), `"}`...)
}

// apiBatch asks for the messages from first on.
func apiBatch(first, count int) []byte {
	out := append(make([]byte, 0, 128*count), `{"messages":[`...)
	for number := first; number < first+count; number++ {
		if number > first {
			out = append(out, ',')
		}
		out = apiMessage(out, number)
	}
	return append(out, `]}`...)
}
