package couriertest_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"courier"
	"courier/client"
	"courier/couriertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const to = "+12065550100"

// TestStart_Parallel starts a hundred couriers side by side, each of which gets its own code.
// BenchmarkStart shows how long that takes.
func TestStart_Parallel(t *testing.T) {
	t.Parallel()
	for i := range 100 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			readCode(t, fmt.Sprintf("%06d", i))
		})
	}
}

// readCode starts a courier, and sends and reads a code.
func readCode(tb testing.TB, want string) {
	tb.Helper()
	sms := couriertest.Start(tb)
	sms.Send(tb, to, "Your code is "+want)
	if code := sms.WaitCode(tb, to); code != want {
		tb.Errorf("WaitCode() = %q, want %q", code, want)
	}
}

// BenchmarkStart starts a hundred couriers, as many side by side as parallel tests are, and
// reports how long each took from Start to its code: half of them, and the slowest.
func BenchmarkStart(b *testing.B) {
	var took []time.Duration
	for b.Loop() {
		var mu sync.Mutex
		var all sync.WaitGroup
		beside := make(chan struct{}, runtime.GOMAXPROCS(0))
		for range 100 {
			beside <- struct{}{}
			all.Go(func() {
				defer func() { <-beside }()
				began := time.Now()
				readCode(b, "123456")
				mu.Lock()
				defer mu.Unlock()
				took = append(took, time.Since(began))
			})
		}
		all.Wait()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms/slowest")
}

// TestStart_Leftovers wants no file of a courier, neither where the test runs nor in the
// temporary folder.
func TestStart_Leftovers(t *testing.T) {
	temporary, working := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Chdir(working)
	t.Run("Courier", func(t *testing.T) {
		sms := couriertest.Start(t)
		sms.Send(t, to, "123456")
		sms.WaitCode(t, to)
	})
	for _, dir := range []string{temporary, working} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("left %v, %v", entries, err)
		}
	}
}

// TestCourier_HTTP sends as code under test does, and reads each message once.
func TestCourier_HTTP(t *testing.T) {
	t.Parallel()
	sms := couriertest.Start(t, "courier: { sms: { from: ACME } }", "recipients: { default_region: US }")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c, err := client.New(client.Options{BaseURL: sms.URL, HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"Hello", "Your code is 111111", "222-222 is your code"} {
		if _, err := c.Send(t.Context(), client.SendRequest{To: "206 555 0100", Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	codes := []string{sms.WaitCode(t, to), sms.WaitCode(t, "+1 206 555 0100")}
	slices.Sort(codes)
	if !slices.Equal(codes, []string{"111111", "222222"}) {
		t.Errorf("codes %v", codes)
	}
	if all := sms.Messages(); len(all) != 3 || all[0].To != to || all[0].From != "Courier" || all[0].ReceivedAt.IsZero() {
		t.Errorf("Messages() = %+v", all)
	}
}

// TestCourier_Fail has the gateway fail in every way, and what the courier makes of it.
func TestCourier_Fail(t *testing.T) {
	t.Parallel()
	sms := couriertest.Start(t, "dispatch: { timeout: 50ms }")
	sms.FailNext(couriertest.Failure{Status: 503, Body: "busy"}, couriertest.Failure{Reset: true}, couriertest.Failure{Hang: true}, couriertest.Failure{})
	sent := sms.Send(t, to, "123456")
	sms.WaitCode(t, to)
	m, attempts, err := sms.Courier.Message(t.Context(), sent.ID)
	for err == nil && m.Status == courier.StatusProcessing {
		runtime.Gosched()
		m, attempts, err = sms.Courier.Message(t.Context(), sent.ID)
	}
	if err != nil || m.Status != courier.StatusSent || len(attempts) != 5 || attempts[0].HTTPStatus != 503 || attempts[3].HTTPStatus != 503 {
		t.Errorf("Message() = %+v, %+v, %v", m, attempts, err)
	}
	sms.Fail(couriertest.Failure{Status: http.StatusUnauthorized})
	sms.Send(t, to, "654321")
	tb := &tb{TB: t}
	tb.run(func() { sms.WaitCode(tb, to) })
	if !strings.Contains(tb.fatal, "no such message to "+to+" came within") || !strings.Contains(tb.fatal, "the gateway answered 401 Unauthorized") {
		t.Errorf("WaitCode() says %q", tb.fatal)
	}
	sms.Recover()
	if code := sms.WaitCode(t, to); code != "654321" {
		t.Errorf("WaitCode() = %q", code)
	}
}

// TestStart_Faults shows that a test hears what is wrong with it.
func TestStart_Faults(t *testing.T) {
	t.Parallel()
	first, second := &tb{TB: t}, &tb{TB: t}
	first.run(func() { couriertest.Start(first, "log: { level: loud }") })
	sms := couriertest.Start(t)
	second.run(func() { sms.Send(second, "12", "x") })
	for says, got := range map[string]string{"configure the courier: ": first.fatal, "log.level": first.fatal, "send message: to: ": second.fatal} {
		if !strings.Contains(got, says) {
			t.Errorf("says %q, want %q", got, says)
		}
	}
}

// tb is a test that may fail. Its context ends soon.
type tb struct {
	testing.TB

	fatal string
}

// run runs what may end the test.
func (f *tb) run(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	<-done
}

// Fatalf implements couriertest.TB.
func (f *tb) Fatalf(format string, args ...any) {
	f.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// Context implements couriertest.TB.
func (f *tb) Context() context.Context {
	ctx, cancel := context.WithTimeout(f.TB.Context(), 200*time.Millisecond)
	f.Cleanup(cancel)
	return ctx
}
