package preset

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"courier/internal/gateway"
	"courier/internal/signature"
)

const ours = "0190163d-8694-739b-aea5-966c26f8ad91"

// TestPreset_OddReceipts has receivers read what no emulator sends: handshakes, lists, other
// events, and what cannot be read.
func TestPreset_OddReceipts(t *testing.T) {
	t.Parallel()
	const azure = `{"eventType":"Microsoft.Communication.SMSDeliveryReportReceived","data":{"messageId":"%s","deliveryStatus":"%s","deliveryStatusDetails":"%s","Tag":"` + ours + `"}}`
	cases := []struct{ name, preset, body, want string }{
		{"Handshake", "azure", `[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"512d38b6"}}]`, `200 {"validationResponse":"512d38b6"}`},
		{"Events", "azure", "[" + fmt.Sprintf(azure, "a", "Delivered", "2000: No Error") + "," + fmt.Sprintf(azure, "b", "Failed", "4007: opted out") + "]", "a delivered 2000; b undelivered 4007 opted_out"},
		{"OtherStatus", "azure", "[" + fmt.Sprintf(azure, "a", "Expedited", "") + "]", "nothing"},
		{"OtherEvent", "azure", `[{"eventType":"Microsoft.Communication.SMSReceived","data":{"messageId":"a"}}]`, "nothing"},
		{"Number", "seven", `{"data":{"msg_id":77123,"status":"DELIVERED"},"webhook_event":"dlr"}`, "77123 delivered"},
		{"OtherEvent", "seven", `{"data":{"id":1,"text":"hi"},"webhook_event":"sms_mo"}`, "nothing"},
		{"Nothing", "seven", ``, "nothing"},
		{"OptedOut", "messagebird", "?id=a&reference=" + ours + "&status=delivery_failed&statusErrorCode=103&statusReason=opted+out", "a undelivered 103 opted_out"},
		{"ReasonAlone", "messagebird", "?id=a&status=delivery_failed&statusReason=unknown+subscriber", "a undelivered invalid_destination"},
		{"List", "clickatell", `{"event":{"messageStatusUpdate":[{"messageId":"a","statusCode":"5"},{"messageId":"b","statusCode":20},{"messageId":"c","status":"READ"}]}}`, "a delivered; b expired 20; c delivered"},
		{"OtherEvent", "clickatell", `{"event":{"moText":[{"messageId":"a"}]}}`, "nothing"},
		{"Object", "webhook", `{"id":"x1","status":"delivered"}`, "x1 delivered"},
		{"Ours", "webhook", `[{"reference":"` + ours + `","status":"undelivered","class":"opted_out","code":7}]`, ours + " undelivered 7 opted_out"},
		{"NoId", "webhook", `{"status":"delivered"}`, "400"},
		{"NoStatus", "webhook", `[{"id":"a","status":"delivered"},{"id":"b","status":"lost"}]`, "400"},
		{"NoClass", "webhook", `{"id":"a","status":"undelivered","class":"bad_weather"}`, "a undelivered"},
		{"NoText", "webhook", `{"id":{},"status":"delivered"}`, "400"},
		{"Nulls", "bulksms", `[null,{"id":"a","status":null},{"id":"b","status":{"type":"DELIVERED"}}]`, "b delivered"},
		{"Nulls", "clickatell", `{"event":{"messageStatusUpdate":[null,{"messageId":"a","statusCode":5}]}}`, "a delivered"},
		{"Null", "clickatell", `{"event":{"messageStatusUpdate":null}}`, "nothing"},
		{"Nulls", "azure", `[null,{"eventType":"Microsoft.Communication.SMSDeliveryReportReceived","data":null}]`, "nothing"},
		{"Null", "android-sms-gateway", `{"event":null,"payload":{"reason":1}}`, "nothing"},
		{"Null", "textbee", `{"webhookEvent":null}`, "nothing"},
		{"Null", "httpsms", `{"type":"message.phone.sent","data":null}`, "nothing"},
		{"NoJSON", "webhook", `"a"`, "400"},
		{"NoId", "vonage", `{"status":"delivered"}`, "malformed"},
		{"NoText", "vonage-messages", `{"message_uuid":["a"],"status":"delivered"}`, "malformed"},
		{"NoCode", "vonage-messages", `{"message_uuid":"a","status":"rejected","error":{"code":null,"title":1240}}`, "a rejected 1240 opted_out"},
		{"NoError", "vonage-messages", `{"message_uuid":"a","status":"rejected","error":null}`, "a rejected"},
		{"NoError", "infobip", `{"results":[{"messageId":"a","status":{"groupId":3,"id":5,"name":"DELIVERED_TO_HANDSET"},"error":null},null]}`, "a delivered"},
		{"OtherName", "infobip", `{"results":[{"messageId":"a","status":{"groupId":5,"id":12,"name":"REJECTED_CREDITS"}}]}`, "a rejected REJECTED_CREDITS insufficient_credit"},
		{"Texts", "infobip", `{"results":[{"messageId":"a","status":{"groupId":"3","id":"2","name":"DELIVERED_TO_OPERATOR"}},{"messageId":"b","status":{"groupId":"3","id":"5"}},{"messageId":"c","status":{"groupId":"4","id":"87"}},{"messageId":"d","status":{"groupId":"5","id":"12","name":"X"}}]}`, "a sent; b delivered; c rejected; d rejected X insufficient_credit"},
		{"NamesAlone", "infobip", `{"results":[{"messageId":"a","status":{"groupName":"DELIVERED","name":"DELIVERED_TO_OPERATOR"}},{"messageId":"b","status":{"groupName":"DELIVERED","name":"DELIVERED_TO_HANDSET"}},{"messageId":"c","status":{"groupName":"EXPIRED","name":"SIGNALS_BLOCKED"}}]}`, "a sent; b delivered; c rejected SIGNALS_BLOCKED barred"},
		{"NotFinalText", "httpsms", `{"type":"message.send.expired","data":{"message_id":"a","is_final":"false"}}`, "nothing"},
		{"NotFinal", "httpsms", `{"type":"message.send.expired","data":{"message_id":"a","is_final":false}}`, "nothing"},
		{"Final", "httpsms", `{"type":"message.send.expired","data":{"message_id":"a","is_final":true}}`, "a expired"},
		{"Reason", "android-sms-gateway", `{"event":"sms:failed","payload":{"messageId":"a","reason":"Send result: RESULT_ERROR_NO_SERVICE (Failed because service is currently unavailable)"}}`, "a undelivered RESULT_ERROR_NO_SERVICE network_error"},
		{"Expired", "android-sms-gateway", `{"event":"sms:failed","payload":{"messageId":"a","reason":"TTL expired"}}`, "a expired TTL expired"},
		{"Ping", "android-sms-gateway", `{"event":"system:ping","payload":{"health":{}}}`, "nothing"},
		{"Unsure", "textbee", `{"webhookEvent":"UNKNOWN_STATE","status":"delivery_failed","smsBatchId":"a"}`, "a unknown"},
		{"OtherState", "textbee", `{"webhookEvent":"UNKNOWN_STATE","status":"queued","smsBatchId":"a"}`, "nothing"},
	}
	set, err := loadOurs()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.preset+c.name, func(t *testing.T) {
			t.Parallel()
			p, _ := set.Get(c.preset)
			config := readConfig(t, c.preset, "default")
			config.ReceiptSecret = "s3cret"
			for name, param := range p.Params {
				if param.Secret && !param.Required && name != "api_secret" {
					delete(config.Params, name) // so that nothing is signed
				}
			}
			_, receiver := build(t, p, config)
			method, query, body := "POST", "", c.body
			if strings.HasPrefix(c.body, "?") {
				method, query, body = "GET", c.body, ""
			}
			r := httptest.NewRequestWithContext(t.Context(), method, "/receipts/main/s3cret"+query, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			result, err := receiver.Receive(t.Context(), signature.NewRequest(r, publicURL, []byte(body)))
			if errors.Is(err, gateway.ErrMalformed) && c.want == "malformed" {
				return
			} else if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, receipt := range result.Receipts {
				id := receipt.GatewayMessageID
				if id == "" {
					id = receipt.MessageID.String()
				}
				got = append(got, strings.Join(strings.Fields(fmt.Sprint(id, " ", receipt.Status, " ", receipt.Code, " ", receipt.Class)), " "))
			}
			text := strings.Join(got, "; ")
			if status := result.Reply.Status; result.Reply.Body != nil && (status != 200 || text == "") {
				text = fmt.Sprint(status)
				if status == 200 {
					text += " " + string(result.Reply.Body)
				}
			}
			if text == "" {
				text = "nothing"
			}
			if text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
		})
	}
}

// TestPreset_WrongKeys wants the parameter named whose key cannot be used.
func TestPreset_WrongKeys(t *testing.T) {
	t.Parallel()
	set, err := loadOurs()
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]Config{
		"params.private_key: it is no": {From: "Shop", ReceiptSecret: "s3cret", Params: map[string]string{"application_id": "a", "private_key": "k"}},
		"params.public_key: it is not": {From: "Shop", Params: map[string]string{"api_key": "k", "public_key": "k"}},
	} {
		p, err := set.Get(map[bool]string{true: "telnyx", false: "vonage-messages"}[config.Params["public_key"] != ""])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Build(config); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
	}
}
