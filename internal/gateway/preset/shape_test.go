package preset

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"courier/internal/signature"
)

// TestPreset_Shapes gives receivers what their providers send beside the receipts that
// the emulators make: other forms, other events, handshakes, a published token.
func TestPreset_Shapes(t *testing.T) {
	t.Parallel()
	set, err := loadOurs()
	if err != nil {
		t.Fatal(err)
	}
	const (
		json = "application/json"
		form = "application/x-www-form-urlencoded"
		// published is the example of GatewayAPI's documentation, by the secret "secret".
		published = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpZCI6MjM4MTcwMywibXNpc2RuIjo0NTQyNjA5MDQ1LCJ0aW1lIjoxNTIyNzY0MDYyLCJzdGF0dXMiOiJERUxJVkVSRUQiLCJl" +
			"cnJvciI6bnVsbCwiY29kZSI6bnVsbCwidXNlcnJlZiI6bnVsbCwiY2FsbGJhY2tfdXJsIjoiaHR0cDovL2JiYWY3MTQyLm5ncm9rLmlvIiwiYXBpIjo0fQ.KdfDH65bnQtgxEkFnpAQodOciAJedZFB13r9wEo8t3Y"
	)
	tests := map[string]struct {
		preset, config, media, body, header string
		// want are "id reference status class code at", one for each receipt.
		want []string
	}{
		"telnyx, an incoming message": {
			"telnyx", "profile", json, `{"data":{"event_type":"message.received","payload":{"id":"a","direction":"inbound","to":[{"status":"webhook_delivered"}]}}}`, "", nil,
		},
		"telnyx, a spend limit": {"telnyx", "profile", json, `{"data":{"event_type":"messaging-profile.spend-limit-reached","id":"d"}}`, "", nil},
		"telnyx, a code as number": {
			"telnyx", "profile", json, `{"data":{"event_type":"message.finalized","occurred_at":"2026-11-25T11:59:59.5+00:00","payload":{"id":"a","errors":[{"code":40300}],"to":[{"status":"delivery_failed"}]}}}`, "",
			[]string{"a - undelivered opted_out 40300 2026-11-25T11:59:59Z"},
		},
		"sinch, a report of a batch": {
			"sinch", "europe", json, `{"type":"delivery_report_sms","batch_id":"b","client_reference":"0190163d-8694-739b-aea5-966c26f8ad91","total_message_count":1,"statuses":[{"code":402,"status":"Aborted","count":1,"recipients":["12065550100"]}]}`, "",
			[]string{"b 0190163d-8694-739b-aea5-966c26f8ad91 rejected unroutable 402 -"},
		},
		"sinch, a code as text": {
			"sinch", "europe", json, `{"type":"recipient_delivery_report_sms","batch_id":"b","code":"406","status":"Aborted","at":"2026-11-25T11:59:59.123Z","recipient":"12065550100"}`, "",
			[]string{"b - expired - 406 2026-11-25T11:59:59Z"},
		},
		"sinch, an incoming message": {"sinch", "europe", json, `{"type":"mo_text","id":"x","body":"hi"}`, "", nil},
		"bulksms, the handshake":     {"bulksms", "default", json, `[]`, "", nil},
		"bulksms, several messages": {
			"bulksms", "default", json, `[{"id":"1","type":"SENT","status":{"id":"DELIVERED.null","type":"DELIVERED","subtype":null}},{"id":"2","type":"RECEIVED","body":"hi"},
			{"id":"3","type":"SENT","status":{"id":"FAILED.EXPIRED","type":"FAILED","subtype":"EXPIRED"}},{"id":"4","type":"SENT","status":{"type":"FAILED","subtype":"BLOCKED"}},
			{"id":"5","type":"SENT","status":{"id":"FAILED.null","type":"FAILED"}}]`, "",
			[]string{"1 - delivered - - -", "3 - expired - FAILED.EXPIRED -", "4 - rejected opted_out FAILED.BLOCKED -", "5 - undelivered - FAILED.null -"},
		},
		"gatewayapi, a published token": {"gatewayapi", "default", json, `{"id":1,"status":"REJECTED"}`, published, []string{"2381703 - delivered - - 2018-04-03T14:01:02Z"}},
		"gatewayapi, a general code": {
			"gatewayapi", "unsigned", json, `{"id":7,"time":1450000000,"status":"UNDELIVERABLE","code":"0x1007","error":"Permission denied"}`, "",
			[]string{"7 - undelivered unauthorized 0x1007 2015-12-13T09:46:40Z"},
		},
		"gatewayapi, small letters": {
			"gatewayapi", "unsigned", json, `{"id":7,"time":1450000000,"status":"UNDELIVERABLE","code":"0x102a"}`, "",
			[]string{"7 - undelivered absent_subscriber 0x102a 2015-12-13T09:46:40Z"},
		},
		"gatewayapi, of somebody else": {"gatewayapi", "unsigned", json, `{"id":7,"status":"SOMETHING"}`, "", nil},
		"46elks, delivered":            {"46elks", "default", form, `id=s1&status=delivered&delivered=2016-10-01T12%3A00%3A00.110000`, "", []string{"s1 - delivered - - 2016-10-01T12:00:00Z"}},
		"africastalking, without a reason": {
			"africastalking", "default", form, `id=ATXid_1&status=Failed&phoneNumber=%2B254700000000&networkCode=63902`, "", []string{"ATXid_1 - undelivered - - -"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := set.Get(test.preset)
			_, receiver := build(t, p, readConfig(t, test.preset, test.config))
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/receipts/main", strings.NewReader(test.body))
			request.Header.Set("Content-Type", test.media)
			if test.header != "" {
				request.Header.Set("X-Gwapi-Signature", test.header)
			}
			result, err := receiver.Receive(t.Context(), signature.NewRequest(request, publicURL, []byte(test.body)))
			if err != nil || result.Reply.Status != http.StatusOK {
				t.Fatalf("got %+v, %v", result, err)
			}
			var got []string
			for _, r := range result.Receipts {
				fields := []string{r.GatewayMessageID, "", string(r.Status), string(r.Class), r.Code, ""}
				if !r.MessageID.IsZero() {
					fields[1] = r.MessageID.String()
				}
				if !r.At.IsZero() {
					fields[5] = r.At.UTC().Format("2006-01-02T15:04:05Z")
				}
				for i := range fields {
					if fields[i] == "" {
						fields[i] = "-"
					}
				}
				got = append(got, strings.Join(fields, " "))
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}
