package config

const (
	smsChannel  = "sms"
	smsRequest  = "courier.sms.request_config"
	channelList = "courier.channels"
)

// isOtherChannel reports whether a channel is for another kind of message, so
// that its settings are none of ours. An id that is almost sms is a misspelling.
func isOtherChannel(n *node) bool {
	id, ok := textOf(n.get("id"))
	return ok && id != smsChannel && nearest(id, []string{smsChannel}) == ""
}

// gateways resolves courier.channels and courier.sms into the list of gateways.
func (c *checker) gateways() {
	channel, path := c.channel()
	sms := c.at("courier", "sms")
	switch {
	case channel != nil:
		c.warnBesideChannel(sms, path)
		c.gateway(channel.get("request_config"), joinPath(path, "request_config"))
	case c.config.Courier.SMS.Enabled, c.reported("courier.sms.enabled"):
		c.gateway(sms.get("request_config"), smsRequest)
	case !sms.get("request_config").isNothing():
		c.warn(c.place("courier.sms"), "courier.sms.enabled",
			"the gateway is not used, as courier.sms.enabled is not true: messages are refused; set it to true to send")
	}
}

// channel returns the channel that is used and its path, and tells of the others.
func (c *checker) channel() (used *node, path string) {
	list := c.at("courier", "channels")
	if list == nil || list.kind != listNode {
		return nil, ""
	}
	for i, item := range list.items {
		at := indexPath(channelList, i)
		id, known := textOf(item.get("id"))
		switch {
		case item.kind != mapNode:
		case item.get("id").isNothing():
			c.problem(item.at, joinPath(at, "id"), "the key is missing; expected %q", smsChannel)
		case !known:
		case isOtherChannel(item):
			c.warn(item.get("id").at, joinPath(at, "id"), "only %q is delivered; the channel %q is ignored", smsChannel, clip(id))
		case id != smsChannel:
			c.problem(item.get("id").at, joinPath(at, "id"), "expected %q, got %q", smsChannel, clip(id))
		case used != nil:
			c.warn(item.at, at, "a second channel %q: the first is used, as in Kratos; remove this one, as the list of several gateways (gateways) is not in this version", smsChannel)
		default:
			used, path = item, at
		}
	}
	return used, path
}

func (c *checker) warnBesideChannel(sms *node, path string) {
	if sms.isNothing() || sms.kind != mapNode || len(sms.entries) == 0 {
		return
	}
	if len(sms.entries) == 1 && sms.get("from") != nil {
		return
	}
	c.warn(c.place("courier.sms"), "courier.sms",
		"there is also a channel: the request of %s is used, and only from of courier.sms; remove the rest of courier.sms", path)
}

// gateway checks the request of a gateway that is in use, and adds it when
// nothing is wrong with it.
func (c *checker) gateway(n *node, path string) {
	before := len(c.problems)
	request := requestSpec()
	switch {
	case n.isNothing():
		c.problem(c.place(path), path, "the key is missing; a gateway needs its url and method")
		return
	case n.kind != mapNode:
		return // reported as the wrong type
	}
	c.requireKeys(request, n, path)
	c.onlyOne(request, n, path)
	r := requestReader{checker: c, node: n, path: path}
	gateway := Gateway{
		Name: smsChannel, Channel: smsChannel, From: c.config.Courier.SMS.From, Path: path,
		URL: r.url(), Method: r.method(), Header: r.header(), Auth: r.auth(request.child("auth")),
	}
	gateway.Body = r.body(gateway.Method)
	if len(c.problems) == before {
		c.config.Gateways = append(c.config.Gateways, gateway)
	}
}
