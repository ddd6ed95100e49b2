package intake_test

import (
	"slices"
	"testing"
	"time"

	"courier"
	"courier/internal/intake"
)

// TestIntake_AcceptLimits tells whose messages count together.
func TestIntake_AcceptLimits(t *testing.T) {
	t.Parallel()
	in := newIntake(func(p *intake.Policy) {
		codes := []courier.Lane{courier.LaneOTP}
		p.TestNumbers = map[string]string{"+12065550150": ""}
		p.Limits = []intake.Limit{
			{By: courier.LimitByRecipient, Count: 5, Per: time.Minute, Lanes: codes},
			{By: courier.LimitByRecipient, Count: 20, Per: time.Hour, Lanes: codes},
			{By: courier.LimitByRecipient, Count: 100, Per: time.Hour},
			{By: courier.LimitByKey, Count: 1000, Per: time.Hour},
			{By: courier.LimitByHook, Count: 1000, Per: time.Hour},
		}
	})
	accept := func(to, caller string, lane courier.Lane) []courier.Limit {
		m, err := in.Accept(courier.Draft{To: to, Body: "Hi", Caller: caller, Lane: lane})
		if err != nil {
			t.Fatal(err)
		}
		return m.Limits
	}
	code := accept("+12065550199", "", courier.LaneOTP)
	if len(code) != 3 || code[0].Subject != code[1].Subject || code[0].Subject == code[2].Subject {
		t.Errorf("a code has the limits %+v", code)
	}
	if other := accept("+12065550198", "", courier.LaneOTP); other[0].Subject == code[0].Subject {
		t.Error("two recipients count together")
	}
	if same := accept("+1 206-555-0199", "shop", courier.LaneOTP); same[0].Subject != code[0].Subject {
		t.Error("one recipient counts twice")
	}
	for name, test := range map[string]struct {
		to, caller string
		lane       courier.Lane
		want       []courier.LimitBy
	}{
		"Normal":     {"+12065550199", "", courier.LaneNormal, []courier.LimitBy{courier.LimitByRecipient}},
		"Key":        {"+12065550199", "shop", courier.LaneBulk, []courier.LimitBy{courier.LimitByRecipient, courier.LimitByKey}},
		"Hook":       {"+12065550199", "hook:shop", courier.LaneBulk, []courier.LimitBy{courier.LimitByRecipient, courier.LimitByHook}},
		"TestNumber": {"+12065550150", "shop", courier.LaneOTP, nil},
	} {
		var got []courier.LimitBy
		for _, limit := range accept(test.to, test.caller, test.lane) {
			got = append(got, limit.By)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}
