package cluster

import (
	"context"
	"time"

	"courier/internal/store"
)

// rerouteSpacing bounds how often word of messages that name no gateway calls
// for a look at them.
const rerouteSpacing = 50 * time.Millisecond

// listen passes what the store tells of messages of others on to the engine, until
// ctx or the channel ends. Some word may be missing: the engine also looks by itself.
func (n *Node) listen(ctx context.Context, wakes <-chan store.Wake) {
	var reroute <-chan time.Time
	var reroutedAt time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case heard, open := <-wakes:
			switch {
			case !open:
				return
			case heard.Gateway != "":
				n.engine.WakeQueue(heard)
			default:
				n.engine.Wake()
				if reroute == nil {
					reroute = time.After(rerouteSpacing - time.Since(reroutedAt))
				}
			}
		case reroutedAt = <-reroute:
			reroute = nil
			n.askReroute()
		}
	}
}
