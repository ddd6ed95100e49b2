package httpapi

import (
	"time"

	"courier"
	"courier/internal/store"
)

// Waiting is what waits for a gateway in a lane.
type Waiting struct {
	Gateway string
	Lane    courier.Lane
	// Count is how many messages wait, up to store.CountedMost.
	Count int
	// OldestDueAt is when the first of them is due.
	OldestDueAt time.Time
	// Hold says why what is due has to wait, and Class why a gateway takes none.
	Hold  string
	Class courier.Class
}

// queue is what is under way.
type queue struct {
	Queued      int64         `json:"queued" doc:"Messages that wait: those that are due, scheduled, or wait to be tried again."`
	Processing  int64         `json:"processing" doc:"Messages that a node is attempting."`
	Unknown     int64         `json:"unknown" doc:"Messages whose outcome is unknown, and that wait for an operator."`
	OldestDueAt *moment       `json:"oldest_due_at" nullable:"true" doc:"Since when the message waits that is due and has waited longest; null when none is due."`
	Waiting     []waitingView `json:"waiting" nullable:"false" doc:"What waits, by gateway and lane."`
}

// waitingView is what waits for a gateway in a lane.
type waitingView struct {
	Gateway     string  `json:"gateway" doc:"The gateway that it waits for."`
	Lane        string  `json:"lane" enum:"otp,normal,bulk" doc:"The lane in which it waits."`
	Count       int     `json:"count" doc:"How many messages wait, as far as they are counted."`
	More        bool    `json:"more" doc:"Whether there are more than count."`
	OldestDueAt moment  `json:"oldest_due_at" doc:"When the first of them is due, which may lie ahead."`
	Hold        *string `json:"hold" enum:"paused,account,breaker,throttled,rate,lane,slots,elsewhere" nullable:"true" doc:"What holds up those that are due, as this node sees it: the gateway is paused by hand, refuses everybody (account), does not work or cannot be reached (breaker), takes no more a second (throttled), its rate limit is used up, more urgent messages go first (lane), as many attempts are under way as may be (slots), or this node does not have it. Null for nothing."`
	Class       *string `json:"class" example:"insufficient_credit" doc:"Why the gateway takes no messages."`
	Advice      *string `json:"advice" doc:"What the class means, and the next step."`
}

func (a *API) showQueue(c *call) (any, error) {
	stats, err := a.options.Store.Stats(c.r.Context(), a.now())
	if err != nil {
		return nil, err
	}
	waiting := make([]Waiting, len(stats.Queues))
	for i, w := range stats.Queues {
		waiting[i] = Waiting{Gateway: w.Gateway, Lane: w.Lane, Count: w.Count, OldestDueAt: w.Due}
	}
	if a.options.QueuesFunc != nil {
		waiting = a.options.QueuesFunc(stats.Queues)
	}
	view := queue{
		Queued: stats.Queued, Processing: stats.Processing, Unknown: stats.Unknown,
		OldestDueAt: momentOrNull(stats.OldestDueAt), Waiting: make([]waitingView, len(waiting)),
	}
	for i, w := range waiting {
		view.Waiting[i] = waitingView{
			Gateway: w.Gateway, Lane: string(w.Lane), Count: w.Count, More: w.Count >= store.CountedMost, OldestDueAt: moment(w.OldestDueAt),
			Hold: orNull(w.Hold), Class: orNull(string(w.Class)), Advice: orNull(w.Class.Explain().String()),
		}
	}
	return view, nil
}
