package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"courier"
	"courier/client"
)

// showOverview gathers what the first page shows.
func showOverview(v *visit) error {
	all, chosen := spans(v.R.URL.Query().Get("span"))
	page, err := v.figures(chosen)
	if err != nil {
		return fmt.Errorf("show overview: %w", err)
	}
	page.Spans = all
	return v.show("overview", frame{Title: "Overview", Section: "Overview", Live: true, Data: page})
}

// figuresFor is how long the figures of the overview serve all who look at it: they are the
// same for everybody who may read, and many who look cost as little as one.
const figuresFor = time.Second

// gathered are the figures of the overview by the name of the span. Who sends to turn may
// look at them.
type gathered struct {
	turn   chan struct{}
	bySpan map[string]overview
}

// figures returns what the overview shows, gathered now or a moment ago.
func (v *visit) figures(s span) (overview, error) {
	g := v.pages.gathered
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-v.R.Context().Done():
		return overview{}, v.R.Context().Err()
	}
	page := g.bySpan[s.Name]
	if age := v.now().Sub(page.at); age >= 0 && age < figuresFor {
		return page, nil
	}
	page = overview{at: v.now()}
	if err := v.ask(&page, s); err != nil {
		return overview{}, err
	}
	g.bySpan[s.Name] = page
	return page, nil
}

// week is how far back the hour is that the last one is compared with.
const week = 7 * 24 * time.Hour

func (v *visit) ask(page *overview, s span) error {
	ctx, now := v.R.Context(), page.at
	ripe := now.Add(-ripeAfter)
	hour, err := v.api.Series(ctx, client.SeriesQuery{Since: ripe.Add(-time.Hour), Until: ripe})
	if err != nil {
		return err
	}
	before, err := v.api.Series(ctx, client.SeriesQuery{Since: ripe.Add(-time.Hour - week), Until: ripe.Add(-week)})
	if err != nil {
		return err
	}
	from := s.from(now)
	drawn, err := v.api.Series(ctx, client.SeriesQuery{Since: from, Until: now, Step: s.Step})
	if err != nil {
		return err
	}
	gateways, err := v.api.Gateways(ctx)
	if err != nil {
		return err
	}
	if page.Nodes, err = v.api.Nodes(ctx); err != nil {
		return err
	}
	if page.Queue, err = v.api.Queue(ctx); err != nil {
		return err
	}
	if page.Marks, err = v.marks(ctx, from, page.Nodes); err != nil {
		return err
	}
	for _, w := range page.Queue.Waiting {
		if !w.OldestDueAt.After(now) {
			page.Waiting = append(page.Waiting, waiting{w})
		}
	}
	slices.SortStableFunc(page.Waiting, func(a, b waiting) int {
		return cmp.Or(cmp.Compare(laneOrder(a.Lane), laneOrder(b.Lane)), a.OldestDueAt.Compare(b.OldestDueAt))
	})
	page.Hour = hour.Total
	page.Now, page.LastWeek = share{hour.Total.Due, hour.Total.Timely}, share{before.Total.Due, before.Total.Timely}
	for i := range gateways {
		page.Gateways = append(page.Gateways, newGatewayRow(&gateways[i]))
	}
	page.Plots = plots(from, s, drawn.Points, page.Marks)
	page.Verdict = judge(hour.Points, page.Waiting, page.Gateways, now)
	return nil
}

func newGatewayRow(g *client.Gateway) gatewayRow {
	row := gatewayRow{ID: g.ID, State: g.State, Why: g.Why, NextStep: g.NextStep, Weights: g.Weights, Hour: g.Hour}
	if g.Paused != nil {
		row.Since = g.Paused.At
	}
	for i := range g.Nodes {
		row.InFlight += g.Nodes[i].InFlight
	}
	return row
}

// laneOrder is the place of a lane among them, the most urgent first.
func laneOrder(lane courier.Lane) int { return slices.Index(courier.Lanes(), lane) }

// maxMarks bounds the changes that are shown.
const maxMarks = 20

// marks are the changes since a time: of the configuration, of weights, of pauses and of nodes.
func (v *visit) marks(ctx context.Context, since time.Time, nodes []client.Node) (list []mark, err error) {
	weights, err := v.api.WeightChanges(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range weights {
		list = append(list, mark{w.ChangedAt, w.Gateway, joinLines(fmt.Sprintf("has a weight of %d in the route %s", w.Weight, w.Route), w.Reason)})
	}
	for action, words := range map[string]string{"configuration": "was changed", "gateway.pause": "was paused", "gateway.resume": "was resumed"} {
		page, err := v.api.Audit(ctx, client.AuditQuery{Action: action, PageSize: maxMarks})
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			what := e.Target
			if action == "configuration" {
				what = "The configuration"
			}
			list = append(list, mark{e.At, what, joinLines(words+" by "+e.Who, e.Reason, e.Detail)})
		}
	}
	for i := range nodes {
		n := &nodes[i]
		if list = append(list, mark{n.StartedAt, n.Host, "started " + n.Version}); !n.Alive {
			list = append(list, mark{n.SeenAt, n.Host, "was seen for the last time"})
		}
	}
	list = slices.DeleteFunc(list, func(m mark) bool { return m.At.Before(since) })
	slices.SortStableFunc(list, func(a, b mark) int { return a.At.Compare(b.At) })
	return list[max(len(list)-maxMarks, 0):], nil
}
