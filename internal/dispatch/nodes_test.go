package dispatch_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"courier"
	"courier/internal/cluster"
	"courier/internal/dispatch"
	"courier/internal/store"
)

// untilEnd answers an attempt when it is called off, as one whose answer was not read.
func untilEnd(ctx context.Context, _ *courier.Message) courier.Attempt {
	<-ctx.Done()
	return unknown()
}

// longTimeout lets attempts take long.
func longTimeout(o *dispatch.Options) { o.Gateways[0].Timeout = time.Hour }

func TestNodes_BeatBeforeTheyLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newShared()
		memory.put(newMessages(3)...)
		began := time.Now()
		a := startPeer(t, memory, "a", newGateway("sms", answer(accepted())), func(o *dispatch.Options) {
			o.ClusterFunc = joining(*o, func(c *cluster.Options) { c.Host, c.VersionFunc = "host-a", func() string { return "v1" } })
			o.Gateways = append([]dispatch.GatewayOptions{optionsOf(newGateway("zulu", answer(accepted())))}, o.Gateways...)
		})
		if memory.count("beat a") != 1 || memory.count("claim") != 0 {
			t.Errorf("%d beats and %d claims during the start, want one beat", memory.count("beat a"), memory.count("claim"))
		}
		pass(10 * time.Second)
		if beats := memory.count("beat a"); beats < 10 || beats > 12 {
			t.Errorf("%d beats in ten seconds", beats)
		}
		got, _ := memory.known("a")
		if got.Host != "host-a" || got.Version != "v1" || !got.StartedAt.Equal(began) || got.Lapse != cluster.DefaultLapse {
			t.Errorf("beat is %+v", got)
		}
		if strings.Join(got.Gateways, " ") != "zulu sms" {
			t.Errorf("gateways are %v, want the first that is configured first", got.Gateways)
		}
		if err := a.Ready(); err != nil {
			t.Error(err)
		}
	})
}

func TestNodes_LeasesOfADeadNodeComeBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edit func(*dispatch.Options)
		want courier.Status
	}{
		"Resend": {func(*dispatch.Options) {}, courier.StatusSent},
		"Hold":   {hold, courier.StatusUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := newShared()
				a := startPeer(t, memory, "a", newGateway("sms", untilEnd), longTimeout)
				pass(time.Second)
				m := newMessage()
				enqueue(t, a.Engine, m)
				b := startPeer(t, memory, "b", newGateway("sms", answer(accepted())), test.edit)
				pass(30 * time.Second)
				wantStatus(t, memory, m, courier.StatusProcessing)
				a.link.fail(store.ErrUnavailable)
				pass(cluster.DefaultLapse - 2*time.Second)
				wantStatus(t, memory, m, courier.StatusProcessing)
				pass(4 * time.Second)
				wantStatus(t, memory, m, test.want)
				if memory.onDuty() != "b" {
					t.Error("the duty did not move")
				}
				a.link.fail(nil)
				pass(10 * time.Second)
				wantStatus(t, memory, m, test.want)
				if a.Ready() != nil || b.Ready() != nil {
					t.Errorf("ready: %v, %v", a.Ready(), b.Ready())
				}
			})
		})
	}
}

// TestNodes_CutOffNodeBlamesNoGateway cuts a node off while many attempts are
// under way: that it calls them off says nothing about the gateway.
func TestNodes_CutOffNodeBlamesNoGateway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newShared()
		a := startPeer(t, memory, "a", newGateway("sms", untilEnd), longTimeout)
		startPeer(t, memory, "b", newGateway("sms", answer(accepted())))
		pass(20 * time.Second)
		for range 8 {
			enqueue(t, a.Engine, newMessage())
		}
		a.link.fail(store.ErrUnavailable)
		pass(cluster.DefaultLapse + time.Second)
		if lines := a.log.lines(t, "gateway does not take messages; they wait and no attempts are spent"); len(lines) != 0 {
			t.Errorf("the gateway is blamed: %v", lines)
		}
		a.link.fail(nil)
		pass(10 * time.Second)
	})
}

// TestNodes_CutOffNodeStopsInTime cuts a node off while attempts are under way
// and others are to begin: by the time another takes the messages over, nothing
// of the first is left.
func TestNodes_CutOffNodeStopsInTime(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(*link){
		"BeatsFail": func(l *link) { l.fail(store.ErrUnavailable) },
		"BeatsHang": (*link).hold,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := newShared()
				slow := newGateway("sms", untilEnd)
				slow.renderFunc = func(_ context.Context, m *courier.Message) error {
					if m.From == "slow" {
						<-time.After(5 * time.Second)
					}
					return nil
				}
				a := startPeer(t, memory, "a", slow, longTimeout)
				startPeer(t, memory, "b", newGateway("sms", answer(accepted())))
				pass(20 * time.Second)
				flying, rendering := newMessage(), newMessage(func(m *courier.Message) { m.From = "slow" })
				enqueue(t, a.Engine, flying, rendering)
				cut(a.link)
				pass(cluster.DefaultLapse - 100*time.Millisecond)
				if a.Ready() == nil {
					t.Error("a node that cannot beat is ready")
				}
				if len(slow.sends()) != 1 || len(slow.busy) != 0 {
					t.Errorf("%d attempts began and %d are under way at the lapse, want one and none", len(slow.sends()), len(slow.busy))
				}
				pass(5 * time.Second)
				wantStatus(t, memory, flying, courier.StatusSent)
				wantStatus(t, memory, rendering, courier.StatusSent)
				a.link.fail(nil)
				if name == "BeatsHang" {
					a.link.release()
				}
				pass(10 * time.Second)
				if err := a.Ready(); err != nil {
					t.Error(err)
				}
				if lines := a.log.lines(t, "this node was not heard of for longer than its lapse, so it was declared dead; "+
					"messages that it held may have been taken over, and it goes on with new ones"); len(lines) != 1 {
					t.Errorf("%d lines say that the node was declared dead, want 1", len(lines))
				}
				late := newMessage()
				enqueue(t, a.Engine, late)
				synctest.Wait()
				if len(slow.sendsOf(late.ID)) != 1 {
					t.Error("the node does not go on")
				}
			})
		})
	}
}

// stoppable is the clock of a machine whose process stands still for a while.
type stoppable struct{ offset atomic.Int64 }

func (c *stoppable) now() time.Time       { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *stoppable) skip(d time.Duration) { c.offset.Add(int64(d)) }

// TestNodes_StoppedProcess lets the clock jump between the claim of messages and
// their attempt, as a process that was stopped and goes on sees it.
func TestNodes_StoppedProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, clock := newShared(), &stoppable{}
		gateway := newGateway("sms", answer(accepted()))
		stopped, goOn := make(chan struct{}), make(chan struct{})
		gateway.renderFunc = func(context.Context, *courier.Message) error {
			if clock.offset.Load() == 0 {
				close(stopped)
				<-goOn
			}
			return nil
		}
		a := startPeer(t, memory, "a", gateway, func(o *dispatch.Options) {
			o.ClusterFunc = joining(*o, func(c *cluster.Options) { c.TickFunc = clock.now })
		})
		pass(time.Second)
		m := newMessage()
		enqueue(t, a.Engine, m)
		<-stopped
		clock.skip(time.Minute)
		close(goOn)
		synctest.Wait()
		if len(gateway.sends()) != 0 {
			t.Error("an attempt was begun before the node had beaten again")
		}
		if row := memory.message(m.ID); row.Status != courier.StatusQueued || row.SendCount != 0 || row.RetryCount != 0 {
			t.Errorf("message is %s after %d attempts, want it given back", row.Status, row.SendCount)
		}
		other := newMessage()
		enqueue(t, a.Engine, other)
		synctest.Wait()
		wantStatus(t, memory, other, courier.StatusQueued)
		pass(2 * time.Second)
		wantStatus(t, memory, m, courier.StatusSent)
		wantStatus(t, memory, other, courier.StatusSent)
	})
}

// TestNodes_LateAnswer lets the answer of a claim arrive when the node has been
// dead to the others and beats again: its messages are another's by then.
func TestNodes_LateAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway := newShared(), newGateway("sms", answer(accepted()))
		a := startPeer(t, memory, "a", gateway)
		other := newGateway("sms", untilEnd)
		b := startPeer(t, memory, "b", other, longTimeout)
		pass(20 * time.Second)
		goOn := a.link.holdAnswers()
		m := newMessage()
		memory.put(m)
		a.Wake()
		synctest.Wait()
		if row := memory.message(m.ID); row.Lease.Node != "a" {
			t.Fatalf("%q holds the message", row.Lease.Node)
		}
		a.link.fail(store.ErrUnavailable)
		pass(10 * time.Second)
		a.link.fail(nil)
		pass(5 * time.Second)
		if a.Ready() != nil || len(other.sendsOf(m.ID)) != 1 {
			t.Fatalf("the other attempts it %d times; ready: %v", len(other.sendsOf(m.ID)), a.Ready())
		}
		goOn()
		pass(time.Second)
		if len(gateway.sends()) != 0 {
			t.Error("the message was attempted by two nodes at the same time")
		}
		if err := b.Ready(); err != nil {
			t.Error(err)
		}
	})
}

// TestNodes_LeasePassed attempts no message whose lease may lapse under way.
func TestNodes_LeasePassed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, gateway, clock := newShared(), newGateway("sms", answer(accepted())), &stoppable{}
		slow := &slowStore{memory: memory, claiming: make(chan struct{}), goOn: make(chan struct{})}
		m := newMessage()
		memory.put(m)
		options := newOptions(slow, gateway)
		options.NowFunc = clock.now
		engine := startBare(t, options)
		<-slow.claiming
		clock.skip(dispatch.DefaultLeaseDuration)
		slow.goOn <- struct{}{}
		<-slow.claiming
		if len(gateway.sends()) != 0 {
			t.Error("a message was attempted after its lease")
		}
		slow.goOn <- struct{}{}
		synctest.Wait()
		wantStatus(t, memory, m, courier.StatusSent)
		stop(t, engine)
	})
}

func TestNodes_OutageOfTheStoreRepeatsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newShared()
		answers := func(context.Context, *courier.Message) courier.Attempt {
			<-time.After(800 * time.Millisecond)
			return accepted()
		}
		peers := []*peer{startPeer(t, memory, "a", newGateway("sms", answers)), startPeer(t, memory, "b", newGateway("sms", answers))}
		pass(20 * time.Second)
		for _, p := range peers {
			enqueue(t, p.Engine, newMessages(50)...)
			p.link.fail(store.ErrUnavailable)
		}
		pass(30 * time.Second)
		peers[0].link.fail(nil)
		pass(3 * time.Second) // the other finds out later
		peers[1].link.fail(nil)
		pass(30 * time.Second)
		if got := memory.statuses()[courier.StatusSent]; got != 100 {
			t.Errorf("%d of 100 sent", got)
		}
		if sent := len(peers[0].gateway.sends()) + len(peers[1].gateway.sends()); sent != 100 {
			t.Errorf("%d attempts for 100 messages", sent)
		}
	})
}

func TestNodes_StopHandsTheDutyOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newShared()
		link := &link{memory: memory}
		options := newOptions(link, newGateway("sms", func(context.Context, *courier.Message) courier.Attempt {
			<-time.After(10 * time.Second)
			return accepted()
		}))
		options.Node = "a"
		a := startBare(t, options)
		startPeer(t, memory, "b", newGateway("sms", answer(accepted())))
		pass(time.Second)
		m := newMessage()
		enqueue(t, a, m)
		pass(time.Second)
		var stopping sync.WaitGroup
		stopping.Go(func() { stop(t, a) })
		pass(8 * time.Second)
		if _, known := memory.known("a"); !known || memory.onDuty() != "a" {
			t.Error("a node with an attempt under way is gone")
		}
		stopping.Wait()
		if _, known := memory.known("a"); known {
			t.Error("a node that stopped did not sign off")
		}
		wantStatus(t, memory, m, courier.StatusSent)
		pass(time.Second + time.Millisecond)
		if memory.onDuty() != "b" {
			t.Error("the duty did not move")
		}
	})
}

func TestNodes_StopWithoutSignOff(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		gateway *fakeGateway
		cut     error
		known   bool
	}{
		"LeaveFails":     {newGateway("sms", answer(accepted())), store.ErrUnavailable, true},
		"LeasesAreLeft":  {newGateway("sms", answer(accepted())), nil, true},
		"NothingIsWrong": {newGateway("sms", answer(accepted())), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory, log := newShared(), &logBuffer{}
				link := &link{memory: memory}
				options := newOptions(link, test.gateway)
				log.install(&options)
				engine := startBare(t, options)
				pass(time.Second)
				link.fail(test.cut)
				if name == "LeasesAreLeft" {
					memory.fail(failOp("settle", store.ErrFull))
					enqueue(t, engine, newMessage())
					synctest.Wait()
				}
				began := time.Now()
				if err := engine.Stop(t.Context()); (err != nil) != (name == "LeasesAreLeft") {
					t.Errorf("stop: %v", err)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("stop took %s", took)
				}
				if _, known := memory.known("node-1"); known != test.known {
					t.Errorf("the node is known: %v, want %v", known, test.known)
				}
				lines := log.lines(t, "could not sign off; the other nodes take over once the last beat has lapsed")
				if (len(lines) == 1) != (test.cut != nil) {
					t.Errorf("%d lines say that the node could not sign off", len(lines))
				}
			})
		})
	}
}

func TestNodes_HousekeepingIsOneNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newShared()
		a := startPeer(t, memory, "a", newGateway("sms", answer(accepted())))
		b := startPeer(t, memory, "b", newGateway("sms", answer(accepted())))
		pass(time.Second)
		expired := memory.count("expire")
		pass(10 * time.Second)
		if got := memory.count("expire") - expired; got < 9 || got > 11 {
			t.Errorf("%d sweeps in ten seconds by two nodes, want ten", got)
		}
		// A sweep that lasts longer than the beats hold ends after the batch under way.
		sweeps := a.link.slowDown(8 * time.Second)
		memory.put(newMessages(1200, func(m *courier.Message) { m.Gateway, m.ExpiresAt = "gone", time.Now() })...)
		pass(time.Second)
		a.link.fail(store.ErrUnavailable)
		pass(2 * time.Second)
		if got := memory.statuses()[courier.StatusExpired]; got != 500 {
			t.Errorf("%d expired, want the first batch", got)
		}
		pass(15 * time.Second)
		if got := memory.statuses()[courier.StatusExpired]; memory.onDuty() != "b" || got != 1200 {
			t.Errorf("%d expired and %q is on duty after the lapse, want all by the other", got, memory.onDuty())
		}
		if got := a.link.slowDown(0) - sweeps; got != 1 {
			t.Errorf("%d batches by the node whose duty moved, want 1", got)
		}
		a.link.fail(nil)
		pass(30 * time.Second)
		if a.Ready() != nil || b.Ready() != nil {
			t.Errorf("ready: %v, %v", a.Ready(), b.Ready())
		}
	})
}

func TestNodes_RerouteKnowsTheGatewaysOfAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newShared()
		a := newGateway("old", answer(accepted()))
		startPeer(t, memory, "a", a)
		link := &link{memory: memory}
		options := newOptions(link, newGateway("new", slowAnswer(down())))
		options.Node = "b"
		b := startBare(t, options)
		pass(time.Second)
		theirs := newMessage(func(m *courier.Message) { m.Gateway = "new" })
		enqueue(t, b, theirs)
		nobodys, gone := newMessage(func(m *courier.Message) { m.Gateway = "" }), newMessage(func(m *courier.Message) { m.Gateway = "gone" })
		memory.put(nobodys, gone)
		pass(30 * time.Second)
		wantStatus(t, memory, nobodys, courier.StatusSent)
		wantStatus(t, memory, gone, courier.StatusSent)
		if row := memory.message(theirs.ID); row.Gateway != "new" {
			t.Errorf("a message of the other node's gateway was given to %q", row.Gateway)
		}
		stop(t, b)
		pass(12 * time.Second)
		wantStatus(t, memory, theirs, courier.StatusSent)
		if len(a.sendsOf(theirs.ID)) != 1 {
			t.Error("the message of a gateway that no node has was not given to the first")
		}
	})
}

// TestNodes_RerouteAfterTheBeat gives the messages of a removed gateway away as
// soon as the beat has said that this node does not have it any more.
func TestNodes_RerouteAfterTheBeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newShared()
		a := startPeer(t, memory, "a", newGateway("old", answer(down())))
		pass(1500 * time.Millisecond)
		m := newMessage(func(m *courier.Message) { m.Gateway = "old" })
		enqueue(t, a.Engine, m)
		synctest.Wait()
		a.link.delay(100 * time.Millisecond)
		next := dispatch.Settings{Gateways: []dispatch.GatewayOptions{optionsOf(newGateway("new", answer(accepted())))}}
		if err := a.Reconfigure(next); err != nil {
			t.Fatal(err)
		}
		pass(50 * time.Millisecond)
		if row := memory.message(m.ID); row.Gateway != "old" {
			t.Error("the message was given away before the other nodes know")
		}
		pass(100 * time.Millisecond)
		if row := memory.message(m.ID); row.Gateway != "new" {
			t.Errorf("the message waits for %q after the beat", row.Gateway)
		}
	})
}

func TestNodes_Wakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newShared()
		startPeer(t, memory, "a", newGateway("sms", answer(accepted())), func(o *dispatch.Options) { o.PollInterval = time.Minute })
		pass(time.Second)
		arrive := func(wake, gateway string, edits ...func(*courier.Message)) *courier.Message {
			m := newMessage(append(edits, func(m *courier.Message) { m.Gateway = gateway })...)
			memory.put(m)
			if wake != "none" {
				memory.wakes <- store.Wake{Gateway: wake}
			}
			pass(time.Millisecond)
			return m
		}
		wantStatus(t, memory, arrive("sms", "sms"), courier.StatusSent)
		wantStatus(t, memory, arrive("", "sms"), courier.StatusSent)
		pass(time.Second)
		wantStatus(t, memory, arrive("", ""), courier.StatusSent)
		looks := memory.count("reroute")
		for range 10 {
			arrive("", "")
		}
		pass(time.Second)
		if more := memory.count("reroute") - looks; more > 2 || memory.statuses()[courier.StatusSent] != 13 {
			t.Errorf("%d looks for 10 messages of no gateway: %v", more, memory.statuses())
		}
		claims := memory.count("claim")
		arrive("elsewhere", "elsewhere", func(m *courier.Message) { m.NextAttemptAt = time.Now().Add(time.Hour) })
		if more := memory.count("claim") - claims; more != 0 {
			t.Errorf("%d claims for a message of another node's gateway", more)
		}
		close(memory.wakes)
		missed := arrive("none", "sms")
		wantStatus(t, memory, missed, courier.StatusQueued)
		pass(time.Minute)
		wantStatus(t, memory, missed, courier.StatusSent)
	})
}

func TestNodes_LapsedLeasesComeBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newShared()
		a := startPeer(t, memory, "a", newGateway("sms", answer(accepted())))
		pass(10 * time.Second)
		lease := func(m *courier.Message) {
			m.Status = courier.StatusProcessing
			m.Lease = courier.Lease{Node: "a", Token: 1, Until: time.Now().Add(5 * time.Second)}
		}
		lost := newMessage(lease)
		memory.put(lost)
		pass(4 * time.Second)
		wantStatus(t, memory, lost, courier.StatusProcessing)
		pass(3 * time.Second)
		wantStatus(t, memory, lost, courier.StatusSent)

		// What waits to be written is not overtaken.
		memory.fail(failOp("settle", store.ErrUnavailable))
		waiting := newMessage()
		enqueue(t, a.Engine, waiting)
		pass(3 * dispatch.DefaultLeaseDuration)
		memory.fail(nil)
		pass(30 * time.Second)
		if row := memory.message(waiting.ID); row.Status != courier.StatusSent || row.SendCount != 1 {
			t.Errorf("message is %s after %d attempts, want one", row.Status, row.SendCount)
		}
	})
}

// TestNodes_ClockJumpsOnASoleNode sets the clock forward by more than a lease while
// a message is attempted: nobody else can have it, so it is not taken back.
func TestNodes_ClockJumpsOnASoleNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, clock, answered := newMemory(), &stoppable{}, make(chan struct{})
		gateway := newGateway("sms", func(context.Context, *courier.Message) courier.Attempt {
			<-answered
			return accepted()
		})
		options := newOptions(memory, gateway)
		options.NowFunc = clock.now
		longTimeout(&options)
		engine := start(t, options)
		m := newMessage()
		enqueue(t, engine, m)
		synctest.Wait()
		clock.skip(24 * time.Hour)
		pass(5 * time.Second)
		if got := len(gateway.sendsOf(m.ID)); got != 1 {
			t.Errorf("the message was attempted %d times at once", got)
		}
		close(answered)
		pass(time.Second)
		wantStatus(t, memory, m, courier.StatusSent)
	})
}

func TestNodes_TokensAreGiven(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := newShared()
		var last atomic.Int64
		a := startPeer(t, memory, "a", newGateway("sms", untilEnd), longTimeout, func(o *dispatch.Options) {
			o.TokenFunc = func() int64 { return 1000 + last.Add(1) }
		})
		b := startPeer(t, memory, "b", newGateway("sms", untilEnd), longTimeout)
		pass(time.Second)
		first, second := newMessage(), newMessage()
		enqueue(t, a.Engine, first)
		enqueue(t, b.Engine, second)
		if token := memory.message(first.ID).Lease.Token; token != 1001 {
			t.Errorf("token is %d, want that of the function", token)
		}
		if token := memory.message(second.ID).Lease.Token; token < 1 || token == 1001 {
			t.Errorf("token is %d, want a random one above 0", token)
		}
	})
}

func TestNew_LapseOutlastsBeats(t *testing.T) {
	t.Parallel()
	options := newOptions(newMemory(), newGateway("sms", answer(accepted())))
	options.ClusterFunc = joining(options, func(c *cluster.Options) { c.BeatInterval, c.Lapse = time.Second, 2*time.Second })
	if _, err := newEngine(options); err == nil || !strings.Contains(err.Error(), "lapse") {
		t.Errorf("got %v, want what is wrong with the lapse", err)
	}
}

// TestEngine_UnsentAttemptIsNoRetry ends the grace time while a connection is made.
func TestEngine_UnsentAttemptIsNoRetry(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		attempt courier.Attempt
		sends   int
	}{"Unsent": {refused(), 0}, "Answered": {failing(), 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := newMemory()
				options := newOptions(memory, newGateway("sms", func(ctx context.Context, _ *courier.Message) courier.Attempt {
					<-ctx.Done()
					return test.attempt
				}))
				options.GracePeriod = time.Second
				engine := startBare(t, options)
				pass(time.Second)
				m := newMessage()
				enqueue(t, engine, m)
				synctest.Wait()
				stop(t, engine)
				row := memory.message(m.ID)
				if row.Status != courier.StatusQueued || row.RetryCount != test.sends || row.SendCount != test.sends {
					t.Errorf("message is %s with %d retries after %d attempts, want %d", row.Status, row.RetryCount, row.SendCount, test.sends)
				}
			})
		})
	}
}

func TestNodes_FailedStartSignsOff(t *testing.T) {
	t.Parallel()
	memory := newShared()
	memory.fail(failOp("reroute", store.ErrReadOnly))
	engine, err := newEngine(newOptions(&link{memory: memory}, newGateway("sms", answer(accepted()))))
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(t.Context()); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("start says %v, want the fault", err)
	}
	if _, known := memory.known("node-1"); known {
		t.Error("a node whose start failed did not sign off")
	}
}
