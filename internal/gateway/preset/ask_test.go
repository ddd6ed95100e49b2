package preset

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"courier"
)

// TestPreset_Lookup_Providers asks providers for a message whose outcome is not known.
func TestPreset_Lookup_Providers(t *testing.T) {
	t.Parallel()
	const twilioList = "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json?PageSize=50&To=+12065550100"
	const ours = "0190163d-8694-739b-aea5-966c26f8ad91"
	const sinchList = "/xms/v1/00000000000000000000000000000001/batches?client_reference=" + ours + "&start_date=2026-11-25T11:59:00Z"
	const bulkList = "/v1/messages?filter=userSuppliedId=739baea5966c26f8ad91"
	const infobipLogs = "/sms/3/logs?messageId=0190163d-8694-739b-aea5-966c26f8ad91-1,0190163d-8694-739b-aea5-966c26f8ad91-2"
	texts := func(entries ...string) string { return `{"messages":[` + strings.Join(entries, ",") + `]}` }
	const mine = `{"sid":"SM2","body":"Your code is 123456","status":"STATUS","date_created":"Wed, 25 Nov 2026 12:00:00 +0000","error_code":CODE}`
	as := func(status, code string) string {
		return strings.NewReplacer("STATUS", status, "CODE", code).Replace(mine)
	}
	const log = `{"results":[{"messageId":"x-1","doneAt":"2026-11-25T12:00:00.000+0000","status":{"groupId":GROUP,"id":ID,"name":"NAME"},"error":{"id":1,"name":"FAULT"}}]}`
	logged := func(group, id, name, fault string) string {
		return strings.NewReplacer("GROUP", group, "ID", id, "NAME", name, "FAULT", fault).Replace(log)
	}
	for name, c := range map[string]struct {
		preset, id, asked, answer string
		status                    int
		want                      courier.Receipt
		fails                     bool
	}{
		"TwilioQueued":    {"twilio", "", twilioList, texts(as("queued", "null")), 200, courier.Receipt{GatewayMessageID: "SM2", Status: courier.StatusSent}, false},
		"TwilioDelivered": {"twilio", "", twilioList, texts(as("delivered", "null")), 200, courier.Receipt{GatewayMessageID: "SM2", Status: courier.StatusDelivered}, false},
		"TwilioFailed": {"twilio", "", twilioList, texts(as("undelivered", "30003")), 200, courier.Receipt{
			GatewayMessageID: "SM2", Status: courier.StatusUndelivered, Code: "30003",
		}, false},
		"TwilioNone":    {"twilio", "", twilioList, texts(), 200, courier.Receipt{}, false},
		"TwilioOther":   {"twilio", "", twilioList, texts(strings.Replace(as("sent", "null"), "123456", "654321", 1)), 200, courier.Receipt{}, false},
		"TwilioEarlier": {"twilio", "", twilioList, texts(strings.Replace(as("sent", "null"), "25 Nov", "24 Nov", 1)), 200, courier.Receipt{}, false},
		"TwilioID": {
			"twilio", "SM2", "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages/SM2.json", as("sent", "null"), 200,
			courier.Receipt{GatewayMessageID: "SM2", Status: courier.StatusSent},
			false,
		},
		"TwilioNoID": {
			"twilio", "SM2", "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages/SM2.json", `{"code":20404}`, 404,
			courier.Receipt{},
			false,
		},
		"TwilioAccount":  {"twilio", "", twilioList, `{"code":20404}`, 404, courier.Receipt{}, true},
		"TwilioOdd":      {"twilio", "", twilioList, `[]`, 200, courier.Receipt{}, true},
		"TwilioAway":     {"twilio", "", twilioList, `{}`, 500, courier.Receipt{}, true},
		"InfobipPending": {"infobip", "", infobipLogs, logged("1", "26", "PENDING_ACCEPTED", "NO_ERROR"), 200, courier.Receipt{GatewayMessageID: "x-1", Status: courier.StatusSent}, false},
		"InfobipNear":    {"infobip", "", infobipLogs, logged("3", "2", "DELIVERED_TO_OPERATOR", "NO_ERROR"), 200, courier.Receipt{GatewayMessageID: "x-1", Status: courier.StatusSent}, false},
		"InfobipThere":   {"infobip", "", infobipLogs, logged("3", "5", "DELIVERED_TO_HANDSET", "NO_ERROR"), 200, courier.Receipt{GatewayMessageID: "x-1", Status: courier.StatusDelivered}, false},
		"InfobipLost": {"infobip", "", infobipLogs, logged("2", "9", "UNDELIVERABLE_NOT_DELIVERED", "EC_ABSENT_SUBSCRIBER"), 200, courier.Receipt{
			GatewayMessageID: "x-1", Status: courier.StatusUndelivered, Code: "EC_ABSENT_SUBSCRIBER",
		}, false},
		"InfobipRefused": {"infobip", "", infobipLogs, logged("5", "21", "REJECTED_SYSTEM_ERROR", "NO_ERROR"), 200, courier.Receipt{}, false},
		"SinchTaken":     {"sinch", "", sinchList, `{"count":2,"batches":[{"id":"b0","client_reference":"other"},{"id":"b1","client_reference":"` + ours + `","canceled":false}]}`, 200, courier.Receipt{GatewayMessageID: "b1", Status: courier.StatusSent}, false},
		"SinchCanceled":  {"sinch", "", sinchList, `{"batches":[{"id":"b1","client_reference":"` + ours + `","canceled":true}]}`, 200, courier.Receipt{GatewayMessageID: "b1", Status: courier.StatusCanceled}, false},
		"SinchNone":      {"sinch", "", sinchList, `{"count":0,"batches":[]}`, 200, courier.Receipt{}, false},
		"SinchPlan":      {"sinch", "", sinchList, ``, 404, courier.Receipt{}, true},
		"TelnyxNoID":     {"telnyx", "", "", ``, 200, courier.Receipt{}, true},
		"TelnyxThere":    {"telnyx", "m1", "/v2/messages/m1", `{"data":{"id":"m1","to":[{"status":"delivered"}],"errors":[]}}`, 200, courier.Receipt{GatewayMessageID: "m1", Status: courier.StatusDelivered}, false},
		"TelnyxLost":     {"telnyx", "m1", "/v2/messages/m1", `{"data":{"id":"m1","to":[{"status":"delivery_failed"}],"errors":[{"code":"40008","title":"Undeliverable"}]}}`, 200, courier.Receipt{GatewayMessageID: "m1", Status: courier.StatusUndelivered, Code: "40008"}, false},
		"TelnyxGone":     {"telnyx", "m1", "/v2/messages/m1", `{"errors":[{"code":"10005"}]}`, 404, courier.Receipt{}, true},
		"BulkSMSThere":   {"bulksms", "", bulkList, `[{"id":"7","status":{"id":"DELIVERED.null","type":"DELIVERED","subtype":null}}]`, 200, courier.Receipt{GatewayMessageID: "7", Status: courier.StatusDelivered}, false},
		"BulkSMSExpired": {"bulksms", "", bulkList, `[{"id":"7","status":{"id":"FAILED.EXPIRED","type":"FAILED","subtype":"EXPIRED"}}]`, 200, courier.Receipt{GatewayMessageID: "7", Status: courier.StatusExpired, Code: "FAILED.EXPIRED"}, false},
		"BulkSMSNotSent": {"bulksms", "", bulkList, `[{"id":"7","status":{"id":"FAILED.NOT_SENT","type":"FAILED","subtype":"NOT_SENT"}}]`, 200, courier.Receipt{}, false},
		"BulkSMSNone":    {"bulksms", "", bulkList, `[]`, 200, courier.Receipt{}, false},
		"InfobipNone":    {"infobip", "", infobipLogs, `{"results":[]}`, 200, courier.Receipt{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := ""
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked, _ = url.QueryUnescape(strings.ReplaceAll(r.URL.RequestURI(), "+", "%20"))
				if r.Header.Get("Authorization") == "" {
					asked += " without credentials"
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}))
			defer server.Close()
			set, err := loadOurs()
			if err != nil {
				t.Fatal(err)
			}
			p, _ := set.Get(c.preset)
			config := readConfig(t, p.Name, "default")
			config.Params[baseURL] = server.URL
			g, _ := build(t, p, config)
			m := message("+12065550100", "Your code is 123456")
			m.GatewayMessageID, m.CreatedAt, m.SendCount = c.id, now().Add(-time.Minute), 1
			got, found, err := g.Lookup(t.Context(), m)
			if asked != c.asked || (err != nil) != c.fails || found != (c.want.Status != "") ||
				got.GatewayMessageID != c.want.GatewayMessageID || got.Status != c.want.Status || got.Code != c.want.Code {
				t.Errorf("got %v %+v %v, asked %s", found, got, err, asked)
			}
		})
	}
}
