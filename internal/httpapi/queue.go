package httpapi

// queue is what is under way.
type queue struct {
	Queued      int64   `json:"queued" doc:"Messages that wait: those that are due, scheduled, or wait to be tried again."`
	Processing  int64   `json:"processing" doc:"Messages that a node is attempting."`
	Unknown     int64   `json:"unknown" doc:"Messages whose outcome is unknown, and that wait for an operator."`
	OldestDueAt *moment `json:"oldest_due_at" nullable:"true" doc:"Since when the message waits that is due and has waited longest; null when none is due."`
}

func (a *API) showQueue(c *call) (any, error) {
	stats, err := a.options.Store.Stats(c.r.Context(), a.now())
	if err != nil {
		return nil, err
	}
	return queue{Queued: stats.Queued, Processing: stats.Processing, Unknown: stats.Unknown, OldestDueAt: momentOrNull(stats.OldestDueAt)}, nil
}
