package config

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// gatewayList reads courier.gateways.
func (c *checker) gatewayList() {
	const path = "courier.gateways"
	item := c.root.child("courier").child("gateways").item
	for i, n := range c.at("courier", "gateways").list() {
		at := indexPath(path, i)
		if n.kind != mapNode {
			continue
		}
		c.requireKeys(item.children, n, at)
		g := Gateway{Name: textOr(n.get("id"), ""), Channel: smsChannel, Path: at}
		if c.id(n, at) && slices.ContainsFunc(c.config.Gateways, func(other Gateway) bool { return other.Name == g.Name }) {
			c.problem(n.get("id").at, joinPath(at, "id"), "the id is that of another gateway; give each its own, and none the id sms where courier.sms or a channel is used")
		}
		g.Preset, g.From = textOr(n.get("preset"), ""), textOr(n.get("from"), "")
		g.Response, g.Receipt = c.template(n, at, "response"), c.template(n, at, "receipt")
		g.ReceiptSecret, _ = c.resolve(n.get("receipt_secret"), joinPath(at, "receipt_secret"))
		c.gatewayParams(&g, n.get("params"), joinPath(at, "params"))
		c.limits(&g, item, n, at)
		c.clientTLS(&g, n.get("tls"), joinPath(at, "tls"))
		switch request := n.get("request_config"); {
		case !n.get("preset").isNothing() && !request.isNothing():
			c.problem(request.at, joinPath(at, "request_config"), "a gateway is either a preset or has a request of its own; take one of preset and request_config out")
			continue
		case n.get("preset").isNothing() && request.isNothing():
			c.problem(n.at, at, "expected preset, such as twilio, or request_config with a url and a method")
			continue
		case !request.isNothing() && !c.request(&g, request, joinPath(at, "request_config")):
			continue
		}
		c.config.Gateways = append(c.config.Gateways, g)
	}
}

// id judges an id that is a part of addresses and metrics, and reports whether there is one.
func (c *checker) id(n *node, path string) bool {
	id := n.get("id")
	if id.isText() && !regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`).MatchString(id.text) {
		c.problem(id.at, joinPath(path, "id"), "expected lower-case letters, digits, - and _, at most 63, beginning with a letter or digit, got %q", clip(id.text))
		return false
	}
	return id.isText()
}

// gatewayParams reads the settings of a gateway.
func (c *checker) gatewayParams(g *Gateway, n *node, path string) {
	g.Params = map[string]Param{}
	for _, e := range n.pairs() {
		switch e.value.kind { //nolint:exhaustive // the others were reported
		case textNode:
			// One that is missing gets a value, so that its gateway can judge the others.
			g.Params[e.key] = Param{c.secret(n, path, e.key, "missing"), isReference(e.value.text), ParamText}
		case intNode:
			g.Params[e.key] = Param{NewSecret(e.value.text), false, ParamNumber}
		case boolNode:
			g.Params[e.key] = Param{NewSecret(e.value.text), false, ParamBool}
		}
	}
}

// valueOr returns the value of a key whose type was checked, or else a fallback.
func valueOr[T any](s *spec, n *node, key string, fallback T) T {
	if given := n.get(key); !given.isNothing() {
		if value, ok := readKind(s.child(key), given); ok {
			if typed, ok := value.(T); ok {
				return typed
			}
		}
	}
	return fallback
}

// limits reads how hard a gateway is driven.
func (c *checker) limits(g *Gateway, s *spec, n *node, path string) {
	g.Timeout = valueOr(s, n, "timeout", time.Duration(0))
	g.MaxInFlight = int(valueOr(s, n, "max_in_flight", int64(0)))
	g.OnUnknown = textOr(n.get("on_unknown"), "")
	if limit, of := n.get("rate_limit"), s.child("rate_limit"); !limit.isNothing() && limit.kind == mapNode {
		c.requireKeys(of.children, limit, joinPath(path, "rate_limit"))
		g.RateLimit = RateLimit{Count: int(valueOr(of, limit, "count", int64(1))), Per: valueOr(of, limit, "per", time.Second)}
	}
	retry, of := n.get("retry"), s.child("retry")
	g.Retry = Retry{Initial: valueOr(of, retry, "initial", time.Duration(0)), Max: valueOr(of, retry, "max", time.Duration(0))}
	c.retry(g.Retry, joinPath(path, "retry"))
	breaker, of := n.get("breaker"), s.child("breaker")
	g.Breaker = Breaker{
		Share: valueOr(of, breaker, "share", 0.0), Failures: int(valueOr(of, breaker, "failures", int64(0))),
		Window: valueOr(of, breaker, "window", time.Duration(0)),
	}
}

// clientTLS finds the files for the connections to a gateway, so that a change of one
// is noticed. The gateway says what is wrong with what they hold.
func (c *checker) clientTLS(g *Gateway, n *node, path string) {
	for key, file := range map[string]*string{"ca": &g.TLS.CA, "cert": &g.TLS.Cert, "key": &g.TLS.Key} {
		given := textOr(n.get(key), "")
		if given == "" {
			continue
		}
		*file = c.file(given)
		if _, err := c.read(*file, maxFileSize); err != nil {
			c.fault(joinPath(path, key), "read file %s: %s", clip(given), explainFile(err))
		}
	}
	if (g.TLS.Cert == "") != (g.TLS.Key == "") {
		c.fault(path, "cert and key belong together; give both or none")
	}
}

// routes reads courier.routes.
func (c *checker) routes() {
	item := c.root.child("courier").child("routes").item
	names := map[string]int{}
	for i, n := range c.at("courier", "routes").list() {
		path := indexPath("courier.routes", i)
		if n.kind != mapNode {
			continue
		}
		c.requireKeys(item.children, n, path)
		route := Route{
			To: c.recipients(n.get("to"), joinPath(path, "to")), Channel: textOr(n.get("channel"), ""),
			TemplateType: textOr(n.get("template_type"), ""), Lane: textOr(n.get("lane"), ""), Demote: valueOr(item, n, "demote", false), Path: path,
		}
		route.Gateways = c.routeGateways(item.child("gateways").item, n.get("gateways"), joinPath(path, "gateways"))
		route.Name = textOr(n.get("name"), route.describe())
		first, again := names[route.Name]
		switch before := slices.IndexFunc(c.config.Routes, func(r Route) bool { return r.covers(&route) }); {
		case again && n.get("name") != nil:
			c.fault(joinPath(path, "name"), "the name %q is that of courier.routes[%d]; give each its own", clip(route.Name), first)
		case again && len(route.To) == len(n.get("to").list()):
			c.fault(path, "the route is the same as courier.routes[%d]; take one of them out", first)
		case before >= 0 && !slices.ContainsFunc(c.problems, func(p Problem) bool { return strings.HasPrefix(p.Path, "courier.routes[") }):
			c.warn(n.at, path, "the route is never used, as %s takes all that it matches; the first that matches counts, so put this one before it", c.config.Routes[before].Path)
		}
		names[route.Name] = i
		c.config.Routes = append(c.config.Routes, route)
	}
}

// covers reports whether a route fits every message that another one fits.
func (r *Route) covers(other *Route) bool {
	if r.TemplateType != "" && r.TemplateType != other.TemplateType || len(r.To) > 0 && len(other.To) == 0 {
		return false
	}
	return len(r.To) == 0 || !slices.ContainsFunc(other.To, func(to string) bool {
		return !slices.ContainsFunc(r.To, func(mine string) bool { return mine == to || mine[0] == '+' && strings.HasPrefix(to, mine) })
	})
}

// describe names a route after what it matches and where it leads.
func (r *Route) describe() string {
	parts := append(slices.Clone(r.To), r.Channel, r.TemplateType)
	for _, g := range r.Gateways {
		parts = append(parts, g.ID)
	}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " ")
}

func (c *checker) recipients(n *node, path string) []string {
	var to []string
	for i, item := range n.list() {
		at := indexPath(path, i)
		switch {
		case !item.isText():
		case regexp.MustCompile(`^\+[0-9]{1,15}$|^[A-Z]{2}$`).MatchString(item.text):
			to = append(to, item.text)
		default:
			c.problem(item.at, at, `expected the beginning of a number such as "+49", or the two capital letters of a country such as DE, got %q`, clip(item.text))
		}
	}
	return to
}

// routeGateways reads the gateways of a route.
func (c *checker) routeGateways(s *spec, n *node, path string) []RouteGateway {
	if n != nil && n.kind == listNode && len(n.items) == 0 {
		c.problem(n.at, path, "the route has no gateway; name at least one of courier.gateways")
	}
	known := make([]string, len(c.config.Gateways))
	for i := range c.config.Gateways {
		known[i] = c.config.Gateways[i].Name
	}
	var gateways []RouteGateway
	for i, item := range n.list() {
		g, id, at := RouteGateway{}, item, indexPath(path, i)
		if item.kind == mapNode {
			id = item.get("id")
			c.requireKeys(s.children, item, at)
			g.Weight = int(valueOr(s, item, "weight", int64(0)))
		}
		if !id.isText() {
			continue
		}
		g.ID = id.text
		switch {
		case !slices.Contains(known, g.ID) && !c.reported("courier.gateways"):
			c.problem(id.at, at, "no gateway has the id %q%s", clip(g.ID), suggest(g.ID, known))
		case slices.ContainsFunc(gateways, func(other RouteGateway) bool { return other.ID == g.ID }):
			c.problem(id.at, at, "the gateway %q is in the route already; name each once", clip(g.ID))
		}
		gateways = append(gateways, g)
	}
	return gateways
}

// webhooks reads the endpoints of applications.
func (c *checker) webhooks() {
	item := c.root.child("webhooks").item
	for i, n := range c.at("webhooks").list() {
		path := indexPath("webhooks", i)
		if n.kind != mapNode {
			continue
		}
		c.requireKeys(item.children, n, path)
		w := Webhook{
			ID: textOr(n.get("id"), ""), URL: c.secret(n, path, "url", "http://missing.invalid/"), Path: path,
		}
		w.Secret, _ = c.resolve(n.get("secret"), joinPath(path, "secret"))
		if c.id(n, path) && slices.ContainsFunc(c.config.Webhooks, func(other Webhook) bool { return other.ID == w.ID }) {
			c.problem(n.get("id").at, joinPath(path, "id"), "the id is that of another endpoint; give each its own")
		}
		w.EventOptions = EventOptions{
			IncludeRecipient: valueOr(item, n, "include_recipient", false), AllowPrivate: valueOr(item, n, "allow_private", false),
		}
		for _, event := range n.get("events").list() {
			w.Events = append(w.Events, event.text)
		}
		c.config.Webhooks = append(c.config.Webhooks, w)
	}
}

// publicURL judges the address that gateways are given.
func (c *checker) publicURL() {
	given := c.config.Public.URL
	if given == "" {
		return
	}
	target, err := url.Parse(given)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" || target.User != nil || target.RawQuery != "" || target.Fragment != "" {
		c.fault("public.url", "expected an absolute http or https address without user and query, such as https://sms.example.com, got %q", clip(given))
	}
	c.config.Public.URL = strings.TrimRight(given, "/")
}
