package gateway

import (
	"slices"
	"testing"
	"unicode/utf8"

	"courier"
)

// FuzzRules gives what templates may give for answers and receipts: it is understood or
// refused, and what is understood has only what the rest may rely on.
func FuzzRules(f *testing.F) {
	for _, seed := range []string{
		`null`, `[]`, `{"id":"a","status":"delivered","at":1795607998}`, `{"receipts":[{"reference":"x","status":null}],"reply":{"body":{}}}`,
		`{"class":"throttled","retry_after":1e300,"id":["a",1,null],"code":1.5}`, `{"outcome":"accepted","warning":"\u0000"}`, `{"id":{},"at":-1}`,
		`{"status":"expired","id":1,"at":"2026-02-30T00:00:00Z","message":"+1 206 555 0100"}`, `{"reply":{"status":200.5}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value := decodeText(text)
		if said, misfit := decodeRuling(value); misfit == "" {
			judged := (&Answer{Status: 200}).judge(defaultRules())
			said.refine(&judged)
			if (judged.Outcome == courier.OutcomeAccepted) == (judged.Class != "") || said.retryAfter > maxRetryAfter {
				t.Errorf("%s: %+v", text, judged)
			}
		}
		result, misfit := decodeReceipts(value)
		if misfit != "" {
			return
		}
		if status := result.Reply.Status; status < 200 || status > 599 {
			t.Errorf("%s: reply %d", text, status)
		}
		for _, r := range result.Receipts {
			if !slices.Contains(courier.ReceiptStatuses(), r.Status) || r.GatewayMessageID == "" && r.MessageID.IsZero() ||
				!utf8.ValidString(r.Code+r.Message) || len(r.GatewayMessageID) > maxMessageID {
				t.Errorf("%s: %+v", text, r)
			}
		}
	})
}
