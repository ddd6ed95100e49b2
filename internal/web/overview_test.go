package web

import (
	"strings"
	"testing"
	"time"

	"courier"
	"courier/client"
)

// TestJudge answers whether codes arrive.
func TestJudge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 50, 0, time.UTC)
	minutes := func(timely ...int64) (list []client.Point) { // of ten due, the last a minute ago
		for i, n := range timely {
			p := client.Point{At: now.Truncate(time.Minute).Add(-time.Duration(len(timely)-i) * time.Minute)}
			if n >= 0 {
				p.Due, p.Timely = 10, n
			}
			list = append(list, p)
		}
		return list
	}
	waits := func(age time.Duration, lane string) []waiting {
		return []waiting{{client.Waiting{Lane: courier.Lane(lane), Gateway: "main", OldestDueAt: now.Add(-age)}}}
	}
	down := []gatewayRow{{ID: "main", State: "open", Why: "unauthorized", NextStep: "Correct the credentials."}}
	for name, test := range map[string]struct {
		minutes  []client.Point
		waits    []waiting
		gateways []gatewayRow
		kind     string
		want     string
	}{
		"Good":          {minutes(10, 10, 9, 10), nil, nil, "good", "Codes arrive."},
		"Quiet":         {minutes(-1, -1), nil, nil, "quiet", "Nothing was to be sent"},
		"Some":          {minutes(9, 9, 9), nil, down, "warn", "Most codes arrive, and some do not."},
		"Bad":           {minutes(10, 10, 1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0), nil, down, "bad", "since 02:53 on 2 January."},
		"BadNoReason":   {minutes(0, 0), nil, nil, "bad", "look at the gateway's status page"},
		"BadReason":     {minutes(0, 0), nil, down, "bad", "main is held off, as it failed: unauthorized. Correct the credentials."},
		"Stuck":         {nil, waits(2*time.Minute, "otp"), down, "bad", "A code has waited for 2 minutes."},
		"StuckFew":      {minutes(10, 10), waits(2*time.Minute, "otp"), nil, "warn", "some do not"},
		"LessUrgent":    {nil, waits(time.Hour, "normal"), nil, "quiet", "What waits, and what holds it up, is below."},
		"BulkWaits":     {minutes(10, 10), waits(time.Hour, "bulk"), nil, "good", "Codes arrive."},
		"LongAgoIsOver": {append([]client.Point{{At: now.Add(-50 * time.Minute), Traffic: client.Traffic{Due: 9}}}, minutes(10)...), nil, nil, "good", "Codes arrive."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := judge(test.minutes, test.waits, test.gateways, now)
			text := strings.Join(append([]string{v.Sentence, v.Detail}, v.Next...), "\n")
			if v.Kind != test.kind || !strings.Contains(text, test.want) {
				t.Errorf("%s:\n%s\nwant %s with %q", v.Kind, text, test.kind, test.want)
			}
		})
	}
}

func TestShare_Percent(t *testing.T) {
	t.Parallel()
	for s, want := range map[share]string{{}: "–", {10, 10}: "100 %", {100000, 99999}: "99.9 %", {3, 2}: "66.7 %", {3, 0}: "0.0 %", {2, 3}: "100 %"} {
		if got := s.Percent(); got != want {
			t.Errorf("%v is %s, want %s", s, got, want)
		}
	}
}

// TestPlots draws each value in its step, and leaves out what nothing is known of.
func TestPlots(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	_, hour := spans("hour")
	all := plots(from, hour, []client.Point{
		{At: from, Traffic: client.Traffic{Taken: 30, Sent: 20, Due: 4, Timely: 3}},
		{At: from.Add(2 * time.Minute), Traffic: client.Traffic{Taken: 75, ToGateway: &client.Wait{Count: 1, P50: client.Duration(time.Second), P99: client.Duration(90 * time.Second)}}},
		{At: from.Add(-time.Minute), Traffic: client.Traffic{Taken: 1e6}},
	}, []mark{{At: from.Add(30 * time.Minute)}, {At: from.Add(-time.Hour)}})
	taken, timely := all[0], all[1]
	if got, want := taken.Path(taken.Lines[0])[:38], "M64.0 118.4L75.5 164.0L87.1 50.0L98.6 1"; got != want[:38] {
		t.Errorf("path %s, want %s", got, want)
	}
	if got := timely.Path(timely.Lines[0]); got != "M64.0 50.0" {
		t.Errorf("a single share is drawn as %s", got)
	}
	taken.Lines[0].Values[59] = 75
	if whole, tail := taken.Path(taken.Lines[0]), taken.Tail(taken.Lines[0]); strings.Contains(whole, "744.0") || tail != "M732.5 164.0L744.0 50.0" {
		t.Errorf("the step under way: %s and then %s", whole, tail)
	}
	taken.Lines[0].Values[59] = 0
	if rows := taken.Rows(); len(rows) != 2 || rows[0].Values[0] != "75" || rows[1].Values[1] != "20" {
		t.Errorf("rows %v", rows)
	}
	if rows := all[2].Rows(); len(rows) != 1 || rows[0].Values[0] != "90 s" || rows[0].Values[1] != "–" {
		t.Errorf("rows %v", rows)
	}
	if flags := taken.Flags(); len(flags) != 1 || flags[0].Text != "1" {
		t.Errorf("flags %v", flags)
	}
	if times := taken.Times(); len(times) != 6 || times[1].Text != "03:10" {
		t.Errorf("times %v", times)
	}
	if !(&plot{}).Empty() || taken.Empty() {
		t.Error("what is empty and what is not are mixed up")
	}
}

func TestAgo(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "less than a second", time.Second: "1 second", 59 * time.Second: "59 seconds", 2 * time.Minute: "2 minutes",
		3*time.Hour + 5*time.Minute: "3 hours 5 min", 72 * time.Hour: "3 days",
	} {
		if got := ago(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

// TestEvents ends with what ended the message.
func TestEvents(t *testing.T) {
	t.Parallel()
	m := &client.Message{Status: courier.StatusExpired}
	m.UpdatedAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	last := func(want string) {
		t.Helper()
		list := events(m, &client.BuiltRequests{}, nil)
		if got := list[len(list)-1].Title; got != want {
			t.Errorf("the last is %q, want %q", got, want)
		}
	}
	last("Lost its use")
	m.SentAt, m.Receipts = m.UpdatedAt, []client.Receipt{{Status: courier.StatusExpired, ReceivedAt: m.UpdatedAt}}
	last("Receipt: expired")
}
