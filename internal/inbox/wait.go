package inbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// defaultWait and maxWait are how long a wait for a code takes at most.
	defaultWait = 30 * time.Second
	maxWait     = 10 * time.Minute
)

// code waits for a one-time code and writes it, as a text, or as the whole message for
// whom Accept names JSON. Without ?since= it is one that no wait was given before.
func (i *Inbox) code(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	timeout, since, err := i.readWait(query.Get("timeout"), query.Get("since"))
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	stayOpen(w)
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		change, open := i.changes.wait()
		if message, found := i.take(query.Get("to"), since); found {
			writeCode(w, r, &message)
			return
		}
		if !open {
			problem(w, http.StatusServiceUnavailable, "the inbox is stopping")
			return
		}
		select {
		case <-change:
		case <-timer.C:
			problem(w, http.StatusNotFound, i.Explain(query.Get("to"), timeout))
			return
		case <-r.Context().Done():
			return
		}
	}
}

// readWait reads how long to wait, and since when a code may have come.
func (i *Inbox) readWait(timeout, since string) (wait time.Duration, from time.Time, err error) {
	wait = defaultWait
	if timeout != "" {
		if wait, err = time.ParseDuration(timeout); err != nil || wait < 0 || wait > maxWait {
			return 0, from, fmt.Errorf("timeout is no duration from 0s to %s, such as 30s", maxWait)
		}
	}
	if since == "" {
		return wait, from, nil
	}
	if ago, wrong := time.ParseDuration(since); wrong == nil {
		return wait, i.options.NowFunc().Add(-ago), nil
	}
	if from, err = time.Parse(time.RFC3339Nano, strings.ReplaceAll(since, " ", "+")); err != nil {
		return 0, from, fmt.Errorf("since is neither a duration such as 1m nor a time such as 2026-01-02T15:04:05Z")
	}
	return wait, from, nil
}

// take returns the newest message with a code to a recipient, to anybody for "". Only one
// that came since a time counts, or for none, one that was not taken before.
func (i *Inbox) take(to string, since time.Time) (Message, bool) {
	for _, request := range slices.Backward(i.Requests()) {
		kept := noteOf(&request)
		message := Message{Status: request.Status}
		switch {
		case !since.IsZero() && request.ReceivedAt.Before(since):
			return Message{}, false
		case kept.code == "" || !message.Arrived() || to != "" && kept.phone != phoneOf(to):
			continue
		}
		i.mu.Lock()
		taken := kept.waited
		kept.waited = true
		i.mu.Unlock()
		if taken && since.IsZero() {
			return Message{}, false // the older ones are out of date
		}
		return i.message(&request), true
	}
	return Message{}, false
}

func writeCode(w http.ResponseWriter, r *http.Request, message *Message) {
	if strings.Contains(r.Header.Get("Accept"), "json") {
		writeJSON(w, "application/json", http.StatusOK, message)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = fmt.Fprintln(w, message.Code)
}

// Explain says, for who waited in vain for a code, what came instead.
func (i *Inbox) Explain(to string, waited time.Duration) string {
	whom := "anybody"
	if to != "" {
		whom = to
	}
	text := fmt.Sprintf("no code for %s came within %s: ", whom, waited)
	messages := i.Messages()
	others := 0
	for n := range slices.Backward(messages) {
		last := &messages[n]
		switch {
		case to != "" && !last.IsTo(to):
			others++
		case last.Status == 0:
			return text + "the gateway had a message for it and did not answer"
		case !last.Arrived():
			return text + fmt.Sprintf("the gateway answered %d to the last message for it", last.Status)
		case last.Code == "":
			return text + fmt.Sprintf("the last message for it has no code in it: %q", excerpt(last.Text))
		default:
			ago := max(i.options.NowFunc().Sub(last.ReceivedAt), 0).Round(time.Second)
			return text + fmt.Sprintf("the last one came %s ago, and a wait was given it; since=%s gives it again", ago, ago+time.Second)
		}
	}
	switch others {
	case 0:
		return text + "no message came at all; does the courier send to this inbox?"
	case 1:
		return text + "1 message came, to " + messages[0].To
	}
	return text + fmt.Sprintf("%d messages came to others, the last to %s", others, messages[len(messages)-1].To)
}

// excerpt is the beginning of a text.
func excerpt(text string) string {
	const most = 100
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}
