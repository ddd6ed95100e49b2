package dispatch

import (
	"context"
	"time"
)

// rerouteSpacing bounds how often word of messages that name no gateway calls
// for a look at them.
const rerouteSpacing = 50 * time.Millisecond

// heed passes what the store tells of messages of others on to the lanes, until
// ctx or the channel ends. Some word may be missing: the lanes also look by
// themselves.
func (e *Engine) heed(ctx context.Context, wakes <-chan string) {
	var reroute <-chan time.Time
	var reroutedAt time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case gateway, open := <-wakes:
			switch {
			case !open:
				return
			case gateway != "":
				e.wakeLane(gateway)
			default:
				e.Wake()
				if reroute == nil {
					reroute = time.After(rerouteSpacing - time.Since(reroutedAt))
				}
			}
		case reroutedAt = <-reroute:
			reroute = nil
			e.keeper.requestReroute()
		}
	}
}

// wakeLane makes the lane of a gateway look for due messages. Those of a gateway
// that this node does not have are another's.
func (e *Engine) wakeLane(gateway string) {
	if l, known := e.route.Load().lanes[gateway]; known {
		l.note(e.now(), false)
	}
}
