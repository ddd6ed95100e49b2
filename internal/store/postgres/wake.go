package postgres

import (
	"context"
	"encoding/hex"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"courier"
	"courier/internal/store"
)

// Notifications carry the name of a gateway, on a second line the store that sends
// them, which passes over its own, and on a third the lane, empty for any.
const (
	wakeChannel   = schema + "_wake"
	wakeLength    = 64
	wakeEvery     = 20 * time.Millisecond
	listenPause   = time.Second
	listenLongest = 30 * time.Second
	// pingFor is how long the first notification, sent to itself, may take.
	pingFor = 5 * time.Second
	// pingMark ends the signature in that notification.
	pingMark = "?"
)

// Wakes implements store.Store.
func (s *Store) Wakes() <-chan store.Wake { return s.wakes }

// signature is what follows the gateway in the notifications of a store.
func (s *Store) signature() string { return hex.EncodeToString(s.id.Bytes[:]) }

// notifier collects the queues that other nodes are to be notified of. That is
// done after the commit and by one goroutine, as a commit that notifies waits
// for every other that does.
type notifier struct {
	mutex sync.Mutex
	wakes map[store.Wake]struct{}
	ready chan struct{}
}

func (n *notifier) add(wake store.Wake) {
	n.mutex.Lock()
	n.wakes[wake] = struct{}{}
	n.mutex.Unlock()
	select {
	case n.ready <- struct{}{}:
	default:
	}
}

// take returns what was collected, and forgets it.
func (n *notifier) take() (gateways, lanes []string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for wake := range n.wakes {
		gateways, lanes = append(gateways, wake.Gateway), append(lanes, string(wake.Lane))
	}
	clear(n.wakes)
	return gateways, lanes
}

// tellOthers sends notifications until the context ends, each gateway and lane at most
// once in wakeEvery. One that fails is not repeated: it is a hint.
func (s *Store) tellOthers(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.notifier.ready:
		}
		err := s.once(ctx, readWriter, func(ctx context.Context, on *session, _ bool) error {
			gateways, lanes := s.notifier.take()
			return on.exec(ctx, "Notify", gateways, lanes, "\n"+s.signature()+"\n")
		}, false)
		if err != nil && !passing(err) && ctx.Err() == nil {
			s.logger.InfoContext(ctx, "the database has no notifications: other nodes find new messages by polling",
				slog.String("database", s.target.name), slog.Any("error", err))
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wakeEvery):
		}
	}
}

// listen hears the notifications of others until the context ends, or it turns
// out that none arrive.
func (s *Store) listen(ctx context.Context) {
	for pause := listenPause; ; pause = min(pause*growthOfPause, listenLongest) {
		heard, err := s.listenOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil || (code(err) != "" && !passing(err)):
			why := "a pooler before the database keeps them back"
			if err != nil {
				why = err.Error()
			}
			s.logger.InfoContext(ctx, "no notifications arrive from the database: messages of other nodes are found by polling",
				slog.String("database", s.target.name), slog.String("cause", why))
			return
		case heard:
			pause = listenPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// listenOnce listens on a connection of its own until that is lost, and reports
// whether it heard anything. A nil error means that notifications do not arrive.
func (s *Store) listenOnce(ctx context.Context) (heard bool, err error) {
	// It belongs to no pool.
	config := s.target.config.ConnConfig.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+wakeChannel); err != nil {
		return false, err
	}
	arrives, err := s.ping(ctx, conn)
	if err != nil || !arrives {
		return false, err
	}
	s.wake(store.Wake{}) // what was missed while nobody listened
	for {
		notification, err := conn.WaitForNotification(ctx)
		if err != nil {
			return true, err
		}
		s.hear(notification.Payload)
	}
}

// ping sends a notification and reports whether it arrives: a pooler before the
// database takes LISTEN and does nothing.
func (s *Store) ping(ctx context.Context, conn *pgx.Conn) (bool, error) {
	err := s.once(ctx, readWriter, func(ctx context.Context, on *session, _ bool) error {
		return on.exec(ctx, "Notify", []string{""}, []string{""}, "\n"+s.signature()+pingMark+"\n")
	}, false)
	if err != nil {
		return false, err
	}
	bounded, cancel := context.WithTimeout(ctx, pingFor)
	defer cancel()
	notification, err := conn.WaitForNotification(bounded)
	switch {
	case err != nil && bounded.Err() != nil && ctx.Err() == nil:
		return false, nil
	case err != nil:
		return false, err
	}
	s.hear(notification.Payload)
	return true, nil
}

// hear passes on a notification of another, unless it only tries whether it arrives.
func (s *Store) hear(payload string) {
	gateway, rest, _ := strings.Cut(payload, "\n")
	sender, lane, _ := strings.Cut(rest, "\n")
	if sender != s.signature() && !strings.HasSuffix(sender, pingMark) {
		s.wake(store.Wake{Gateway: gateway, Lane: courier.Lane(lane)})
	}
}

// wake tells the process of a queue. When it does not listen, it has enough to do.
func (s *Store) wake(wake store.Wake) {
	select {
	case s.wakes <- wake:
	default:
	}
}
