package main

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// The tests of this file run a courier with default settings against a gateway that
// speaks https, as users' gateways do.

// judge is a gateway over TLS that notes when each recipient's messages came, and
// answers as answerFunc says.
type judge struct {
	server *httptest.Server

	mu         sync.Mutex
	answerFunc func(to string, seen int) int
	arrivals   map[string][]time.Time
	all        []time.Time
	taken      map[string]time.Time
}

// newJudge makes a gateway that listens once it is started.
func newJudge(t *testing.T, answer func(to string, seen int) int) *judge {
	t.Helper()
	j := &judge{answerFunc: answer, arrivals: map[string][]time.Time{}, taken: map[string]time.Time{}}
	j.server = httptest.NewUnstartedServer(j)
	j.server.EnableHTTP2 = true
	t.Cleanup(j.server.Close)
	return j
}

// ServeHTTP implements http.Handler.
func (j *judge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var sent struct{ To string }
	if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	now := time.Now()
	j.mu.Lock()
	status := j.answerFunc(sent.To, len(j.arrivals[sent.To]))
	j.arrivals[sent.To] = append(j.arrivals[sent.To], now)
	j.all = append(j.all, now)
	if _, known := j.taken[sent.To]; !known && status < 300 {
		j.taken[sent.To] = now
	}
	j.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"code":%d}`, status)
}

func (j *judge) set(answer func(to string, seen int) int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.answerFunc = answer
}

func (j *judge) takenCount() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.taken)
}

// since counts the requests from a time on.
func (j *judge) since(from time.Time) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	count := 0
	for _, at := range j.all {
		if at.After(from) {
			count++
		}
	}
	return count
}

// trust lets a courier trust the certificate of the gateway.
func (j *judge) trust(t *testing.T) func(*exec.Cmd) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: j.server.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatalf("write certificate: %v", err)
	}
	return func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+path) }
}

// startAgainst starts the gateway and a courier with default settings that sends to it.
func startAgainst(t *testing.T, j *judge) *process {
	t.Helper()
	j.server.StartTLS()
	return startCourier(t, writeConfig(t, j.server.URL+"/send", ""), j.trust(t))
}

// number is the nth of more recipients than the reserved numbers are. Nothing leaves this machine.
func number(n int) string { return fmt.Sprintf("+1206555%04d", n) }

// sendAll posts a message to each recipient in batches.
func sendAll(t *testing.T, p *process, recipients []string) {
	t.Helper()
	for batch := range slices.Chunk(recipients, 100) {
		messages := make([]map[string]string, len(batch))
		for i, to := range batch {
			messages[i] = map[string]string{"to": to, "body": "Your code is 123456"}
		}
		if status, body := post(t, p.url("/v1/messages/batch"), map[string]any{"messages": messages}); status != http.StatusAccepted {
			t.Fatalf("send batch: status %d: %s", status, body)
		}
	}
}

type seenMessage struct {
	To        string
	Status    string
	LastError struct{ Class, Message string } `json:"last_error"`
}

// list returns all messages of a status.
func list(t *testing.T, p *process, status string) []seenMessage {
	t.Helper()
	var all []seenMessage
	for token := ""; ; {
		_, body := get(t, p.url("/v1/messages?page_size=100&status="+status+"&page_token="+token))
		var page struct {
			Messages      []seenMessage
			NextPageToken string `json:"next_page_token"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatalf("list messages: %v: %s", err, body)
		}
		all = append(all, page.Messages...)
		if token = page.NextPageToken; token == "" {
			return all
		}
	}
}

// The messages of TestServe_RefusedRecipientsHarmNobody, and the default of courier.message_retries.
const (
	neighbours     = 1000
	refused        = neighbours / 20
	defaultRetries = 5
)

// TestServe_RefusedRecipientsHarmNobody lets a gateway refuse one recipient in twenty, each
// time with another status, and in another order. The couriers go on until all have seen
// the refused ones end.
func TestServe_RefusedRecipientsHarmNobody(t *testing.T) {
	t.Parallel()
	orders := []func([]string){
		func(to []string) { rand.Shuffle(len(to), func(i, k int) { to[i], to[k] = to[k], to[i] }) },
		func(to []string) { slices.SortStableFunc(to, func(a, b string) int { return badLast(b) - badLast(a) }) },
		func(to []string) { slices.SortStableFunc(to, func(a, b string) int { return badLast(a) - badLast(b) }) },
		func([]string) {}, // evenly, as they are
	}
	ends := map[int]func(*testing.T){}
	for n, status := range []int{402, 403, 404, 405, 410, 415} {
		ends[status] = serveNeighbours(t, status, orders[n%len(orders)])
	}
	for status, end := range ends {
		t.Run(strconv.Itoa(status), end)
	}
}

// serveNeighbours checks that the good recipients are served before the others have ended,
// and without a stop, and returns what waits for the others and checks them.
func serveNeighbours(t *testing.T, status int, order func([]string)) func(*testing.T) {
	t.Helper()
	j := newJudge(t, func(to string, _ int) int {
		if isBad(to) {
			return status
		}
		return http.StatusCreated
	})
	p := startAgainst(t, j)
	recipients := make([]string, neighbours)
	for i := range recipients {
		recipients[i] = number(i)
	}
	order(recipients)
	sendAll(t, p, recipients)
	waitFor(t, "the good recipients to be served", func() bool { return j.takenCount() == neighbours-refused })
	// Where the refused come first, nobody has shown yet that the gateway takes any.
	if said := p.log.count("gateway does not take messages"); said > 1 {
		t.Errorf("%d: the good recipients waited %d times for a gateway that refused others", status, said)
	}
	if ended := len(list(t, p, "rejected")); ended == refused {
		t.Errorf("%d: the last good recipient was served when the refused ones had ended", status)
	}
	return func(t *testing.T) {
		t.Helper()
		t.Parallel()
		waitFor(t, "the refused ones to end", func() bool { return len(list(t, p, "rejected")) == refused })
		for _, m := range list(t, p, "rejected") {
			if !isBad(m.To) || m.LastError.Class == "" || m.LastError.Message == "" {
				t.Errorf("rejected: %+v", m)
			}
		}
		tries := map[int]int{}
		j.mu.Lock()
		for to, times := range j.arrivals {
			if isBad(to) {
				tries[len(times)]++
			} else if len(times) != 1 {
				t.Errorf("a good recipient was tried %d times", len(times))
			}
		}
		j.mu.Unlock()
		if most := slices.Max(slices.Collect(maps.Keys(tries))); most > defaultRetries+1 {
			t.Errorf("refused recipients by how often they were tried: %v, want at most %d", tries, defaultRetries+1)
		}
		if err := p.terminate(t); err != nil {
			t.Errorf("end of the courier: %v", err)
		}
	}
}

func isBad(to string) bool { return badLast(to) == 1 }

// badLast is 1 for one number in twenty.
func badLast(to string) int {
	if tail := to[len(to)-2:]; tail == "07" || tail == "27" || tail == "47" || tail == "67" || tail == "87" {
		return 1
	}
	return 0
}

// TestServe_GatewayThatRefusesEverybody keeps every message of a gateway that refuses all
// for a while, asks it at most once a second, and sends each once it is well again, once.
func TestServe_GatewayThatRefusesEverybody(t *testing.T) {
	t.Parallel()
	const count = 300
	j := newJudge(t, func(string, int) int { return http.StatusForbidden })
	p := startAgainst(t, j)
	recipients := make([]string, count)
	for i := range recipients {
		recipients[i] = number(i)
	}
	sendAll(t, p, recipients)
	const settled, watched = 5 * time.Second, 10 * time.Second
	<-time.After(settled)
	from := time.Now()
	<-time.After(watched)
	if probes := j.since(from); probes > int(watched/time.Second)+1 || probes == 0 {
		t.Errorf("%d requests in %s, want at most one a second and some", probes, watched)
	}
	for _, status := range []string{"rejected", "abandoned", "expired", "undelivered", "unknown", "sent"} {
		if ended := list(t, p, status); len(ended) > 0 {
			t.Errorf("%d messages are %s", len(ended), status)
		}
	}
	cured := time.Now()
	j.set(func(string, int) int { return http.StatusCreated })
	waitFor(t, "all messages to be sent", func() bool { return j.takenCount() == count })
	if made := j.since(cured); made > count {
		t.Errorf("%d requests after the cure for %d messages", made, count)
	}
}

// TestServe_OutlastsAGatewayThatIsAway sends one message on a quiet system while nobody
// listens at the gateway's port.
func TestServe_OutlastsAGatewayThatIsAway(t *testing.T) {
	t.Parallel()
	j := newJudge(t, func(string, int) int { return http.StatusCreated })
	j.server.StartTLS()
	address := j.server.Listener.Addr().String()
	p := startCourier(t, writeConfig(t, j.server.URL+"/send", ""), j.trust(t))
	j.server.Close()
	sendAll(t, p, []string{number(1)})
	<-time.After(15 * time.Second) // Kratos has given up after six
	if waiting := len(list(t, p, "queued")) + len(list(t, p, "processing")); waiting != 1 {
		t.Fatalf("%d messages wait, want the one\n%s", waiting, p.log)
	}
	certificate := j.server.TLS.Certificates
	listener := listen(t, address)
	back := &http.Server{Handler: j, ReadHeaderTimeout: time.Minute}
	var served sync.WaitGroup
	served.Go(func() {
		_ = back.Serve(tls.NewListener(listener, &tls.Config{Certificates: certificate, MinVersion: tls.VersionTLS12}))
	})
	t.Cleanup(func() { _ = back.Close(); served.Wait() })
	waitFor(t, "the message to be sent", func() bool { return j.takenCount() == 1 })
}

// TestServe_ThrottledCodesArrive sends codes at once to a gateway that takes five a
// second and answers the others with 429. It is not asked again and again.
func TestServe_ThrottledCodesArrive(t *testing.T) {
	t.Parallel()
	const count, rate = 80, 5
	var window time.Time
	inWindow := 0
	j := newJudge(t, func(string, int) int { // it is called under a lock
		if now := time.Now().Truncate(time.Second); now != window {
			window, inWindow = now, 0
		}
		if inWindow++; inWindow > rate {
			return http.StatusTooManyRequests
		}
		return http.StatusCreated
	})
	p := startAgainst(t, j)
	recipients := make([]string, count)
	for i := range recipients {
		recipients[i] = number(i)
	}
	sendAll(t, p, recipients)
	waitFor(t, "all codes to be taken or lost", func() bool {
		return j.takenCount()+len(list(t, p, "abandoned"))+len(list(t, p, "rejected")) >= count
	})
	if taken := j.takenCount(); taken != count {
		t.Errorf("%d of %d codes arrived", taken, count)
	}
	if made := j.since(time.Time{}); made > 3*count {
		t.Errorf("%d requests for %d codes", made, count)
	}
}
