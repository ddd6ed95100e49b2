package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"courier/internal/store/postgres/pgtest"
)

// The policies for an attempt whose outcome is unknown.
const (
	resend = "resend"
	hold   = "hold"
)

// database is one of a PostgreSQL server.
type database struct {
	server *pgtest.Databases
	name   string
}

// newDatabase makes an empty database. It goes with its server.
func newDatabase(t *testing.T, server *pgtest.Databases) database {
	t.Helper()
	d := database{server: server, name: "fleet_" + strings.ToLower(rand.Text())}
	if err := server.CreateDatabase(t.Context(), d.name); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d database) dsn() string { return d.server.DSN(d.name) }

// query runs a statement that gives one value.
func (d database) query(t *testing.T, statement string) string {
	t.Helper()
	value, err := d.server.Query(t.Context(), d.name, statement)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// fleet is several couriers on one database, with one gateway.
type fleet struct {
	config  string
	gateway *ledger
	policy  string
	changes []func(*exec.Cmd)

	mu    sync.Mutex
	nodes []*process
	// turn counts the calls of next, shunned is a node that it passes over.
	turn    int
	shunned *process
}

// fleetOptions say what a fleet is.
type fleetOptions struct {
	nodes  int
	dsn    string
	policy string
	// latency is how long the gateway takes to answer.
	latency time.Duration
	// inFlight is the most attempts of a node at one time.
	inFlight int
	// rate is the most attempts of all nodes in a second, 0 for no limit.
	rate int
	// change is done to the command of each courier.
	change func(*exec.Cmd)
}

// plainBinary makes a command run the courier as `make build` builds it, without the race
// detector, where it has much to do.
func plainBinary(t *testing.T) func(*exec.Cmd) {
	t.Helper()
	if !raced {
		return nil
	}
	path := filepath.Join(t.TempDir(), "courier")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the courier: %v\n%s", err, out)
	}
	return func(cmd *exec.Cmd) { cmd.Path = path }
}

func startFleet(t *testing.T, options fleetOptions) *fleet {
	t.Helper()
	gateway := newLedger(t, options.latency)
	keys := fmt.Sprintf("dispatch: { max_in_flight: %d, on_unknown: %s", options.inFlight, options.policy)
	if options.rate > 0 {
		keys += fmt.Sprintf(", max_rate: %d", options.rate)
	}
	f := &fleet{
		config:  writeConfigFile(t, t.TempDir(), configText(options.dsn, gateway.url, keys+" }", "")),
		gateway: gateway,
		policy:  options.policy,
	}
	if options.change != nil {
		f.changes = append(f.changes, options.change)
	}
	for range options.nodes {
		f.nodes = append(f.nodes, startCourier(t, f.config, f.changes...))
	}
	return f
}

// node returns one of the couriers.
func (f *fleet) node(n int) *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nodes[n]
}

// replace starts a courier in the place of one that has ended.
func (f *fleet) replace(t *testing.T, n int) {
	t.Helper()
	p := startCourier(t, f.config, f.changes...)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes[n] = p
}

// shun keeps callers from a node, nil from none.
func (f *fleet) shun(p *process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shunned = p
}

// next returns the courier whose turn it is.
func (f *fleet) next() *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		f.turn++
		if p := f.nodes[f.turn%len(f.nodes)]; p != f.shunned {
			return p
		}
	}
}

// load posts from several callers to all nodes in turn, until the function that
// it returns is called. A caller that is refused goes on with another text.
func (f *fleet) load(t *testing.T) (*load, func()) {
	t.Helper()
	const callers = 8
	posted := newLoad("fleet")
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range callers {
		group.Go(func() { f.post(ctx, posted) })
	}
	stop := func() {
		cancel()
		group.Wait()
	}
	t.Cleanup(stop)
	return posted, stop
}

func (f *fleet) post(ctx context.Context, posted *load) {
	by := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{}}
	defer by.CloseIdleConnections()
	for ctx.Err() == nil {
		text := posted.text()
		body, _ := json.Marshal(map[string]string{"to": "+12065550199", "body": text})
		status, _ := call(context.WithoutCancel(ctx), by, http.MethodPost, f.next().url("/v1/messages"), body)
		if status == http.StatusAccepted {
			posted.acknowledge(text)
		} else {
			<-time.After(10 * time.Millisecond) // so that an outage leaves the processors to others
		}
	}
}

// terminate ends all couriers in order.
func (f *fleet) terminate(t *testing.T) {
	t.Helper()
	for n := range f.nodes {
		p := f.node(n)
		if err := p.terminate(t); err != nil {
			t.Errorf("end of the courier: %v\n%s", err, p.log)
		}
	}
}

// unknownTexts returns the texts of all messages whose outcome is unknown, as the
// API lists them.
func unknownTexts(t *testing.T, p *process) []string {
	t.Helper()
	var texts []string
	for token := ""; ; {
		code, body := get(t, p.url("/v1/messages?page_size=100&status=unknown&page_token="+url.QueryEscape(token)))
		var page struct {
			Messages      []struct{ Body string }
			NextPageToken string `json:"next_page_token"`
		}
		if err := json.Unmarshal(body, &page); code != http.StatusOK || err != nil {
			t.Fatalf("list unknown messages: status %d: %v\n%s", code, err, body)
		}
		for _, message := range page.Messages {
			texts = append(texts, message.Body)
		}
		if token = page.NextPageToken; token == "" {
			return texts
		}
	}
}

// record returns what the API says of the message with a text.
func record(t *testing.T, p *process, text string) string {
	t.Helper()
	for token := ""; ; {
		_, body := get(t, p.url("/v1/messages?page_size=500&page_token="+url.QueryEscape(token)))
		var page struct {
			Messages []struct {
				ID, Body string
			}
			NextPageToken string `json:"next_page_token"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return err.Error()
		}
		for _, m := range page.Messages {
			if m.Body == text {
				_, whole := get(t, p.url("/v1/messages/"+m.ID))
				return string(whole)
			}
		}
		if token = page.NextPageToken; token == "" {
			return "not stored"
		}
	}
}

// audit waits until the queue is empty and compares what was acknowledged with
// what the gateway was handed. At most the attempts that were cut off may have
// an unknown outcome: they are repeated, or with the policy hold they are listed
// as unknown and not repeated.
func (f *fleet) audit(t *testing.T, posted *load, most int) {
	t.Helper()
	p, began := f.node(0), time.Now()
	awaitDrained(t, p)
	drained := time.Since(began).Round(time.Millisecond)
	acknowledged, unknown := posted.acknowledged(), unknownTexts(t, p)
	missing, repeats := f.gateway.missing(acknowledged), f.gateway.repeats()
	t.Logf("%d acknowledged, %d seen by the gateway, %d repeats, %d unknown, at most %d cut off, drained in %v",
		len(acknowledged), f.gateway.seen(), repeats, len(unknown), most, drained)
	if f.policy == hold {
		missing = slices.DeleteFunc(missing, func(text string) bool { return slices.Contains(unknown, text) })
		most -= len(unknown)
		if repeats > 0 {
			t.Errorf("%d messages were repeated although they are to be held", repeats)
		}
	} else if len(unknown) > 0 {
		t.Errorf("%d messages are unknown although they are to be sent again", len(unknown))
	}
	if len(missing) > 0 {
		t.Errorf("%d of %d acknowledged messages never reached the gateway, e.g. %q: %s", len(missing), len(acknowledged), missing[0], record(t, p, missing[0]))
	}
	if repeats > most || most < 0 {
		t.Errorf("%d messages were repeated and %d are unknown, more than were cut off", repeats, len(unknown))
	}
	if overlaps := f.gateway.overlapping(); overlaps > 0 {
		t.Errorf("%d messages were attempted while an attempt was under way", overlaps)
	}
}

// signal sends a signal to the process.
func (p *process) signal(t *testing.T, with syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(with); err != nil {
		t.Fatalf("send %v to the courier: %v", with, err)
	}
}
