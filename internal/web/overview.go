package web

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"courier"
	"courier/client"
)

// share is how many of some messages arrived in time.
type share struct{ Due, Timely int64 }

// Known reports whether there were any.
func (s share) Known() bool { return s.Due > 0 }

// ratio is at most 1, though one whose place another took may have been due in the minute
// before, and the other one is not counted as due in its own.
func (s share) ratio() float64 { return min(float64(s.Timely)/float64(s.Due), 1) }

// Percent writes it as people read it: never 100 % when one is missing.
func (s share) Percent() string {
	switch percent := 100 * s.ratio(); {
	case !s.Known():
		return "–"
	case s.Timely >= s.Due:
		return "100 %"
	case percent > 99.9:
		return "99.9 %"
	default:
		return fmt.Sprintf("%.1f %%", percent)
	}
}

// Bar is the part of a hundred that a bar fills.
func (s share) Bar() int {
	if !s.Known() {
		return 0
	}
	return int(100 * s.ratio())
}

// waiting is what waits in a lane for a gateway.
type waiting struct {
	client.Waiting
}

// HeldBy says what keeps it from being sent.
func (w waiting) HeldBy() string {
	switch w.Hold {
	case "paused":
		return "the gateway is paused by hand"
	case "account":
		return joinWords("the account, which is refused", string(w.Class), w.Advice)
	case "breaker":
		return joinWords("the breaker, as the gateway does not work", string(w.Class), w.Advice)
	case "throttled":
		return "the gateway, which takes no more a second"
	case "rate":
		return "the rate limit of the gateway"
	case "lane":
		return "more urgent messages, which go first"
	case "slots":
		return "the attempts under way, as many as the gateway may have"
	case "elsewhere":
		return "this node does not have the gateway; another one does, or none"
	}
	return "nothing, it is on its way"
}

// joinWords puts together what there is as "what: why. Advice".
func joinWords(what, why, advice string) string {
	if why != "" {
		what += ": " + why
	}
	if advice != "" {
		what += ". " + advice
	}
	return what
}

// gatewayRow is a gateway as the overview has it.
type gatewayRow struct {
	ID, State, Why, NextStep string
	Since                    time.Time
	Weights                  []client.Weight
	InFlight                 int
	Hour                     client.Traffic
}

// Kind is the colour of the state.
func (g *gatewayRow) Kind() string {
	switch g.State {
	case "ok":
		return "ok"
	case "open":
		return "bad"
	}
	return "warn"
}

// verdict answers the one question: do codes arrive?
type verdict struct {
	// Kind is good, warn, bad or quiet.
	Kind, Sentence, Detail string
	// Next is what to do, one step each.
	Next []string
}

// A share of messages that arrive in time is good from goodShare on, and bad below badShare.
// It is judged over recent minutes.
const (
	goodShare, badShare = 0.95, 0.8
	recent              = 10
	// ripeAfter is how long it takes to know of a message whether it arrived in 30 seconds.
	ripeAfter = 40 * time.Second
)

// judge answers from the minutes of the last hour, what waits, and the gateways.
func judge(minutes []client.Point, waits []waiting, gateways []gatewayRow, now time.Time) verdict {
	var lately share
	for i := range minutes {
		if now.Sub(minutes[i].At) <= recent*time.Minute+ripeAfter {
			lately.Due += minutes[i].Due
			lately.Timely += minutes[i].Timely
		}
	}
	v := verdict{Detail: fmt.Sprintf("%s of %s messages of the last %d minutes reached their recipients within 30 seconds.",
		lately.Percent(), groupDigits(lately.Due), recent)}
	oldest := oldestCode(waits)
	stuck := !oldest.IsZero() && now.Sub(oldest) > 30*time.Second
	switch {
	case lately.Known() && lately.ratio() < badShare || !lately.Known() && stuck:
		v.Kind, v.Sentence = "bad", "Codes do not arrive"
		if since := badSince(minutes, oldest); !since.IsZero() {
			v.Sentence += ", since " + since.UTC().Format("15:04 on 2 January")
		}
		v.Sentence += "."
	case !lately.Known():
		v.Kind, v.Sentence, v.Detail = "quiet", fmt.Sprintf("Nothing was to be sent in the last %d minutes.", recent), "No message waits that is due."
		if len(waits) > 0 {
			v.Detail = "What waits, and what holds it up, is below."
		}
	case lately.ratio() < goodShare || stuck:
		v.Kind, v.Sentence = "warn", "Most codes arrive, and some do not."
	default:
		v.Kind, v.Sentence = "good", "Codes arrive."
	}
	if !lately.Known() && stuck {
		v.Detail = "A code has waited for " + ago(now.Sub(oldest)) + "."
	}
	if v.Kind != "good" {
		v.Next = nextSteps(gateways)
	}
	if v.Kind == "bad" && len(v.Next) == 0 {
		v.Next = []string{"All gateways take messages. Open one that failed, below, and read what its gateway said; when receipts are missing, look at the gateway's status page."}
	}
	return v
}

// oldestCode is since when the code waits that has waited longest, zero for none.
func oldestCode(waits []waiting) (oldest time.Time) {
	for _, w := range waits {
		if w.Lane == courier.LaneOTP && (oldest.IsZero() || w.OldestDueAt.Before(oldest)) {
			oldest = w.OldestDueAt
		}
	}
	return oldest
}

// badSince is the beginning of the time in which messages did not arrive that is not over.
func badSince(minutes []client.Point, oldest time.Time) time.Time {
	since := oldest
	for _, m := range slices.Backward(minutes) {
		if m.Due == 0 {
			continue
		}
		if (share{m.Due, m.Timely}).ratio() >= badShare {
			break
		}
		since = m.At
	}
	return since
}

// nextSteps is what to do about gateways that are not as they should be.
func nextSteps(gateways []gatewayRow) (steps []string) {
	for i := range gateways {
		if g := &gateways[i]; g.State != "ok" {
			steps = append(steps, joinWords(g.ID+" is "+stateWords(g.State), strings.TrimSuffix(g.Why, "."), g.NextStep))
		}
	}
	return steps
}

// stateWords says what a state of a gateway is.
func stateWords(state string) string {
	switch state {
	case "open":
		return "held off, as it failed"
	case "half_open":
		return "being tried again"
	}
	return state
}

// span is a time that the plots can show.
type span struct {
	Name, Label string
	Length      time.Duration
	Step        time.Duration
	Chosen      bool
}

// from is when the first step begins; the last is under way.
func (s span) from(now time.Time) time.Time {
	return now.Add(s.Step).Truncate(s.Step).Add(-s.Length)
}

// spans are those times; the one with the name is chosen, the first without any.
func spans(name string) (all []span, chosen span) {
	all = []span{
		{Name: "hour", Label: "Hour", Length: time.Hour, Step: time.Minute},
		{Name: "day", Label: "Day", Length: 24 * time.Hour, Step: 15 * time.Minute},
		{Name: "week", Label: "Week", Length: 7 * 24 * time.Hour, Step: 2 * time.Hour},
	}
	at := max(slices.IndexFunc(all, func(s span) bool { return s.Name == name }), 0)
	all[at].Chosen = true
	return all, all[at]
}

// overview is what the first page shows.
type overview struct {
	// at is when it was gathered.
	at            time.Time
	Verdict       verdict
	Now, LastWeek share
	Waiting       []waiting
	Gateways      []gatewayRow
	Spans         []span
	Plots         []plot
	Marks         []mark
	Hour          client.Traffic
	Queue         *client.Queue
	Nodes         []client.Node
}

// plots draw the points of a time. A step without a point is one in which nothing was.
func plots(from time.Time, s span, points []client.Point, marks []mark) []plot {
	steps := int(s.Length / s.Step)
	lines := make([][]float64, 7)
	for i := range lines {
		lines[i] = make([]float64, steps)
	}
	for i := range steps {
		lines[4][i], lines[5][i], lines[6][i] = math.NaN(), math.NaN(), math.NaN()
	}
	for _, p := range points {
		i := int(p.At.Sub(from) / s.Step)
		if i < 0 || i >= steps {
			continue
		}
		lines[0][i], lines[1][i], lines[2][i], lines[3][i] = float64(p.Taken), float64(p.Sent), float64(p.Delivered), float64(p.Failed)
		if p.Due > 0 {
			lines[4][i] = 100 * share{p.Due, p.Timely}.ratio()
		}
		if p.ToGateway != nil {
			lines[5][i] = time.Duration(p.ToGateway.P99).Seconds()
		}
		if p.ToReceipt != nil {
			lines[6][i] = time.Duration(p.ToReceipt.P99).Seconds()
		}
	}
	per := "a minute"
	if s.Step != time.Minute {
		per = "in " + ago(s.Step)
	}
	base := plot{From: from, Step: s.Step, Marks: marks}
	made := func(id, title string, format func(float64) string, lines ...line) plot {
		p := base
		p.ID, p.Title, p.FormatFunc, p.Lines = id, title, format, lines
		return p
	}
	return []plot{
		made("messages", "Messages "+per, nil,
			line{"c1", "taken", lines[0]}, line{"c2", "sent", lines[1]}, line{"c3", "delivered", lines[2]}, line{"c4", "failed", lines[3]}),
		made("timely", "Arrived within 30 seconds, in percent", nil, line{"c2", "in time", lines[4]}),
		made("times", "Time since due, all but 1 in 100", seconds, line{"c2", "to the gateway", lines[5]}, line{"c3", "to the receipt", lines[6]}),
	}
}
