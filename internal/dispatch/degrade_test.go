package dispatch

import (
	"testing"
	"time"

	"courier/internal/store"
)

// tallied are so many messages that a gateway accepted each minute of a time before now.
func tallied(gateway, country string, from, to time.Duration, accepted, delivered, slow int64) []store.Tally {
	var tallies []store.Tally
	for ago := from; ago > to; ago -= time.Minute {
		tallies = append(tallies, store.Tally{
			Gateway: gateway, Country: country, Minute: at(-ago), Accepted: accepted, Delivered: delivered, Slow: slow,
		})
	}
	return tallies
}

// reported are those of which so many a minute were reported undelivered since a minute ago.
func reported(gateway string, accepted, delivered, undelivered int64) []store.Tally {
	tallies := tallied(gateway, "DE", time.Minute, 0, accepted, delivered, 0)
	for i := range tallies {
		tallies[i].Undelivered = undelivered
	}
	return tallies
}

// named is a gateway that does nothing.
type named struct {
	Gateway
	name string
}

// Name implements Gateway.
func (n named) Name() string { return n.name }

// TestJudgeTallies_Keeps keeps that a gateway is degraded while it gets too few messages
// to tell, though what it did before that was well.
func TestJudgeTallies_Keeps(t *testing.T) {
	t.Parallel()
	gateways := []GatewayOptions{{Gateway: named{name: "a"}, Receipts: true}}
	before := tallied("a", "DE", time.Hour, time.Minute, 100, 90, 0)
	q := judgeTallies(&quality{}, append(before, reported("a", 100, 0, 90)...), gateways, at(0))
	for wait, want := range map[time.Duration]int{judgeLag: 1, judgeWindow: 0} {
		after := append(before, tallied("a", "DE", -time.Minute, -wait, 1, 1, 0)...)
		if got := judgeTallies(q, after, gateways, at(wait)); len(got.degraded["a"]) != want {
			t.Errorf("%s later got %v", wait, got.degraded["a"])
		}
	}
}

func TestRoute_Reweigh(t *testing.T) {
	t.Parallel()
	const hour, lately = time.Hour, 12 * time.Minute
	well := func(gateway string) []store.Tally { return tallied(gateway, "DE", hour, 0, 10, 9, 0) }
	slow := func(gateway string) []store.Tally { return tallied(gateway, "DE", hour, 0, 10, 9, 4) }
	type weights map[string]int
	for name, test := range map[string]struct {
		tallies [][]store.Tally
		before  weights
		changed time.Duration // ago
		want    weights
		country string
	}{
		"Well":      {tallies: [][]store.Tally{well("a"), well("b")}, want: weights{}},
		"NoTraffic": {want: weights{}},
		"Collapsed": {
			tallies: [][]store.Tally{tallied("a", "DE", hour, lately, 10, 9, 0), tallied("a", "DE", lately, 0, 10, 2, 0)},
			want:    weights{"a": weightLeast},
		},
		"NeverDelivered": {tallies: [][]store.Tally{tallied("a", "DE", lately, 0, 10, 0, 0), well("b")}, want: weights{"a": weightLeast}},
		"AlwaysHalf":     {tallies: [][]store.Tally{tallied("a", "DE", hour, 0, 10, 5, 0)}, want: weights{}},
		"LessThanOther":  {tallies: [][]store.Tally{tallied("a", "DE", hour, 0, 10, 4, 0), well("b")}, want: weights{"a": weightLeast}},
		"OtherCountry":   {tallies: [][]store.Tally{tallied("a", "FR", hour, 0, 10, 4, 0), well("a"), well("b")}, want: weights{}},
		"NotOfTheRoute":  {tallies: [][]store.Tally{tallied("a", "FR", hour, 0, 50, 1, 0), well("a"), well("b")}, country: "DE", want: weights{}},
		"Few":            {tallies: [][]store.Tally{tallied("a", "DE", lately, 0, 1, 0, 0)}, want: weights{}},
		"TooEarly":       {tallies: [][]store.Tally{tallied("a", "DE", judgeLag, 0, 100, 0, 0)}, want: weights{}},
		"UndeliveredJustNow": {
			tallies: [][]store.Tally{tallied("a", "DE", hour, time.Minute, 100, 90, 0), reported("a", 100, 0, 90), well("b")},
			want:    weights{"a": weightLeast},
		},
		"WorseThanTheOtherJustNow": {
			tallies: [][]store.Tally{reported("a", 100, 20, 70), reported("b", 40, 36, 2)}, want: weights{"a": weightLeast},
		},
		"BothWorseJustNow":      {tallies: [][]store.Tally{reported("a", 100, 20, 70), reported("b", 100, 25, 70)}, want: weights{}},
		"FewUndeliveredJustNow": {tallies: [][]store.Tally{well("a"), reported("a", 100, 0, 20), well("b")}, want: weights{}},
		"AllCollapsed":          {tallies: [][]store.Tally{tallied("a", "DE", lately, 0, 10, 0, 0), tallied("b", "DE", lately, 0, 10, 0, 0)}, want: weights{}},
		"Slow":                  {tallies: [][]store.Tally{slow("a"), well("b")}, want: weights{"a": 90}},
		"SlowForLong":           {tallies: [][]store.Tally{slow("a"), well("b")}, before: weights{"a": 8}, changed: time.Minute, want: weights{"a": weightLeast}},
		"SlowJustChanged":       {tallies: [][]store.Tally{slow("a"), well("b")}, before: weights{"a": 80}, changed: time.Second, want: weights{}},
		"AllSlow":               {tallies: [][]store.Tally{slow("a"), slow("b")}, want: weights{}},
		"Quiet":                 {tallies: [][]store.Tally{well("a"), well("b")}, before: weights{"a": 5}, changed: quietFor, want: weights{"a": 15}},
		"NotQuietYet":           {tallies: [][]store.Tally{well("a"), well("b")}, before: weights{"a": 5}, changed: quietFor - time.Second, want: weights{}},
		"Whole":                 {tallies: [][]store.Tally{well("a"), well("b")}, before: weights{"a": 95}, changed: time.Hour, want: weights{"a": 100}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := route{Route: Route{Name: "all", Demote: true}}
			if test.country != "" {
				r.To = []string{test.country}
			}
			var gateways []GatewayOptions
			for _, gateway := range []string{"a", "b"} {
				gateways = append(gateways, GatewayOptions{Gateway: named{name: gateway}, Receipts: true})
				r.hops = append(r.hops, hop{line: &line{gate: &gate{name: gateway}}})
			}
			var tallies []store.Tally
			for _, some := range test.tallies {
				tallies = append(tallies, some...)
			}
			q := judgeTallies(&quality{}, tallies, gateways, at(0))
			for gateway, weight := range test.before {
				q.weights[place{"all", gateway}] = store.Weight{Route: "all", Gateway: gateway, Weight: weight, ChangedAt: at(-test.changed)}
			}
			got := r.reweigh(q, at(0))
			if len(got) != len(test.want) {
				t.Fatalf("got %+v, want %v", got, test.want)
			}
			for _, w := range got {
				if weight, changes := test.want[w.Gateway]; !changes || weight != w.Weight || w.Reason == "" {
					t.Errorf("got %+v, want %v", w, test.want)
				}
			}
			if r.Demote = false; r.reweigh(q, at(0)) != nil {
				t.Error("a route that does not allow it is changed")
			}
		})
	}
}
