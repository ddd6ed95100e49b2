package httpapi

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"courier/internal/store"
)

// Traffic is what happened to messages in some time.
type Traffic struct {
	Taken     int64       `json:"taken" doc:"Messages that the courier took in."`
	Due       int64       `json:"due" doc:"Messages that were to be sent in it, be it as they were taken or scheduled for it, without canceled ones."`
	Timely    int64       `json:"timely" doc:"Those of due that arrived within 30 seconds: by a receipt, or by the word of a gateway that sends none. The last half minute is not ripe."`
	Sent      int64       `json:"sent" doc:"Messages that a gateway took in it."`
	Delivered int64       `json:"delivered" doc:"Messages that a receipt said in it to be delivered."`
	Failed    int64       `json:"failed" doc:"Messages that ended in it without arriving: rejected, expired, abandoned or undelivered."`
	ToGateway maybe[wait] `json:"to_gateway" doc:"How long those sent took since they were due; null for none."`
	ToReceipt maybe[wait] `json:"to_receipt" doc:"How long those delivered took since they were due; null for none."`
}

// wait is how long messages took.
type wait struct {
	Count int64  `json:"count" doc:"How many were counted."`
	P50   string `json:"p50" example:"85ms" doc:"Half of them took no longer, as far as buckets tell."`
	P99   string `json:"p99" example:"2.4s" doc:"99 of 100 took no longer, as far as buckets tell."`
}

func newTraffic(t *store.Traffic) Traffic {
	return Traffic{t.Taken, t.Due, t.Timely, t.Sent, t.Delivered, t.Failed, newWait(&t.ToGateway), newWait(&t.ToReceipt)}
}

func newWait(w *store.Waits) maybe[wait] {
	if w.Count() == 0 {
		return maybe[wait]{}
	}
	text := func(share float64) string { return w.Quantile(share).Round(time.Millisecond).String() }
	return maybe[wait]{&wait{w.Count(), text(0.5), text(0.99)}}
}

type seriesPoint struct {
	At moment `json:"at" doc:"When the step begins."`
	Traffic
}

type series struct {
	Step   string        `json:"step" example:"1m0s" doc:"How long a step is."`
	Points []seriesPoint `json:"points" nullable:"false" doc:"By time; steps in which nothing happened are left out."`
	Total  Traffic       `json:"total" doc:"All steps together."`
}

// The bounds of a series.
const (
	defaultSeries = time.Hour
	maxPoints     = 3000
	// What is longer than longSeries is remembered for longSeriesFor.
	longSeries    = 2 * time.Hour
	longSeriesFor = 15 * time.Second
)

func seriesParams() []*huma.Param {
	text, at := &huma.Schema{Type: huma.TypeString}, &huma.Schema{Type: huma.TypeString, Format: "date-time"}
	return []*huma.Param{
		param("since", at, "From then on; an hour ago when absent."),
		param("until", at, "Before then; now when absent."),
		param("step", &huma.Schema{Type: huma.TypeString, Default: "1m", Examples: []any{"10m"}}, "How long a step is: whole minutes. What is older than two days is kept by ten minutes."),
		param("gateway", text, "Only messages of this gateway."),
	}
}

func (a *API) getSeries(c *call) (any, error) {
	until, step, gateway := a.now(), time.Minute, ""
	var since time.Time
	err := readQuery(c.r.URL.RawQuery, seriesParams(), func(name, value string) (err error) {
		switch name {
		case "since":
			since, err = readTime(value)
		case "until":
			until, err = readTime(value)
		case "step":
			if step, err = time.ParseDuration(value); err != nil || step < time.Minute || step%time.Minute != 0 {
				return invalid("", "it must be whole minutes, such as 1m, 10m or 1h")
			}
		case "gateway":
			gateway = value
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if since.IsZero() {
		since = until.Add(-defaultSeries)
	}
	if until.Sub(since)/step > maxPoints {
		return nil, invalid(inQuery+"step", "there would be more than 3000 steps; make them longer, or the time shorter")
	}
	read := func() (series, error) {
		points, err := a.options.Store.Series(c.r.Context(), since, until)
		return newSeries(points, gateway, step), err
	}
	if until.Sub(since) <= longSeries {
		return read()
	}
	key := seriesKey{since.Truncate(step).UTC(), until.Truncate(step).UTC(), step, gateway}
	return a.longSeries.get(c.r.Context(), key, longSeriesFor, read)
}

// seriesKey names a series.
type seriesKey struct {
	since, until time.Time
	step         time.Duration
	gateway      string
}

func newSeries(points []store.Point, gateway string, step time.Duration) series {
	found := series{Step: step.String(), Points: []seriesPoint{}}
	var total store.Traffic
	for _, p := range store.FoldSeries(pointsOf(points, gateway), step) {
		total.Add(&p.Traffic)
		found.Points = append(found.Points, seriesPoint{moment(p.At), newTraffic(&p.Traffic)})
	}
	found.Total = newTraffic(&total)
	return found
}

// pointsOf returns the points of a gateway, or all.
func pointsOf(points []store.Point, gateway string) []store.Point {
	if gateway == "" {
		return points
	}
	var own []store.Point
	for i := range points {
		if points[i].Gateway == gateway {
			own = append(own, points[i])
		}
	}
	return own
}
