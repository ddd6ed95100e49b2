package storetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func enqueueTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"KeepsEveryField":      testKeepsEveryField,
		"KeepsAnyText":         testKeepsAnyText,
		"KeepsLargeBodies":     testKeepsLargeBodies,
		"RoundsTimesDown":      testRoundsTimesDown,
		"FillsInTimes":         testFillsInTimes,
		"StartsCountsAnew":     testStartsCountsAnew,
		"LeavesItsInput":       testLeavesItsInput,
		"AnswersInOrder":       testAnswersInOrder,
		"TakesNothing":         testTakesNothing,
		"TakesLeases":          testTakesLeases,
		"TokensOfCallers":      testTokensOfCallers,
		"RefusesInvalid":       testRefusesInvalid,
		"RefusesDuplicateID":   testRefusesDuplicateID,
		"IsAllOrNothing":       testIsAllOrNothing,
		"UnknownIDIsNotFound":  testUnknownIDIsNotFound,
		"AttemptsStartAsEmpty": testAttemptsStartAsEmpty,
	}
}

// full returns a message with every field that a caller sets.
func (k *kit) full() *courier.Message {
	m := k.message()
	m.Subject, m.TemplateType = "Subject", "login_code_valid"
	m.TemplateData = json.RawMessage(`{"to":"+12065550199","code":"123456","deep":{"list":[1,2.5,null]}}`)
	m.RequestHeaders = json.RawMessage(`{"User-Agent":["a","b"]}`)
	m.Metadata = json.RawMessage(`{"order":42}`)
	m.Encoding, m.Segments = courier.EncodingUCS2, 3
	m.Country, m.CallbackURL, m.OnlyGateway = "DE", "https://example.com/changes?a=b&c", true
	m.Lane, m.SupersedeKey = courier.LaneOTP, m.ID.String()
	m.ExpiresAt, m.NextAttemptAt = k.now.Add(time.Hour), k.now.Add(time.Minute)
	m.SendAt = floor(m.NextAttemptAt)
	m.Caller, m.IdempotencyKey, m.Fingerprint = "shop", "key-1", [32]byte{1, 2, 3, 31: 9}
	m.TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	return m
}

func testKeepsEveryField(t *testing.T, k *kit) {
	m := k.full()
	wantFull(t, m)
	stored := k.enqueue(t, m)[0]
	want := *m
	want.CreatedAt, want.UpdatedAt = floor(m.CreatedAt), floor(m.UpdatedAt)
	want.ExpiresAt, want.NextAttemptAt = floor(m.ExpiresAt), floor(m.NextAttemptAt)
	same(t, "answer", stored, &want)
	found, _ := k.read(t, m.ID)
	same(t, "stored message", found, &want)
}

// wantFull fails for a field of a message that is neither set nor one of those that a
// store sets or does not keep, so that a new field of courier.Message has its place in full.
func wantFull(t *testing.T, m *courier.Message) {
	t.Helper()
	later := []string{"SentAt", "ScrubbedAt", "GatewayMessageID", "SendCount", "RetryCount", "LastError", "Lease", "Warnings", "SupersededBy", "HoldUntil", "Limits"}
	value := reflect.ValueOf(*m)
	for i := range value.NumField() {
		if name := value.Type().Field(i).Name; value.Field(i).IsZero() && !slices.Contains(later, name) {
			t.Errorf("the field %s is not set: set it in full, so that it is seen whether stores keep it", name)
		}
	}
}

func testKeepsAnyText(t *testing.T, k *kit) {
	texts := []string{
		"", " ", "\x00", "a\x00b\x00", "née Ångström €", "код 123", "验证码", "👩‍👩‍👧 🇺🇳", "'; DROP TABLE message; --",
		"line\r\nline\u2028", "\\u0000 %s ?1 $1", strings.Repeat("ab\x00", 500),
	}
	messages := k.messages(len(texts), func(i int, m *courier.Message) { m.Body, m.Subject = texts[i], texts[i] })
	k.enqueue(t, messages...)
	for i, m := range messages {
		found, _ := k.read(t, m.ID)
		if found.Body != texts[i] || found.Subject != texts[i] {
			t.Errorf("text %q became body %q and subject %q", texts[i], found.Body, found.Subject)
		}
	}
}

func testKeepsLargeBodies(t *testing.T, k *kit) {
	sizes := []int{4 << 10, 64<<10 + 1, 1 << 20}
	messages := k.messages(len(sizes), func(i int, m *courier.Message) {
		m.Body = strings.Repeat("x", sizes[i]-1) + "y"
		m.TemplateData = json.RawMessage(`"` + string(bytes.Repeat([]byte("z"), sizes[i])) + `"`)
	})
	k.enqueue(t, messages...)
	for i, m := range k.claim(t, len(sizes)) {
		if m.Body != messages[i].Body || !bytes.Equal(m.TemplateData, messages[i].TemplateData) {
			t.Errorf("claimed message %d lost some of its %d bytes", i, sizes[i])
		}
		k.settleOne(t, m, courier.StatusSent)
		found, _ := k.read(t, m.ID)
		if found.Body != messages[i].Body || !bytes.Equal(found.TemplateData, messages[i].TemplateData) {
			t.Errorf("settled message %d lost some of its %d bytes", i, sizes[i])
		}
	}
}

func testRoundsTimesDown(t *testing.T, k *kit) {
	zone := time.FixedZone("somewhere", 5*3600+1800)
	m := k.message()
	m.CreatedAt = time.Date(2026, time.July, 4, 1, 2, 3, 999_999_999, zone)
	m.ExpiresAt = time.Date(2026, time.July, 4, 1, 2, 3, 1, zone)
	m.NextAttemptAt = time.Date(1969, time.December, 31, 23, 59, 59, 999_999_999, time.UTC)
	stored := k.enqueue(t, m)[0]
	found, _ := k.read(t, m.ID)
	for _, got := range []*courier.Message{stored, found} {
		same(t, "created_at", got.CreatedAt, time.Date(2026, time.July, 3, 19, 32, 3, 999_999_000, time.UTC))
		same(t, "expires_at", got.ExpiresAt, time.Date(2026, time.July, 3, 19, 32, 3, 0, time.UTC))
		same(t, "next_attempt_at", got.NextAttemptAt, time.Date(1969, time.December, 31, 23, 59, 59, 999_999_000, time.UTC))
		if got.CreatedAt.Location() != time.UTC {
			t.Errorf("location is %v, want UTC", got.CreatedAt.Location())
		}
	}
}

func testFillsInTimes(t *testing.T, k *kit) {
	m := k.message()
	m.UpdatedAt, m.NextAttemptAt = time.Time{}, time.Time{}
	stored := k.enqueue(t, m)[0]
	same(t, "updated_at", stored.UpdatedAt, floor(m.CreatedAt))
	same(t, "next_attempt_at", stored.NextAttemptAt, floor(m.CreatedAt))
	found, _ := k.read(t, m.ID)
	same(t, "stored message", found, stored)
}

func testStartsCountsAnew(t *testing.T, k *kit) {
	m := k.message()
	m.SendCount, m.RetryCount, m.GatewayMessageID, m.SentAt = 3, 2, "SM1", k.now
	m.LastError = &courier.Attempt{Number: 3}
	stored := k.enqueue(t, m)[0]
	found, attempts := k.read(t, m.ID)
	same(t, "stored message", found, stored)
	if found.SendCount != 0 || found.RetryCount != 0 || found.LastError != nil || len(attempts) != 0 ||
		found.GatewayMessageID != "" || !found.SentAt.IsZero() {
		t.Errorf("a new message has a past: %+v, attempts %v", found, attempts)
	}
}

func testLeavesItsInput(t *testing.T, k *kit) {
	m := k.full()
	k.leased(m)
	before := *m
	stored := k.enqueue(t, m)[0]
	same(t, "message that was passed", *m, before)
	if stored == m {
		t.Error("the answer is the message that was passed")
	}
}

func testAnswersInOrder(t *testing.T, k *kit) {
	messages := k.messages(250, nil)
	for i, stored := range k.enqueue(t, messages...) {
		if stored.ID != messages[i].ID {
			t.Fatalf("answer %d is for message %s, want %s", i, stored.ID, messages[i].ID)
		}
	}
}

func testTakesNothing(t *testing.T, k *kit) {
	answers, err := k.store.Enqueue(t.Context(), nil)
	if err != nil || len(answers) != 0 {
		t.Errorf("Enqueue of nothing: %v, %v", answers, err)
	}
}

func testTakesLeases(t *testing.T, k *kit) {
	own, given := k.message(), k.message()
	k.leased(own)
	k.leased(given)
	own.Lease.Token = k.now.UnixMicro() + 1_000_000_000
	stored := k.enqueue(t, own, given)
	if got := stored[0].Lease; got.Token != own.Lease.Token || got.Node != nodeA || !got.Until.Equal(floor(own.Lease.Until)) {
		t.Errorf("lease is %+v, want the caller's %+v", got, own.Lease)
	}
	if stored[1].Lease.Token == 0 {
		t.Error("no token was given")
	}
	if claimed := k.claim(t, 10); len(claimed) != 0 {
		t.Errorf("Claim returned %d leased messages", len(claimed))
	}
	for _, m := range stored {
		found, _ := k.read(t, m.ID)
		same(t, "stored message", found, m)
	}
}

// testTokensOfCallers gives leases the very tokens that a store which counts
// would give next: no claim may give one of them again.
func testTokensOfCallers(t *testing.T, k *kit) {
	k.enqueue(t, k.message())
	last := k.claim(t, 1)[0].Lease.Token
	messages := k.messages(10, func(i int, m *courier.Message) {
		k.leased(m)
		m.Lease.Token = last + int64(i) + 1
	})
	given := map[courier.ID]int64{}
	for _, m := range k.enqueue(t, messages...) {
		given[m.ID] = m.Lease.Token
		back := k.settlement(m, courier.StatusQueued)
		back.Attempt, back.NextAttemptAt = nil, k.now
		k.settle(t, back)
	}
	for range messages {
		m := k.claim(t, 1)[0]
		if m.Lease.Token == given[m.ID] {
			t.Errorf("token %d was given again", m.Lease.Token)
		}
	}
}

func testRefusesInvalid(t *testing.T, k *kit) {
	lease := courier.Lease{Node: nodeA, Token: 1, Until: k.now.Add(leaseTime)}
	edits := map[string]func(m *courier.Message){
		"no id":               func(m *courier.Message) { m.ID = courier.ID{} },
		"sent":                func(m *courier.Message) { m.Status = courier.StatusSent },
		"no status":           func(m *courier.Message) { m.Status = "" },
		"unheard of status":   func(m *courier.Message) { m.Status = "lost" },
		"queued with lease":   func(m *courier.Message) { m.Lease = lease },
		"processing, no node": func(m *courier.Message) { m.Status, m.Lease = courier.StatusProcessing, courier.Lease{Until: k.now} },
		"processing for ever": func(m *courier.Message) { m.Status, m.Lease = courier.StatusProcessing, courier.Lease{Node: nodeA} },
		"no JSON":             func(m *courier.Message) { m.Metadata = json.RawMessage(`{"order":`) },
		"processing, no lease": func(m *courier.Message) {
			m.Status = courier.StatusProcessing
		},
	}
	for name, edit := range edits {
		good, bad := k.message(), k.message()
		edit(bad)
		if _, err := k.store.Enqueue(t.Context(), []*courier.Message{good, bad}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: error is %v, want store.ErrInvalid", name, err)
		}
		if _, _, err := k.store.Message(t.Context(), good.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: the message with it was stored: %v", name, err)
		}
	}
}

func testRefusesDuplicateID(t *testing.T, k *kit) {
	first, again, other := k.message(), k.message(), k.message()
	again.ID, again.Body = first.ID, "other"
	k.enqueue(t, first)
	check := k.unchanged(t, first.ID)
	if _, err := k.store.Enqueue(t.Context(), []*courier.Message{other, again}); !errors.Is(err, store.ErrDuplicateID) {
		t.Errorf("error is %v, want store.ErrDuplicateID", err)
	}
	check()
}

func testIsAllOrNothing(t *testing.T, k *kit) {
	first := k.message()
	k.enqueue(t, first)
	messages := append(k.messages(20, nil), first)
	if _, err := k.store.Enqueue(t.Context(), messages); err == nil {
		t.Fatal("a duplicate id was stored")
	}
	for _, m := range messages[:20] {
		if _, _, err := k.store.Message(t.Context(), m.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a message of a failed call: %v, want store.ErrNotFound", err)
		}
	}
	k.hasCounts(t, "it", 1, 0, 0)
}

func testUnknownIDIsNotFound(t *testing.T, k *kit) {
	id := k.id()
	if _, _, err := k.store.Message(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Message: %v, want store.ErrNotFound", err)
	}
	if _, err := k.store.Cancel(t.Context(), id, k.now); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Cancel: %v, want store.ErrNotFound", err)
	}
	if _, err := k.store.Requeue(t.Context(), store.Requeue{ID: id, Now: k.now}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Requeue: %v, want store.ErrNotFound", err)
	}
}

func testAttemptsStartAsEmpty(t *testing.T, k *kit) {
	m := k.enqueue(t, k.message())[0]
	if _, attempts := k.read(t, m.ID); len(attempts) != 0 {
		t.Errorf("a new message has attempts %v", attempts)
	}
}
