package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The answers of a provider that took a message, which it calls by an id of its own.
// That of Twilio has the fields of the real one.
const (
	gatewayAnswer = `{"id":"SM%032x","status":"queued","segments":1}`
	twilioAnswer  = `{"sid":"SM%032x","account_sid":"` + twilioAccount + `","api_version":"2010-04-01","body":"Your login",` +
		`"date_created":"Wed, 25 Nov 2026 12:00:00 +0000","date_sent":null,"date_updated":"Wed, 25 Nov 2026 12:00:00 +0000",` +
		`"direction":"outbound-api","error_code":null,"error_message":null,"from":"+12065550110","messaging_service_sid":null,` +
		`"num_media":"0","num_segments":"1","price":null,"price_unit":null,"status":"queued","to":"+12065550100"}`
)

// gateway is the provider: it reads a request whole, waits for its latency and
// answers 201. It counts what arrives in rounds; each begins with /hold or /open.
type gateway struct {
	current atomic.Pointer[round]
	seen    ledger
	bodies  sync.Pool
}

// round counts the requests from one moment on.
type round struct {
	// answers is closed once requests are answered; until then they wait.
	answers chan struct{}
	latency time.Duration
	// repeats says whether requests that came before count too.
	repeats bool
	want    int64
	counted atomic.Int64
	inside  atomic.Int64
	most    atomic.Int64
	reached chan time.Time
	first   atomic.Pointer[string]
}

// tally is what the gateway tells of a round.
type tally struct {
	// At is when the wanted number was reached, in nanoseconds since 1970.
	At int64 `json:"at"`
	// Most is the largest number of requests that were there at once.
	Most int64 `json:"most"`
	// Distinct counts the messages since the gateway began, and Repeated the
	// requests for a message that had come before.
	Distinct int64 `json:"distinct"`
	Repeated int64 `json:"repeated"`
	// First is the first request of the round.
	First string `json:"first"`
}

// serveGateway writes its certificate to a file, prints its addresses, one a
// wire, and serves until its input ends. Argument: the file.
func serveGateway(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("the gateway got the arguments %q", args)
	}
	certificate, err := newCertificate(args[0])
	if err != nil {
		return err
	}
	g := &gateway{bodies: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
	g.begin(newRound(true, 0, 0))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /send", g.send(gatewayAnswer))
	mux.HandleFunc("POST "+twilioPath, g.send(twilioAnswer))
	mux.HandleFunc("POST /hold", g.control)
	mux.HandleFunc("POST /open", g.control)
	mux.HandleFunc("GET /tally", g.tally)
	var servers []*http.Server
	var serving sync.WaitGroup
	for _, w := range wires() {
		listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // the whole life of a process
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		server := &http.Server{Handler: mux, ReadHeaderTimeout: requestTimeout, TLSConfig: w.serverConfig(certificate)}
		servers = append(servers, server)
		serving.Go(func() { // Serve ends only by Close
			if server.TLSConfig == nil {
				_ = server.Serve(listener)
			} else {
				_ = server.ServeTLS(listener, "", "")
			}
		})
		if _, err := fmt.Fprintln(out, listener.Addr()); err != nil {
			return fmt.Errorf("tell the address: %w", err)
		}
	}
	<-untilEnd(in)
	for _, server := range servers {
		_ = server.Close()
	}
	serving.Wait()
	return nil
}

func newRound(open bool, latency time.Duration, want int64) *round {
	r := &round{answers: make(chan struct{}), latency: latency, repeats: !open, want: want, reached: make(chan time.Time, 1)}
	if open {
		close(r.answers)
	}
	return r
}

// begin makes a round the current one and lets the one before answer if the new one does.
func (g *gateway) begin(next *round) {
	before := g.current.Swap(next)
	if before != nil && !before.open() && next.open() {
		close(before.answers)
	}
}

func (r *round) open() bool {
	select {
	case <-r.answers:
		return true
	default:
		return false
	}
}

// send returns a handler that takes one message.
func (g *gateway) send(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) { g.take(w, request, answer) }
}

func (g *gateway) take(w http.ResponseWriter, request *http.Request, answer string) {
	body, ok := g.bodies.Get().(*bytes.Buffer)
	if !ok {
		return
	}
	defer g.bodies.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(request.Body); err != nil {
		return
	}
	r, number := g.current.Load(), messageNumber(body.Bytes())
	r.arrive(request, body.Bytes(), g.seen.mark(number))
	defer r.inside.Add(-1)
	select {
	case <-r.answers:
	case <-request.Context().Done():
		return
	}
	if latency := g.current.Load().latency; latency > 0 {
		timer := time.NewTimer(latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-request.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	const spread = 0x9e3779b97f4a7c15                    // ids are not in order, and no two are the same
	_, _ = fmt.Fprintf(w, answer, uint64(number)*spread) //nolint:gosec // -1 wraps
}

// arrive counts a request, and notes the moment if it is the wanted one.
func (r *round) arrive(request *http.Request, body []byte, fresh bool) {
	raise(&r.most, r.inside.Add(1))
	if !fresh && !r.repeats {
		return
	}
	counted := r.counted.Add(1)
	if counted == 1 {
		text := requestText(request, body)
		r.first.Store(&text)
	}
	if counted == r.want {
		r.reached <- time.Now()
	}
}

// raise makes a value at least as large as another.
func raise(value *atomic.Int64, least int64) {
	for {
		now := value.Load()
		if now >= least || value.CompareAndSwap(now, least) {
			return
		}
	}
}

// requestText writes a request down, so that two can be compared.
func requestText(request *http.Request, body []byte) string {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s %s\n", request.Method, request.URL.Path, request.Proto)
	_ = request.Header.Write(&out)
	out.WriteByte('\n')
	out.Write(body)
	return out.String()
}

// control begins a round: /hold?count=N keeps all requests waiting, and
// /open?count=N&latency=D answers them.
func (g *gateway) control(w http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	want, err := strconv.ParseInt(query.Get("count"), 10, 64)
	if err != nil {
		http.Error(w, "count is no number", http.StatusBadRequest)
		return
	}
	latency, _ := time.ParseDuration(query.Get("latency"))
	g.begin(newRound(request.URL.Path == "/open", latency, want))
}

// stallAfter is how long nothing may arrive before a wait is given up.
const stallAfter = 30 * time.Second

// tally answers once the wanted number of the round has arrived, or that it
// will not.
func (g *gateway) tally(w http.ResponseWriter, request *http.Request) {
	r := g.current.Load()
	stall := time.NewTicker(stallAfter)
	defer stall.Stop()
	for counted := r.counted.Load(); ; {
		select {
		case at := <-r.reached:
			told := tally{At: at.UnixNano(), Most: r.most.Load()}
			told.Distinct, told.Repeated = g.seen.count()
			if first := r.first.Load(); first != nil {
				told.First = *first
			}
			_ = json.NewEncoder(w).Encode(told)
			return
		case <-stall.C:
			if r.counted.Load() == counted {
				http.Error(w, fmt.Sprintf("nothing came for %v after %d of %d messages", stallAfter, counted, r.want), http.StatusGatewayTimeout)
				return
			}
			counted = r.counted.Load()
		case <-request.Context().Done():
			return
		}
	}
}
