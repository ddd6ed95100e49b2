package webhook

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"courier"
	"courier/internal/store"
)

// Bounds of a feed.
const (
	// scanInterval is how often the store is asked for events.
	scanInterval = 500 * time.Millisecond
	pageSize     = 1000
	// perTargetEvents is how many events of a target are in memory, maxHeld those of all
	// targets, and maxSkipped how many are known to be left in the store as theirs do not
	// answer. Beyond the last two callbacks wait for each other.
	perTargetEvents = 1000
	maxHeld         = 100_000
	maxSkipped      = 100_000
	// maxBusy is the most posts of a feed at one time.
	maxBusy = 256
	// What posts came to is written together: after a crash what was taken is posted again.
	writeInterval  = 100 * time.Millisecond
	maxUnwritten   = 5000
	storeTimeout   = 10 * time.Second
	giveUpInterval = 15 * time.Second
	// lookups is how many messages are read at one time to find out whom to call.
	lookups = 8
)

// feed takes the events of one listener to their targets. One goroutine owns it; its
// posts have goroutines of their own.
type feed struct {
	d        *Deliverer
	listener string
	// callbacks is true for the one that has many targets, each the host of some
	// callback_urls. Others have one.
	callbacks bool
	// name is what metrics call it.
	name    string
	sender  *sender
	targets map[string]*target
	// held are the events in memory, false once they were dealt with.
	held map[int64]bool
	// skipped are the events that were left in the store, with their target.
	skipped map[int64]string
	// highest is the highest Seq that was seen.
	highest int64
	// more is true when the last scan left something in the store.
	more bool
	// nobodys are events that nobody is to be told of, and notices what became of others,
	// by Seq: both are to be written.
	nobodys []store.Event
	notices map[int64]store.Notice
	busy    int
	failed  bool // the last call of the store

	// When what is done next.
	scanAt, writeAt, giveUpAt time.Time

	results chan result
	posts   sync.WaitGroup
}

// result is what a post came to.
type result struct {
	target *target
	stream *stream
	answer answer
}

func newFeed(d *Deliverer, listener string, sender *sender) *feed {
	f := &feed{
		d: d, listener: listener, callbacks: listener == callbackListener, name: sender.endpoint.ID, sender: sender, targets: map[string]*target{},
		held: map[int64]bool{}, notices: map[int64]store.Notice{}, results: make(chan result, maxBusy),
	}
	if f.callbacks {
		f.name = callbackListener
	}
	return f
}

// run goes on until ctx ends or the housekeeping is another node's. Posts have the
// context attempts.
func (f *feed) run(ctx, attempts context.Context) {
	defer f.end(attempts)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil && f.d.options.DutyFunc() {
		now := time.Now()
		if !now.Before(f.scanAt) {
			f.scan(ctx)
		}
		if !now.Before(f.giveUpAt) {
			f.giveUp(ctx, now)
		}
		f.begin(attempts, now)
		if f.unwritten() > 0 && !now.Before(f.writeAt) {
			f.write(ctx)
		}
		timer.Reset(time.Until(f.wakeAt()))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case r := <-f.results:
			f.record(attempts, r)
			for range len(f.results) {
				f.record(attempts, <-f.results)
			}
		}
	}
}

// end waits for the posts under way and writes what they came to.
func (f *feed) end(attempts context.Context) {
	f.posts.Wait()
	close(f.results)
	for r := range f.results {
		f.record(attempts, r)
	}
	f.write(context.WithoutCancel(attempts))
	f.sender.close()
	f.d.metrics.lag.WithLabelValues(f.name).Set(0)
}

// wakeAt returns when there is something to do again, if no post is answered before.
func (f *feed) wakeAt() time.Time {
	at := f.scanAt
	if f.unwritten() > 0 && f.writeAt.Before(at) {
		at = f.writeAt
	}
	if f.busy >= maxBusy || f.unwritten() >= maxUnwritten {
		return at
	}
	for _, t := range f.targets {
		if next, ok := t.wakeAt(); ok && next.Before(at) {
			at = next
		}
	}
	return at
}

// scan reads what is to be told. It begins with the first event each time: two nodes may
// commit out of the order of the numbers. The events of one message are in order, and
// what is in one page was there at one moment. Of an event on a later page, one of the
// same message may have become visible behind the reader. It was there before the scan
// began, though, if this one's number had been given by then, as the changes of a message
// wait for each other; others have time until the next scan.
func (f *feed) scan(ctx context.Context) {
	began := time.Now()
	if f.callbacks || f.room() {
		f.check(ctx, "read the events of webhooks", f.readPages(ctx))
	}
	// A long backlog is not read all the time, nor that of an endpoint that is down.
	wait := max(scanInterval, 10*time.Since(began))
	if t := f.targets[""]; t != nil && t.down() {
		wait = giveUpInterval
	}
	f.scanAt = time.Now().Add(wait)
}

// room reports whether an endpoint has no more in memory than half of what may be there.
func (f *feed) room() bool {
	t := f.targets[""]
	return t == nil || t.events <= perTargetEvents/2
}

func (f *feed) readPages(ctx context.Context) error {
	before, skipped := f.highest, map[int64]string{}
	for after := int64(0); ; {
		page, err := f.events(ctx, after)
		if err != nil {
			return err
		}
		keys, err := f.resolve(ctx, page)
		if err != nil {
			return err
		}
		for i, e := range page {
			if _, held := f.held[e.Seq]; held {
				continue
			}
			if !f.offer(e, keys[i], after == 0 || e.Seq <= before) {
				skipped[e.Seq] = keys[i]
			}
			f.highest = max(f.highest, e.Seq)
		}
		full := len(skipped) >= maxSkipped || !f.callbacks && !f.room()
		if len(page) < pageSize || full {
			f.skipped, f.more = skipped, len(page) == pageSize
			return nil
		}
		after = page[len(page)-1].Seq
	}
}

func (f *feed) events(ctx context.Context, after int64) ([]store.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return f.d.options.Store.Events(ctx, f.listener, after, pageSize)
}

// nobody is the target of an event whose message names no callback_url.
const nobody = "-"

// resolve returns the target of each event: the one of the endpoint, or the host of its
// message's callback_url.
func (f *feed) resolve(ctx context.Context, page []store.Event) ([]string, error) {
	keys := make([]string, len(page))
	if !f.callbacks {
		return keys, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookups)
	for i, e := range page {
		if _, held := f.held[e.Seq]; held {
			continue
		}
		if key, known := f.skipped[e.Seq]; known {
			keys[i] = key
			continue
		}
		group.Go(func() error {
			m, _, err := f.d.options.Store.Message(ctx, e.MessageID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			keys[i] = hostOf(m)
			return nil
		})
	}
	return keys, group.Wait()
}

func hostOf(m *courier.Message) string {
	if m == nil || m.CallbackURL == "" {
		return nobody
	}
	target, err := url.Parse(m.CallbackURL)
	if err != nil {
		return nobody // it was judged at accept
	}
	return target.Scheme + "://" + target.Host
}

// offer takes an event in, and reports whether it is dealt with or in memory.
func (f *feed) offer(e store.Event, key string, inOrder bool) bool {
	if key == nobody {
		f.skip(e)
		return true
	}
	t := f.targets[key]
	if t == nil {
		name := key
		if !f.callbacks {
			name = f.sender.endpoint.ID
		}
		t = newTarget(name)
		f.targets[key] = t
	}
	// What is left makes all that follows be left too: it may be of the same message.
	if !inOrder || t.events >= perTargetEvents || len(f.held) >= maxHeld {
		return false
	}
	f.held[e.Seq] = true
	t.add(e)
	return true
}

// skip notes that nobody is to be told of an event.
func (f *feed) skip(e store.Event) {
	f.writeSoon()
	f.held[e.Seq] = false
	f.nobodys = append(f.nobodys, e)
}

// note notes what became of an event after so many tries more. The fault is that of the
// last one, empty for none.
func (f *feed) note(e store.Event, state store.NoticeState, tries int, fault string) {
	f.writeSoon()
	n := f.notices[e.Seq]
	n.Seq, n.State, n.Tries = e.Seq, state, n.Tries+tries
	if tries > 0 {
		n.TriedAt, n.Fault = f.d.options.NowFunc(), fault
	}
	f.notices[e.Seq] = n
	if state != store.NoticeWaiting {
		f.held[e.Seq] = false
	}
}

func (f *feed) unwritten() int { return len(f.nobodys) + len(f.notices) }

// writeSoon is called before something is to be written.
func (f *feed) writeSoon() {
	if f.unwritten() == 0 {
		f.writeAt = time.Now().Add(writeInterval)
	}
}

// begin posts what is due, as much as there may be under way at once.
func (f *feed) begin(attempts context.Context, now time.Time) {
	for key, t := range f.targets {
		if t.events == 0 && f.callbacks {
			delete(f.targets, key)
		}
		for f.busy < maxBusy && f.unwritten() < maxUnwritten {
			s := t.next(now)
			if s == nil {
				break
			}
			f.busy++
			event := s.events[0]
			f.posts.Go(func() { f.results <- result{t, s, f.sender.post(attempts, event)} })
		}
	}
}

// record notes what a post came to.
func (f *feed) record(ctx context.Context, r result) {
	f.busy--
	t, s, now := r.target, r.stream, time.Now()
	event := s.events[0]
	where := []slog.Attr{slog.String("endpoint", t.name), slog.String("message_id", s.id.String()), slog.String("event", eventPrefix+string(event.To))}
	switch {
	case r.answer.ours:
		f.check(ctx, "read the message of a webhook", errors.New(r.answer.fault))
		t.later(s, now.Add(time.Second))
		return
	case r.answer.gone && !f.callbacks:
		f.d.metrics.posts.WithLabelValues(f.name, "gone").Inc()
		t.refused(s, now, 0)
		f.note(event, store.NoticeWaiting, 1, r.answer.fault)
		if !t.gone {
			t.gone, t.failingSince = true, now
			f.d.logger.LogAttrs(ctx, slog.LevelError, "a webhook wants no more events (410 Gone) and is told of none until the courier starts again or its setting changes; "+
				"remove it from webhooks, or put it right and restart. Events are kept for a day", where...)
		}
	case r.answer.taken, r.answer.gone:
		result, state := "delivered", store.NoticeDelivered
		if r.answer.gone {
			result, state = "gone", store.NoticeGivenUp
		}
		f.d.metrics.posts.WithLabelValues(f.name, result).Inc()
		if downSince := t.taken(s); !downSince.IsZero() {
			f.d.logger.LogAttrs(ctx, slog.LevelInfo, "a webhook takes events again", where[0], slog.Duration("after", now.Sub(downSince)))
			f.scanAt = now
		}
		f.note(event, state, 1, r.answer.fault)
		if f.more && !f.callbacks && f.room() {
			f.scanAt = now
		}
	default:
		f.d.metrics.posts.WithLabelValues(f.name, "failed").Inc()
		where = append(where, slog.String("fault", r.answer.fault))
		f.d.logger.LogAttrs(ctx, slog.LevelDebug, "an event was not taken", where...)
		f.note(event, store.NoticeWaiting, 1, r.answer.fault)
		switch fell := t.refused(s, now, r.answer.retryAfter); {
		case fell:
			f.d.logger.LogAttrs(ctx, slog.LevelWarn, "a webhook does not take events; they are kept for a day and posted again, look at the endpoint", where...)
		case s.failures == downAfter && !t.down(): // few messages, as while somebody sets it up
			f.d.logger.LogAttrs(ctx, slog.LevelWarn, "an event was not taken at the third try either; it is posted again for a day, look at the endpoint", where...)
		}
	}
}

// giveUp drops the events that are too old, and measures how far the others are behind.
func (f *feed) giveUp(ctx context.Context, now time.Time) {
	f.giveUpAt = now.Add(giveUpInterval)
	today := f.d.options.NowFunc()
	lag := time.Duration(0)
	for _, t := range f.targets {
		old := t.giveUp(now, today)
		for _, e := range old {
			f.note(e, store.NoticeGivenUp, 0, "")
		}
		if len(old) > 0 {
			f.d.metrics.posts.WithLabelValues(f.name, "given_up").Add(float64(len(old)))
			f.d.logger.WarnContext(ctx, "events are older than a day and their webhook does not take them: they are given up. Ask the API for the messages that the application misses",
				slog.String("endpoint", t.name), slog.Int("count", len(old)), slog.Time("oldest", old[0].At))
		}
		for _, s := range t.streams {
			lag = max(lag, today.Sub(s.events[0].At))
		}
	}
	f.d.metrics.lag.WithLabelValues(f.name).Set(lag.Seconds())
}

// write writes what became of events.
func (f *feed) write(ctx context.Context) {
	if f.unwritten() == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	var err error
	if len(f.nobodys) > 0 {
		err = f.d.options.Store.Forget(ctx, f.nobodys)
	}
	if err == nil && len(f.notices) > 0 {
		err = f.d.options.Store.RecordNotices(ctx, slices.Collect(maps.Values(f.notices)))
	}
	if !f.check(ctx, "write what became of the events of webhooks", err) {
		f.writeAt = time.Now().Add(time.Second)
		return
	}
	for _, e := range f.nobodys {
		delete(f.held, e.Seq)
	}
	for seq, n := range f.notices {
		if n.State != store.NoticeWaiting {
			delete(f.held, seq)
		}
	}
	f.nobodys = f.nobodys[:0]
	clear(f.notices)
}

// check logs the first of a series of faults of the store, and reports whether there is none.
func (f *feed) check(ctx context.Context, doing string, err error) bool {
	if err != nil && !f.failed && ctx.Err() == nil {
		f.d.logger.WarnContext(ctx, "could not "+doing+"; it is tried again", slog.Any("error", err)) //nolint:sloglint // the callers give constants
	}
	f.failed = err != nil
	return err == nil
}
