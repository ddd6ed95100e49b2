package dispatch_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/dispatch"
)

// via returns a route through gateways in order.
func via(name string, gateways ...string) dispatch.Route {
	r := dispatch.Route{Name: name}
	for _, g := range gateways {
		r.Gateways = append(r.Gateways, dispatch.RouteGateway{Gateway: g})
	}
	return r
}

// newRouted returns the options of three gateways that take everything, with routes.
func newRouted(s dispatch.Store, routes ...dispatch.Route) (options dispatch.Options, gateways []*fakeGateway) {
	options = newOptions(s, nil)
	options.Gateways = nil
	for _, name := range []string{"a", "b", "c"} {
		g := newGateway(name, answer(accepted()))
		gateways = append(gateways, g)
		options.Gateways = append(options.Gateways, optionsOf(g))
	}
	options.Routes = routes
	return options, gateways
}

// downUntil is a gateway that is down until it is well.
func downUntil(well *atomic.Bool) func(context.Context, *courier.Message) courier.Attempt {
	return func(ctx context.Context, m *courier.Message) courier.Attempt {
		if well.Load() {
			return answer(accepted())(ctx, m)
		}
		return answer(down())(ctx, m)
	}
}

func TestRoute_FirstThatFits(t *testing.T) {
	t.Parallel()
	germany, codes, america, voice := via("germany", "b"), via("codes", "c", "a"), via("america", "c"), via("voice", "b")
	germany.To, codes.TemplateType, america.To, voice.Channel = []string{"DE", "+43"}, "login_code_valid", []string{"+1"}, "voice"
	for name, test := range map[string]struct {
		edit func(*courier.Message)
		want string
	}{
		"Country":      {func(m *courier.Message) { m.To, m.Country = "+4915112345678", "DE" }, "b"},
		"Prefix":       {func(m *courier.Message) { m.To = "+436641234567" }, "b"},
		"TemplateType": {func(m *courier.Message) { m.TemplateType = "login_code_valid" }, "c"},
		"Other":        {func(*courier.Message) {}, "c"},
		"Channel":      {func(m *courier.Message) { m.To, m.Channel = "+447700900123", "voice" }, "b"},
		"None":         {func(m *courier.Message) { m.To = "+447700900123" }, "a"},
		"OnlyGateway":  {func(m *courier.Message) { m.Gateway, m.OnlyGateway = "b", true }, "b"},
		"OnlyOneGone":  {func(m *courier.Message) { m.Gateway, m.OnlyGateway = "d", true }, "c"},
		"NoneItsOwn":   {func(m *courier.Message) { m.To, m.Gateway = "+447700900123", "b" }, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := newMemory()
				options, _ := newRouted(memory, germany, codes, america, voice)
				engine := start(t, options)
				pass(time.Second)
				m := newMessage(test.edit)
				enqueue(t, engine, m)
				synctest.Wait()
				if row := memory.message(m.ID); row.Gateway != test.want || row.Status != courier.StatusSent {
					t.Errorf("message is %s through %s, want %s", row.Status, row.Gateway, test.want)
				}
			})
		})
	}
}

// TestRoute_OnlyGatewayWaits has a message stay with the gateway that its caller asked
// for, while the others of its route go on to the next.
func TestRoute_OnlyGatewayWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		options, gateways := newRouted(memory, via("all", "a", "b"))
		var well atomic.Bool
		gateways[0].sendFunc = downUntil(&well)
		engine := start(t, options)
		pass(time.Second)
		m := newMessage(func(m *courier.Message) { m.Gateway, m.OnlyGateway = "a", true })
		enqueue(t, engine, m)
		enqueue(t, engine, newMessages(50)...)
		pass(time.Minute)
		if got := memory.statuses()[courier.StatusSent]; got != 50 {
			t.Errorf("%d of the 50 others were sent", got)
		}
		if row := memory.message(m.ID); row.Status == courier.StatusSent || row.Gateway != "a" {
			t.Errorf("message is %s through %s", row.Status, row.Gateway)
		}
		well.Store(true)
		pass(10 * time.Minute)
		if row := memory.message(m.ID); row.Status != courier.StatusSent || row.Gateway != "a" {
			t.Errorf("message is %s through %s", row.Status, row.Gateway)
		}
	})
}

func TestRoute_WeightsShareTheTraffic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := dispatch.Route{Name: "all", Gateways: []dispatch.RouteGateway{{Gateway: "a", Weight: 3}, {Gateway: "b", Weight: 1}, {Gateway: "c"}}}
		memory := newMemory()
		options, gateways := newRouted(memory, r)
		n := 0.0
		options.RandFunc = func() float64 { n += 0.1234567; return n - float64(int(n)) }
		engine := start(t, options)
		pass(time.Second)
		for range 400 {
			enqueue(t, engine, newMessage())
			synctest.Wait()
		}
		a, b, c := len(gateways[0].sends()), len(gateways[1].sends()), len(gateways[2].sends())
		if a < 290 || a > 310 || a+b != 400 || c != 0 {
			t.Errorf("%d, %d and %d went through gateways of the weights 3, 1 and 0", a, b, c)
		}
	})
}

// TestRoute_ReloadHoldsForWhatIsQueued changes the routes while messages wait for a
// gateway that is no longer in theirs.
func TestRoute_ReloadHoldsForWhatIsQueued(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		options, gateways := newRouted(memory, via("all", "a"))
		var well atomic.Bool
		gateways[0].sendFunc = downUntil(&well)
		engine := start(t, options)
		pass(time.Second)
		enqueue(t, engine, newMessages(300)...)
		pass(time.Minute)
		if got := memory.statuses()[courier.StatusQueued]; got != 300 {
			t.Fatalf("%d of 300 wait", got)
		}
		options.Routes = []dispatch.Route{via("all", "b")}
		if err := engine.Reconfigure(options.Settings); err != nil {
			t.Fatal(err)
		}
		pass(40 * time.Second)
		if sent := len(gateways[1].sends()); sent != 300 {
			t.Errorf("%d of 300 went through the gateway that is theirs now: %v", sent, memory.statuses())
		}
		well.Store(true)
		scheduled := newMessage(func(m *courier.Message) { m.NextAttemptAt = time.Now().Add(time.Hour) })
		enqueue(t, engine, scheduled)
		options.Routes = []dispatch.Route{via("all", "c")}
		if err := engine.Reconfigure(options.Settings); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Hour)
		if row := memory.message(scheduled.ID); row.Gateway != "c" || row.SendCount != 1 {
			t.Errorf("a message that was due later went through %s", row.Gateway)
		}
	})
}

func TestRoute_RefusesWrongSettings(t *testing.T) {
	t.Parallel()
	twice, negative := via("twice", "a", "a"), via("negative", "a")
	negative.Gateways[0].Weight = -1
	for _, r := range []dispatch.Route{via("none"), via("unknown", "z"), twice, negative} {
		options, _ := newRouted(newMemory(), r)
		if _, err := newEngine(options); err == nil {
			t.Errorf("route %q was taken", r.Name)
		}
	}
}

// TestRoute_AResendGoesAnotherWay has a recipient ask again, after a message that did
// not arrive or of which no receipt came.
func TestRoute_AResendGoesAnotherWay(t *testing.T) {
	t.Parallel()
	purpose := func(m *courier.Message) { m.To, m.TemplateType = "+12065550199", "login_code_valid" }
	for name, test := range map[string]struct {
		receipt courier.Status
		after   time.Duration
		edit    func(*courier.Message)
		want    string
	}{
		"Soon":         {"", 10 * time.Second, nil, "a"},
		"Unconfirmed":  {"", 30 * time.Second, nil, "b"},
		"Delivered":    {courier.StatusDelivered, 30 * time.Second, nil, "a"},
		"Undelivered":  {courier.StatusUndelivered, 5 * time.Second, nil, "b"},
		"Later":        {"", 11 * time.Minute, nil, "a"},
		"OtherPurpose": {courier.StatusUndelivered, 5 * time.Second, func(m *courier.Message) { m.TemplateType = "verification_code_valid" }, "a"},
		"OtherPerson":  {courier.StatusUndelivered, 5 * time.Second, func(m *courier.Message) { m.To = number(1) }, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := newMemory()
				options, gateways := newRouted(memory)
				gateways[0].sendFunc = func(_ context.Context, m *courier.Message) courier.Attempt {
					a := accepted()
					a.GatewayMessageID = fmt.Sprint("gw-", m.ID)
					return a
				}
				options.Gateways[0].Receipts = true
				engine := start(t, options)
				pass(time.Second)
				first := newMessage(purpose)
				enqueue(t, engine, first)
				synctest.Wait()
				if test.receipt != "" {
					if _, err := engine.Receipts(t.Context(), []courier.Receipt{{Gateway: "a", GatewayMessageID: fmt.Sprint("gw-", first.ID), Status: test.receipt}}); err != nil {
						t.Fatal(err)
					}
				}
				pass(test.after)
				edit := test.edit
				if edit == nil {
					edit = func(*courier.Message) {}
				}
				again := newMessage(purpose, edit, func(m *courier.Message) { m.Gateway = "" })
				enqueue(t, engine, again)
				synctest.Wait()
				if row := memory.message(again.ID); row.Gateway != test.want {
					t.Errorf("the message went through %s, want %s", row.Gateway, test.want)
				}
			})
		})
	}
}

// TestRoute_ARemovedGatewayLeavesItsMessagesToTheirRoute reloads without a gateway that
// was down.
func TestRoute_ARemovedGatewayLeavesItsMessagesToTheirRoute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		options, gateways := newRouted(memory, via("all", "c"))
		gateways[2].sendFunc = answer(down())
		engine := start(t, options)
		pass(time.Second)
		enqueue(t, engine, newMessages(300)...)
		pass(time.Minute)
		options.Gateways = options.Gateways[:2]
		options.Routes = []dispatch.Route{via("all", "b")}
		if err := engine.Reconfigure(options.Settings); err != nil {
			t.Fatal(err)
		}
		pass(40 * time.Second)
		if sent := len(gateways[1].sends()); sent != 300 {
			t.Errorf("%d of 300 went through the gateway that is theirs now: %v", sent, memory.statuses())
		}
	})
}

// TestRoute_Only gives a gateway to some recipients alone: it gets all that is theirs and
// nothing of others, also when all other gateways are down.
func TestRoute_Only(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory()
		options, gateways := newRouted(memory)
		options.Only = map[string]string{"+12065550150": "c"}
		gateways[0].sendFunc, gateways[1].sendFunc = answer(down()), answer(down())
		engine := start(t, options)
		own := newMessage(func(m *courier.Message) { m.To, m.Gateway, m.OnlyGateway = "+12065550150", "a", true })
		other := newMessage(func(m *courier.Message) { m.Gateway, m.OnlyGateway = "c", false })
		enqueue(t, engine, own, other)
		pass(time.Minute)
		if row := memory.message(own.ID); row.Gateway != "c" || row.Status != courier.StatusSent {
			t.Errorf("its own message is %s through %s", row.Status, row.Gateway)
		}
		if row := memory.message(other.ID); row.Gateway == "c" || row.Status != courier.StatusQueued {
			t.Errorf("the message of another is %s through %s", row.Status, row.Gateway)
		}
	})
}
