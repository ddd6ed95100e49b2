package sqlite_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"courier"
	"courier/internal/store"
	"courier/internal/store/sqlite"
	"courier/internal/store/storetest"
)

// enqueueForEver stores messages from several goroutines and prints the id of
// each when it is acknowledged. Every third one is claimed, and some are settled.
func enqueueForEver(ctx context.Context, s *sqlite.Store) {
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for n := 1; ; n++ {
				if err := enqueueOne(ctx, s, n); err != nil {
					say(err)
					return
				}
			}
		})
	}
	group.Wait()
}

func enqueueOne(ctx context.Context, s *sqlite.Store, n int) error {
	var id courier.ID
	now := time.Now()
	_, err := rand.Read(id[:])
	if err != nil {
		return err
	}
	_, err = s.Enqueue(ctx, []*courier.Message{{
		ID: id, Status: courier.StatusQueued, Gateway: "sms", To: "+12065550199", Body: strings.Repeat("x", 300), CreatedAt: now,
	}})
	if err != nil {
		return err
	}
	say(id)
	if n%3 != 0 {
		return nil
	}
	claimed, err := s.Claim(ctx, store.Claim{Gateway: "sms", Node: "child", Now: now, LeaseUntil: now.Add(time.Minute), Limit: 2})
	if err != nil || n%2 == 0 {
		return err
	}
	_, err = s.Settle(ctx, sent(claimed))
	return err
}

// TestStore_SurvivesKill kills a process that stores messages without a pause:
// each acknowledged one is there afterwards, and no lease is left after Reclaim.
func TestStore_SurvivesKill(t *testing.T) {
	t.Parallel()
	path, acknowledged := newPath(t), map[string]bool{}
	first := open(t, path)
	follower := storetest.Follow(t, first)
	closeStore(t, first)
	for round := range 5 {
		killWhileEnqueueing(t, path, 200+300*round, acknowledged)
		s := open(t, path)
		now := time.Now()
		if _, err := s.Reclaim(t.Context(), store.Reclaim{Node: "child", Now: now}); err != nil {
			t.Fatal(err)
		}
		if stats, err := s.Stats(t.Context(), now); err != nil || stats.Processing != 0 {
			t.Errorf("after Reclaim: %+v, %v", stats, err)
		}
		for text := range acknowledged {
			id, err := courier.ParseID(text)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.Message(t.Context(), id); err != nil {
				t.Errorf("acknowledged message %s: %v", text, err)
			}
		}
		// What was committed left its events, and nothing else did.
		follower.On(s).Check(t)
		closeStore(t, s)
	}
}

// killWhileEnqueueing kills a child when it has acknowledged a number of messages,
// and adds all that it acknowledged until then.
func killWhileEnqueueing(t *testing.T, path string, count int, acknowledged map[string]bool) {
	t.Helper()
	command := child(t, "enqueue", path)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		line := lines.Text()
		if line == "open" {
			continue
		}
		if len(line) != 36 {
			t.Errorf("child says %q", line)
			continue
		}
		acknowledged[line] = true
		if count--; count == 0 {
			kill(t, command)
		}
	}
	if err := command.Wait(); err == nil {
		t.Error("child ended by itself")
	}
}

func kill(t *testing.T, command *exec.Cmd) {
	t.Helper()
	if err := command.Process.Kill(); err != nil {
		t.Errorf("kill child: %v", err)
	}
}
