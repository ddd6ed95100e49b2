package postgres

import (
	"context"
	"encoding/hex"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Notifications carry the name of a gateway and, on a second line, the store that
// sends them, which passes over its own.
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
func (s *Store) Wakes() <-chan string { return s.wakes }

// signature is what follows the gateway in the notifications of a store.
func (s *Store) signature() string { return "\n" + hex.EncodeToString(s.id.Bytes[:]) }

// notifier collects the gateways that other nodes are to be notified of. That is
// done after the commit and by one goroutine, as a commit that notifies waits
// for every other that does.
type notifier struct {
	mutex    sync.Mutex
	gateways map[string]struct{}
	ready    chan struct{}
}

func (n *notifier) add(gateway string) {
	n.mutex.Lock()
	n.gateways[gateway] = struct{}{}
	n.mutex.Unlock()
	select {
	case n.ready <- struct{}{}:
	default:
	}
}

// take returns what was collected, and forgets it.
func (n *notifier) take() []string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	gateways := slices.Collect(maps.Keys(n.gateways))
	clear(n.gateways)
	return gateways
}

// tellOthers sends notifications until the context ends, each gateway at most
// once in wakeEvery. One that fails is not repeated: it is a hint.
func (s *Store) tellOthers(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.notifier.ready:
		}
		err := s.once(ctx, readWriter, func(ctx context.Context, on *session, _ bool) error {
			return on.exec(ctx, "Notify", s.notifier.take(), s.signature())
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
	s.wake("") // what was missed while nobody listened
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
		return on.exec(ctx, "Notify", []string{""}, s.signature()+pingMark)
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
	gateway, sender, _ := strings.Cut(payload, "\n")
	if "\n"+sender != s.signature() && !strings.HasSuffix(sender, pingMark) {
		s.wake(gateway)
	}
}

// wake tells the process of a gateway. When it does not listen, it has enough to do.
func (s *Store) wake(gateway string) {
	select {
	case s.wakes <- gateway:
	default:
	}
}
