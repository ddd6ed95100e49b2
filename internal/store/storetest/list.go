package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
)

func listTests() map[string]func(t *testing.T, k *kit) {
	return map[string]func(t *testing.T, k *kit){
		"NewestFirst":         testListOrder,
		"PagesFitTogether":    testListPages,
		"EveryFilter":         testListFilters,
		"WhatIsInThem":        testListSought,
		"SinceAndUntil":       testListTimes,
		"CarriesTheWhole":     testListCarriesTheWhole,
		"EmptyStore":          testListEmpty,
		"BoundsTheWork":       testListBound,
		"NewOnesDoNotDisturb": testListStable,
		"LimitIsAtLeastOne":   testListLimit,
	}
}

// walk reads all pages of a query and returns the ids in order.
func (k *kit) walk(t *testing.T, query store.Query) []courier.ID {
	t.Helper()
	var ids []courier.ID
	for range 10_000 {
		page, err := k.store.Messages(t.Context(), query)
		if err != nil {
			t.Fatalf("Messages: %v", err)
		}
		if len(page.Messages) > query.Limit {
			t.Fatalf("a page has %d messages, want at most %d", len(page.Messages), query.Limit)
		}
		ids = append(ids, idsOf(page.Messages)...)
		if page.Next == nil {
			return ids
		}
		query.After = page.Next
	}
	t.Fatal("the pages do not end")
	return nil
}

func newestFirst(ids []courier.ID) []courier.ID {
	slices.SortFunc(ids, func(a, b courier.ID) int { return bytes.Compare(b[:], a[:]) })
	return ids
}

func testListOrder(t *testing.T, k *kit) {
	messages := k.messages(9, nil)
	ids := newestFirst(idsOf(messages))
	slices.Reverse(messages[2:7]) // stored in another order than made
	k.enqueue(t, messages...)
	same(t, "list", k.walk(t, store.Query{Limit: 100}), ids)
}

func testListPages(t *testing.T, k *kit) {
	messages := k.messages(12, nil)
	k.enqueue(t, messages...)
	want := newestFirst(idsOf(messages))
	for limit := 1; limit <= 13; limit++ {
		same(t, fmt.Sprintf("list by %d", limit), k.walk(t, store.Query{Limit: limit}), want)
	}
	page, err := k.store.Messages(t.Context(), store.Query{Limit: 12})
	if err != nil || len(page.Messages) != 12 || page.Next != nil {
		t.Errorf("a page that holds all: %d messages, next %v, %v", len(page.Messages), page.Next, err)
	}
}

// testListFilters stores messages of every status, recipient and gateway, and
// asks for each combination.
func testListFilters(t *testing.T, k *kit) {
	recipients := []string{"+12065550101", "+12065550102"}
	var all []*courier.Message
	for _, status := range courier.Statuses() {
		for i := range 6 {
			m := k.message()
			m.To, m.Gateway = recipients[i%2], []string{gatewayA, gatewayB}[i/2%2]
			all = append(all, k.bring(t, m, status))
		}
	}
	for _, status := range append(courier.Statuses(), "") {
		for _, to := range append(recipients, "", "+19995550199") {
			for _, gateway := range []string{gatewayA, gatewayB, "", "nowhere"} {
				query := store.Query{Status: status, To: to, Gateway: gateway, Limit: 4}
				want := newestFirst(idsOf(slices.DeleteFunc(slices.Clone(all), func(m *courier.Message) bool {
					return !query.Matches(m)
				})))
				same(t, fmt.Sprintf("list %+v", query), k.walk(t, query), want)
			}
		}
	}
}

// testListSought selects by what no index has.
func testListSought(t *testing.T, k *kit) {
	var all []*courier.Message
	for i, status := range []courier.Status{courier.StatusQueued, courier.StatusSent, courier.StatusRejected, courier.StatusAbandoned, courier.StatusSent} {
		for _, templateType := range []string{"login_code", "verif\"y\tcode", ""} {
			m := k.message()
			m.TemplateType, m.Country = templateType, []string{"DE", "FR", ""}[i%3]
			m.Metadata = json.RawMessage(`{"country":"FR","template_type":"login_code","class":"timeout"}`)
			all = append(all, k.bring(t, m, status))
		}
	}
	k.receive(t, courier.Receipt{
		Gateway: gatewayA, GatewayMessageID: all[3].GatewayMessageID, Status: courier.StatusUndelivered, Class: courier.ClassBarred, ReceivedAt: k.now,
	})
	all[3], _ = k.read(t, all[3].ID)
	for _, status := range []courier.Status{"", courier.StatusQueued, courier.StatusSent, courier.StatusRejected} {
		for _, to := range []string{"", all[0].To} {
			for _, query := range []store.Query{
				{TemplateType: "login_code"},
				{TemplateType: "verif\"y\tcode"},
				{TemplateType: "login"},
				{Country: "FR"},
				{Country: "FR", TemplateType: "login_code"},
				{Class: courier.ClassGatewayError},
				{Class: courier.ClassBarred},
				{Class: courier.ClassTimeout},
				{Class: courier.ClassGatewayError, Country: "DE"},
			} {
				query.Status, query.To, query.Limit = status, to, 2
				want := newestFirst(idsOf(slices.DeleteFunc(slices.Clone(all), func(m *courier.Message) bool { return !query.Matches(m) })))
				same(t, fmt.Sprintf("list %+v", query), k.walk(t, query), want)
			}
		}
	}
	if got := k.walk(t, store.Query{Class: courier.ClassBarred, Limit: 9}); len(got) != 1 {
		t.Errorf("%d messages have the class of a receipt, want 1", len(got))
	}
}

func testListTimes(t *testing.T, k *kit) {
	var all []courier.ID
	start := k.now
	for range 6 {
		all = append(all, k.enqueue(t, k.message())[0].ID)
		k.now = k.now.Add(time.Second)
	}
	for from := range 6 {
		for to := from; to < 7; to++ {
			query := store.Query{Since: start.Add(time.Duration(from) * time.Second), Until: start.Add(time.Duration(to) * time.Second), Limit: 2}
			want := newestFirst(slices.Clone(all[from:to]))
			same(t, fmt.Sprintf("from %d to %d", from, to), k.walk(t, query), want)
			query.Gateway = gatewayA
			same(t, fmt.Sprintf("of a gateway from %d to %d", from, to), k.walk(t, query), want)
		}
	}
	same(t, "since alone", k.walk(t, store.Query{Since: start.Add(4 * time.Second), Limit: 1}), newestFirst(all[4:]))
}

func testListCarriesTheWhole(t *testing.T, k *kit) {
	for _, status := range courier.Statuses() {
		k.in(t, status)
	}
	page, err := k.store.Messages(t.Context(), store.Query{Limit: 100})
	if err != nil || len(page.Messages) != len(courier.Statuses()) {
		t.Fatalf("Messages: %d, %v", len(page.Messages), err)
	}
	for _, listed := range page.Messages {
		found, _ := k.read(t, listed.ID)
		same(t, "listed message", listed, found)
	}
}

func testListEmpty(t *testing.T, k *kit) {
	for _, status := range append(courier.Statuses(), "", "lost") {
		page, err := k.store.Messages(t.Context(), store.Query{Status: status, Limit: 10})
		if err != nil || len(page.Messages) != 0 || page.Next != nil {
			t.Errorf("list of %q: %+v, %v", status, page, err)
		}
	}
}

// testListBound looks for one message among more than a page may examine: an
// empty page has a next one, and the message is found.
func testListBound(t *testing.T, k *kit) {
	wanted := k.message()
	wanted.Gateway = gatewayB
	k.enqueue(t, wanted)
	for range 25 {
		k.enqueue(t, k.messages(1000, nil)...)
	}
	for _, query := range []store.Query{{Gateway: gatewayB}, {Gateway: gatewayB, To: wanted.To}, {Status: courier.StatusQueued, Gateway: gatewayB}} {
		query.Limit = 10
		same(t, fmt.Sprintf("list %+v", query), k.walk(t, query), []courier.ID{wanted.ID})
	}
	// What needs no search is not cut short.
	page, err := k.store.Messages(t.Context(), store.Query{Limit: 10})
	if err != nil || len(page.Messages) != 10 || page.Next == nil {
		t.Errorf("first page: %d messages, next %v, %v", len(page.Messages), page.Next, err)
	}
}

func testListStable(t *testing.T, k *kit) {
	messages := k.messages(6, nil)
	k.enqueue(t, messages...)
	first, err := k.store.Messages(t.Context(), store.Query{Limit: 3})
	if err != nil {
		t.Fatalf("Messages: %v", err)
	}
	k.enqueue(t, k.messages(4, nil)...)
	rest := k.walk(t, store.Query{Limit: 3, After: first.Next})
	same(t, "both pages", append(idsOf(first.Messages), rest...), newestFirst(idsOf(messages)))
}

func testListLimit(t *testing.T, k *kit) {
	k.enqueue(t, k.messages(3, nil)...)
	for _, limit := range []int{0, -1} {
		page, err := k.store.Messages(t.Context(), store.Query{Limit: limit})
		if err != nil || len(page.Messages) != 1 || page.Next == nil {
			t.Errorf("limit %d: %d messages, next %v, %v", limit, len(page.Messages), page.Next, err)
		}
	}
}
