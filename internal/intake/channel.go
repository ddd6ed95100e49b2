package intake

import (
	"strings"

	"courier"
)

// channel returns the channel of the given id, the default one for none.
func (p *Policy) channel(id string) (Channel, error) {
	if id == "" {
		id = courier.DefaultChannel
	}
	names := make([]string, 0, len(p.Channels))
	for _, channel := range p.Channels {
		if channel.ID == id {
			return channel, nil
		}
		names = append(names, channel.ID)
	}
	if id == courier.DefaultChannel {
		return Channel{}, &courier.Error{Code: courier.CodeSMSDisabled, Field: "channel", Message: "sending text messages is not configured; " +
			"set courier.sms.enabled and courier.sms.request_config, or a channel with the id sms in courier.channels"}
	}
	known := "none is configured"
	if len(names) > 0 {
		known = "use " + strings.Join(names, " or ") + ", or leave it out"
	}
	return Channel{}, &courier.Error{
		Code: courier.CodeUnknownChannel, Field: "channel",
		Message: "no channel has this id; " + known,
	}
}
