package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"courier"
	"courier/internal/store"
)

func TestAPI_SendBatch(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	w := f.call(t, "POST", "/v1/messages/batch", `{"messages":[
		{"to":"`+number+`","body":"a","idempotency_key":"k"},
		{"to":"1","body":"a"},
		7,
		{"to":"`+number+`","body":"a","idempotency_key":"k"},
		{"to":"`+number+`","body":"b","idempotency_key":"k"},
		{"to":"`+number+`","body":"b","bdy":""}
	]}`)
	if w.Code != http.StatusAccepted {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	const taken = `"id":"` + idText + `","status":"queued","to":"` + number + `","created_at":"2026-01-02T03:04:05.000006Z"`
	wantJSON(t, w.Body.String(), `{"results":[
		{"index":0,`+taken+`},
		{"index":1,"error":{"code":"invalid_recipient","field":"to","detail":"it is no number"}},
		{"index":2,"error":{"code":"invalid_request","detail":"a JSON object is expected, not a number"}},
		{"index":3,`+taken+`,"replayed":true},
		{"index":4,"error":{"code":"idempotency_conflict","field":"idempotency_key",
			"detail":"the idempotency key was used for a different message; use a new key, or repeat the first request unchanged"}},
		{"index":5,"error":{"code":"invalid_request","field":"bdy","detail":"no field has this name; body is the nearest"}}
	]}`)
	if len(f.memory.all(t)) != 1 {
		t.Errorf("%d messages were stored", len(f.memory.all(t)))
	}
}

// A key that is overlooked would let a repeat send the whole batch again.
func TestAPI_SendBatchRefusesKeyOfBatch(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	w := f.call(t, "POST", "/v1/messages/batch", `{"messages":[{"to":"`+number+`","body":"a"}]}`, "Idempotency-Key: k")
	wantProblem(t, w, courier.CodeInvalidRequest, "header.Idempotency-Key", "idempotency_key")
	if len(f.memory.all(t)) != 0 {
		t.Errorf("%d messages were stored", len(f.memory.all(t)))
	}
}

func TestAPI_SendBatchOfRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.memory.err = store.ErrFull
	w := f.call(t, "POST", "/v1/messages/batch", `{"messages":[{}]}`)
	if w.Code != http.StatusAccepted || !strings.Contains(w.Body.String(), `"invalid_recipient"`) {
		t.Errorf("got %d: %s", w.Code, w.Body)
	}
	w = f.call(t, "POST", "/v1/messages/batch", `{"messages":[{"to":"`+number+`","body":"a"}]}`)
	wantProblem(t, w, courier.CodeStoreFull, "", "free space")
}

func TestAPI_SendBatchSizes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	part := `{"to":"` + number + `","body":"a"}`
	w := f.call(t, "POST", "/v1/messages/batch", `{"messages":[`+strings.Repeat(part+",", 999)+part+`]}`)
	if w.Code != http.StatusAccepted || strings.Count(w.Body.String(), `"index"`) != 1000 {
		t.Errorf("got %d: %.200s", w.Code, w.Body)
	}
	w = f.call(t, "POST", "/v1/messages/batch", `{"messages":[`+strings.Repeat(part+",", 1000)+part+`]}`)
	wantProblem(t, w, courier.CodeInvalidRequest, "body.messages", "more than 1000 messages")
}

func TestAPI_SendBatchRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, test := range []struct{ body, location, detail string }{
		{`{}`, "body.messages", "the batch is empty"},
		{`{"messages":[]}`, "body.messages", "the batch is empty"},
		{`{"messages":null}`, "body.messages", "the batch is empty"},
		{`{"messages":{}}`, "body.messages", "an array of messages, not an object"},
		{`{"messages":[],"messages":[{}]}`, "body.messages", "twice"},
		{`{"messages":null,"messages":[{}]}`, "body.messages", "twice"},
		{`{"messages":[{}],"other":1}`, "body.other", "no field"},
		{`{"messages":[{"to":nope}]}`, "body.messages[0].to", "at line 1, column 21"},
		{"{\"messages\":[{},{\"to\":\"a\nb\"}]}", "body.messages[1].to", "at line 1, column 25"},
		{`{"message":[]}`, "body.message", "messages is the nearest"},
		{`[]`, "", "a JSON object is expected, not an array"},
		{`{"messages":[{}`, "", "not valid JSON"},
	} {
		w := f.call(t, "POST", "/v1/messages/batch", test.body)
		wantProblem(t, w, courier.CodeInvalidRequest, test.location, test.detail)
	}
}

func TestAPI_SendBatchKeepsOrder(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	var parts []string
	for i := range 50 {
		to := number
		if i%3 == 0 {
			to = "bad"
		}
		parts = append(parts, fmt.Sprintf(`{"to":%q,"body":"%d"}`, to, i))
	}
	w := f.call(t, "POST", "/v1/messages/batch", `{"messages":[`+strings.Join(parts, ",")+`]}`)
	var answer struct {
		Results []struct {
			Index int
			ID    courier.ID
			Error *struct{}
		}
	}
	decode(t, w.Body.String(), &answer)
	for i, result := range answer.Results {
		if result.Index != i || (result.Error != nil) != (i%3 == 0) {
			t.Fatalf("result %d: %+v", i, result)
		}
		if result.Error != nil {
			continue
		}
		if m, _, err := f.memory.Message(t.Context(), result.ID); err != nil || m.Body != fmt.Sprint(i) {
			t.Errorf("result %d is the message %+v: %v", i, m, err)
		}
	}
}
