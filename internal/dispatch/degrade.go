package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"courier/internal/store"
)

// The rules of judging gateways by what their receipts say.
const (
	judgeEach = 15 * time.Second
	// What was accepted within judgeWindow is judged, once receipts had judgeLag to come,
	// by what was accepted in the time judgeBefore before that.
	judgeWindow = 10 * time.Minute
	judgeLag    = 2 * time.Minute
	judgeBefore = time.Hour
	// judgeLeast is how many messages tell anything.
	judgeLeast = 20
	// collapsed is the part of what it, or another, delivered before or does now, below
	// which the share of a gateway has collapsed. Where nothing is known, expectedShare
	// is expected.
	collapsed     = 0.5
	expectedShare = 0.4
	// judgedFor is how long a gateway stays degraded while too few messages say otherwise.
	judgedFor = 30 * time.Minute
	// slowShare is the share of slow deliveries from which a gateway is slow.
	slowShare = 0.3

	// A degraded gateway keeps weightLeast of its part of 100, so that it shows when it
	// is better. A slow one loses a step a minute, and each gets back a step after quietFor.
	// (Notify.gov.uk moves its providers by steps of ten in this way.)
	weightWhole = 100
	weightLeast = 5
	weightStep  = 10
	slowEach    = time.Minute
	quietFor    = 5 * time.Minute
)

// opJudge names the judging to who looks after the health of the store.
const opJudge = "judge deliveries"

// place is a gateway in a route.
type place struct{ route, gateway string }

// quality is what receipts say of all gateways.
type quality struct {
	// degraded says for which countries the delivered share of a gateway has collapsed,
	// and in which way.
	degraded map[string]map[string]verdict
	// slow are the gateways whose deliveries take long.
	slow map[string]string
	// counts are the messages that gateways accepted lately, by country.
	counts map[string]map[string]store.Tally
	// weights are the parts of 100 that gateways have of what would be theirs.
	weights map[place]store.Weight
}

// verdict is why a gateway is degraded, and when that was seen last.
type verdict struct {
	reason string
	at     time.Time
}

// weight returns which part of 100 a gateway has of what would be its own.
func (q *quality) weight(route, gateway string) int {
	if w, changed := q.weights[place{route, gateway}]; changed {
		return w.Weight
	}
	return weightWhole
}

// judgeDeliveries keeps what is known of the deliveries current until ctx ends.
func (e *Engine) judgeDeliveries(ctx context.Context) {
	ticker := time.NewTicker(judgeEach)
	defer ticker.Stop()
	for {
		if r := e.routing.Load(); r.reports() {
			err := e.judgeOnce(ctx, r)
			if ctx.Err() == nil {
				e.health.Set(ctx, opJudge, err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// reports reports whether a gateway sends receipts.
func (r *routing) reports() bool {
	return slices.ContainsFunc(r.settings.Gateways, func(g GatewayOptions) bool { return g.Receipts })
}

// judgeOnce reads what is known, and changes weights where that is this node's to do.
func (e *Engine) judgeOnce(ctx context.Context, r *routing) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	now := e.now()
	tallies, err := e.store.Tallies(ctx, now.Add(-judgeLag-judgeWindow-judgeBefore))
	if err != nil {
		return err
	}
	weights, err := e.store.Weights(ctx)
	if err != nil {
		return err
	}
	before := e.quality.Load()
	q := judgeTallies(before, tallies, r.settings.Gateways, now)
	for _, w := range weights {
		q.weights[place{w.Route, w.Gateway}] = w
	}
	duty := e.cluster.OnDuty()
	if duty {
		e.logQuality(ctx, before, q)
	}
	for _, route := range r.routes {
		for _, w := range route.reweigh(q, now) {
			if !duty {
				break
			}
			if err := e.store.SetWeight(ctx, w); err != nil {
				return err
			}
			q.weights[place{w.Route, w.Gateway}] = w
			e.logger.LogAttrs(ctx, slog.LevelWarn, "changed the weight of a gateway in a route",
				slog.String("route", w.Route), slog.String("gateway", w.Gateway), slog.Int("weight", w.Weight), slog.String("reason", w.Reason))
		}
	}
	e.quality.Store(q)
	return nil
}

// judgeTallies finds the gateways with receipts that deliver little or slowly.
func judgeTallies(before *quality, tallies []store.Tally, gateways []GatewayOptions, now time.Time) *quality {
	q := &quality{
		degraded: make(map[string]map[string]verdict), slow: make(map[string]string),
		counts: make(map[string]map[string]store.Tally), weights: make(map[place]store.Weight),
	}
	// earlier is what was before the window, latest the last minute after it that tells anything.
	earlier, latest := make(map[string]map[string]store.Tally), make(map[string]map[string]store.Tally)
	from, to := now.Add(-judgeLag-judgeWindow), now.Add(-judgeLag)
	for _, g := range gateways {
		name := g.Gateway.Name()
		q.counts[name], earlier[name], latest[name] = make(map[string]store.Tally), make(map[string]store.Tally), make(map[string]store.Tally)
		for i := range tallies {
			if t := &tallies[i]; g.Receipts && t.Gateway == name {
				switch sums := q.counts[name]; {
				case t.Minute.Before(from):
					earlier[name][t.Country] = add(earlier[name][t.Country], *t)
				case !t.Minute.Add(time.Minute).After(to):
					sums[t.Country] = add(sums[t.Country], *t)
				case t.Accepted >= judgeLeast && t.Minute.After(latest[name][t.Country].Minute):
					latest[name][t.Country] = *t
					sums[t.Country] = add(sums[t.Country], store.Tally{})
				}
			}
		}
	}
	for name, countries := range q.counts {
		q.degraded[name] = make(map[string]verdict)
		for country, last := range before.degraded[name] {
			if since := now.Sub(last.at); countries[country].Accepted < judgeLeast && since < judgedFor ||
				latest[name][country].Accepted < judgeLeast && since < judgeWindow {
				q.degraded[name][country] = last
			}
		}
		var all store.Tally
		for country, t := range countries {
			all = add(all, t)
			expected := max(expectedShare, share(earlier[name][country]))
			for other := range q.counts {
				expected = max(expected, share(q.counts[other][country]))
			}
			// The receipts of the latest may be on their way, but not those that said that a
			// message was not delivered, nor those of others that said it was.
			soon := expected
			for other := range latest {
				soon = max(soon, share(latest[other][country]))
			}
			last := latest[name][country]
			atMost := last
			atMost.Delivered = last.Accepted - last.Undelivered
			switch {
			case last.Accepted >= judgeLeast && share(atMost) < collapsed*soon:
				q.degraded[name][country] = verdict{fmt.Sprintf("%d of %d messages to %s were reported undelivered, where %.0f%% are expected to be delivered",
					last.Undelivered, last.Accepted, orUnknown(country), 100*soon), now}
			case t.Accepted >= judgeLeast && share(t) < collapsed*expected:
				q.degraded[name][country] = verdict{fmt.Sprintf("%d of %d messages to %s were delivered, where %.0f%% are expected",
					t.Delivered, t.Accepted, orUnknown(country), 100*expected), now}
			}
		}
		if all.Delivered >= judgeLeast && float64(all.Slow) >= slowShare*float64(all.Delivered) {
			q.slow[name] = fmt.Sprintf("%d of %d deliveries took more than 30 s", all.Slow, all.Delivered)
		}
	}
	return q
}

func orUnknown(country string) string {
	if country == "" {
		return "numbers of an unknown country"
	}
	return country
}

func add(a, b store.Tally) store.Tally {
	a.Accepted += b.Accepted
	a.Delivered += b.Delivered
	a.Undelivered += b.Undelivered
	a.Slow += b.Slow
	return a
}

// share is the delivered share, 0 when there are too few to tell.
func share(t store.Tally) float64 {
	if t.Accepted < judgeLeast {
		return 0
	}
	return float64(t.Delivered) / float64(t.Accepted)
}

// reweigh returns the weights that are to change in a route that allows it. When all of
// its gateways are bad, it is not a gateway that is.
func (r *route) reweigh(q *quality, now time.Time) []store.Weight {
	if !r.Demote || len(r.hops) < 2 {
		return nil
	}
	var changed []store.Weight
	bad := 0
	for _, h := range r.hops {
		name := h.name
		degraded, slow := r.degraded(q, name), q.slow[name]
		if degraded != "" || slow != "" {
			bad++
		}
		last := q.weights[place{r.Name, name}]
		weight, reason, since := q.weight(r.Name, name), "", now.Sub(last.ChangedAt)
		switch {
		case degraded != "":
			weight, reason = min(weight, weightLeast), degraded
		case slow != "" && since >= slowEach:
			weight, reason = max(weight-weightStep, min(weight, weightLeast)), slow
		case slow == "" && since >= quietFor:
			weight, reason = min(weight+weightStep, weightWhole), "nothing was wrong for "+quietFor.String()
		}
		if weight != q.weight(r.Name, name) {
			changed = append(changed, store.Weight{Route: r.Name, Gateway: name, Weight: weight, Reason: reason, ChangedAt: now})
		}
	}
	if bad == len(r.hops) {
		return nil
	}
	return changed
}

// degraded says why a gateway is degraded for most of what it takes of a route, or "".
func (r *route) degraded(q *quality, gateway string) string {
	var why []string
	var ill, all int64
	for _, country := range slices.Sorted(maps.Keys(q.counts[gateway])) {
		if len(r.To) > 0 && country != "" && !slices.ContainsFunc(r.To, func(to string) bool { return to == country || strings.HasPrefix(to, "+") }) {
			continue
		}
		all += q.counts[gateway][country].Accepted
		if found, bad := q.degraded[gateway][country]; bad {
			ill += q.counts[gateway][country].Accepted
			why = append(why, found.reason)
		}
	}
	if 2*ill < all {
		return ""
	}
	return strings.Join(why, "; ")
}

// logQuality tells of gateways that became degraded, or are no longer.
func (e *Engine) logQuality(ctx context.Context, before, after *quality) {
	for gateway, countries := range after.degraded {
		for country, found := range countries {
			if _, known := before.degraded[gateway][country]; !known {
				e.logger.LogAttrs(ctx, slog.LevelWarn, "gateway delivers few of the messages that it takes",
					slog.String("gateway", gateway), slog.String("country", country), slog.String("reason", found.reason),
					slog.String("next_step", "check the provider's status page, and that its receipts come in; routes[].demote moves traffic away by itself"))
			}
		}
		for country := range before.degraded[gateway] {
			if _, still := countries[country]; !still {
				e.logger.LogAttrs(ctx, slog.LevelInfo, "gateway delivers messages again",
					slog.String("gateway", gateway), slog.String("country", country))
			}
		}
	}
}
