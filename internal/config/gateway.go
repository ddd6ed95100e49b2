package config

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"courier"
)

const (
	smsChannel  = "sms"
	channelList = "courier.channels"
)

// isOtherChannel reports whether a channel is for another kind of message, so
// that its settings are none of ours. An id that is almost sms is a misspelling.
func isOtherChannel(n *node) bool {
	id := textOr(n.get("id"), smsChannel)
	return id != smsChannel && courier.Nearest(id, []string{smsChannel}) == ""
}

// gateways resolves courier.channels, courier.sms and courier.gateways into the list
// of gateways.
func (c *checker) gateways() {
	channel, path := c.channel()
	sms, others := c.at("courier", "sms"), len(c.at("courier", "gateways").list()) > 0
	switch {
	case channel != nil:
		c.warnBesideChannel(sms, path)
		c.kratosGateway(channel, path)
	case c.config.Courier.SMS.Enabled, c.reported("courier.sms.enabled"):
		c.kratosGateway(sms, "courier.sms")
	case !sms.get("request_config").isNothing():
		instead := "messages are refused"
		if others {
			instead = "only those of courier.gateways are"
		}
		c.warn(c.config.place("courier.sms"), "courier.sms.enabled",
			"the gateway is not used, as courier.sms.enabled is not true: %s; set it to true to send", instead)
	}
	c.gatewayList()
}

// channel returns the channel that is used and its path, and tells of the others.
func (c *checker) channel() (used *node, path string) {
	for i, item := range c.at("courier", "channels").list() {
		at := indexPath(channelList, i)
		id := textOr(item.get("id"), "")
		switch {
		case item.kind != mapNode:
		case item.get("id").isNothing():
			c.problem(item.at, joinPath(at, "id"), "the key is missing; expected %q", smsChannel)
		case !item.get("id").isText():
		case isOtherChannel(item):
			c.warn(item.get("id").at, joinPath(at, "id"), "only %q is delivered; the channel %q is ignored", smsChannel, clip(id))
		case id != smsChannel:
			c.problem(item.get("id").at, joinPath(at, "id"), "expected %q, got %q", smsChannel, clip(id))
		case used != nil:
			c.warn(item.at, at, "a second channel %q: the first is used, as in Kratos; give further gateways in courier.gateways", smsChannel)
		default:
			used, path = item, at
		}
	}
	return used, path
}

func (c *checker) warnBesideChannel(sms *node, path string) {
	if len(sms.pairs()) == 0 || len(sms.entries) == 1 && sms.get("from") != nil {
		return
	}
	c.warn(c.config.place("courier.sms"), "courier.sms",
		"there is also a channel: the request of %s is used, and only from of courier.sms; remove the rest of courier.sms", path)
}

// kratosGateway reads the gateway of courier.sms or a channel.
func (c *checker) kratosGateway(n *node, path string) {
	below := joinPath(path, "request_config")
	if n.get("request_config").isNothing() {
		c.fault(below, "the key is missing; a gateway needs its url and method")
		return
	}
	g := Gateway{Name: smsChannel, Channel: smsChannel, From: c.config.Courier.SMS.From, Path: path}
	if c.request(&g, n.get("request_config"), below) {
		c.config.Gateways = append(c.config.Gateways, g)
	}
}

// request reads the request of a gateway that is in use, and reports whether there is
// one. Types were checked before; the gateway itself judges what the values mean. What
// is missing or has the wrong type gets a value that it takes, so that it can judge the
// others.
func (c *checker) request(g *Gateway, n *node, path string) bool {
	if n.kind != mapNode {
		return false // reported as the wrong type
	}
	request := c.root.child("courier").child("sms").child("request_config")
	c.requireKeys(request.children, n, path)
	c.onlyOne(request, n, path)
	method := textOr(n.get("method"), http.MethodPost)
	g.Request = Request{
		URL: c.secret(n, path, "url", "http://missing.invalid/"), Method: method, Header: map[string]Secret{},
		Auth:  c.auth(request.child("auth"), n.get("auth"), joinPath(path, "auth")),
		Query: c.template(n, path, "query"),
	}
	if method != http.MethodTrace {
		g.Body = c.template(n, path, "body")
	}
	for _, name := range request.exclusive {
		c.header(g, n.get(name), joinPath(path, name))
	}
	return true
}

// secret returns the text of a key with what it refers to, or a stand-in.
func (c *checker) secret(n *node, path, key, standIn string) Secret {
	if value, ok := c.resolve(n.get(key), joinPath(path, key)); ok {
		return value
	}
	return NewSecret(standIn)
}

func (c *checker) header(g *Gateway, n *node, path string) {
	seen := map[string]string{}
	for _, e := range n.pairs() {
		at, canonical := joinPath(path, e.key), textproto.CanonicalMIMEHeaderKey(e.key)
		if first, again := seen[canonical]; again {
			c.problem(e.at, at, "the header is given twice, also as %q; keep one", first)
		}
		if slices.Contains([]string{"Host", "Content-Length", "Transfer-Encoding", "Trailer"}, canonical) {
			c.warn(e.at, at, "the header is set from the request itself; this value is ignored, as in Kratos")
		}
		seen[canonical] = e.key
		g.Header[e.key] = c.secret(n, path, e.key, "missing")
		if isReference(e.value.text) {
			g.SecretHeaders = append(g.SecretHeaders, canonical)
		}
	}
}

func (c *checker) auth(s *spec, n *node, path string) Auth {
	if n.isNothing() || n.kind != mapNode {
		return Auth{}
	}
	c.requireKeys(s.children, n, path)
	kind := textOr(n.get("type"), "")
	fields, known := s.variants[kind]
	config, below := n.get("config"), joinPath(path, "config")
	if !known || config.isNothing() || config.kind != mapNode {
		return Auth{}
	}
	c.requireKeys(fields, config, below)
	value := func(key string) Secret { return c.secret(config, below, key, "missing") }
	if kind == string(AuthBasic) {
		auth := Auth{Type: AuthBasic, User: value("user"), Password: value("password")}
		if strings.Contains(auth.User.Reveal(), ":") {
			c.warn(config.get("user").at, joinPath(below, "user"), "the user holds a colon, which ends the user in basic authentication")
		}
		return auth
	}
	auth := Auth{Type: AuthAPIKey, Name: textOr(config.get("name"), "missing"), Value: value("value"), In: InHeader}
	if textOr(config.get("in"), "") == InCookie {
		auth.In = InCookie
	}
	return auth
}

// template finds the template that a key names.
func (c *checker) template(n *node, path, key string) TemplateSource {
	n, path = n.get(key), joinPath(path, key)
	if !n.isText() {
		return TemplateSource{}
	}
	source := TemplateSource{Kind: TemplateInline, URI: NewSecret(n.text)}
	switch scheme, rest, _ := strings.Cut(n.text, "://"); {
	case scheme == "http" || scheme == "https":
		source.Kind = TemplateHTTP
	case scheme == "file" && rest != "":
		source.Kind, source.Path = TemplateFile, c.file(rest)
		if _, err := c.read(source.Path, maxFileSize); err != nil {
			c.problem(n.at, path, "read template file %s: %s", clip(rest), explainFile(err))
			return TemplateSource{}
		}
	}
	return source
}
