package config

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// relations checks what no key can tell alone, and fills in what follows from
// several.
func (c *checker) relations() {
	c.gateways()
	c.routes()
	c.webhooks()
	c.hooks()
	c.texts()
	c.presets()
	c.apiKeys()
	c.listeners()
	c.tls()
	c.apiAccess()
	c.testNumbers()
	c.messageLimits()
	c.durations()
	c.tracing()
	c.hints()
}

func (c *checker) apiKeys() {
	item := c.root.child("api").child("keys").item
	names, hashes := map[string]int{}, map[[sha256.Size]byte]int{}
	for i, n := range c.at("api", "keys").list() {
		path := indexPath("api.keys", i)
		if n.kind != mapNode {
			continue
		}
		c.requireKeys(item.children, n, path)
		hash, ok := c.keyHash(n.get("hash"), joinPath(path, "hash"))
		key := APIKey{Name: textOr(n.get("name"), ""), Hash: hash, Scopes: c.scopes(n, path)}
		if first, again := names[key.Name]; again && key.Name != "" {
			c.problem(n.get("name").at, joinPath(path, "name"), "the name is that of api.keys[%d]; give each key its own", first)
		}
		if first, again := hashes[hash]; again && ok {
			c.problem(n.get("hash").at, joinPath(path, "hash"), "the hash is that of api.keys[%d]; give each key its own", first)
		}
		names[key.Name], hashes[hash] = i, i
		c.config.API.Keys = append(c.config.API.Keys, key)
	}
}

// scopes returns the scopes of a key; without any, send and read.
func (c *checker) scopes(n *node, path string) []string {
	list := n.get("scopes")
	if list.isNothing() {
		return []string{ScopeSend, ScopeRead}
	}
	if list.kind == listNode && len(list.items) == 0 {
		c.problem(list.at, joinPath(path, "scopes"), "expected at least one of %q, %q, %q and %q", ScopeSend, ScopeRead, ScopeReadBody, ScopeOperate)
	}
	scopes := make([]string, 0, len(list.items))
	for _, item := range list.items {
		scopes = append(scopes, item.text)
	}
	return scopes
}

func (c *checker) keyHash(n *node, path string) (hash [sha256.Size]byte, ok bool) {
	given, ok := c.resolve(n, path)
	if !ok {
		return hash, false
	}
	digits, prefixed := strings.CutPrefix(given.Reveal(), "sha256:")
	decoded, err := hex.DecodeString(digits)
	if !prefixed || err != nil || len(decoded) != len(hash) {
		c.problem(n.at, path, `expected "sha256:" and 64 hexadecimal digits, the digest of the key; make them with: printf %%s "$KEY" | sha256sum`)
		return hash, false
	}
	return [sha256.Size]byte(decoded), true
}

// apiAccess refuses an admin listener that strangers could use without a key.
func (c *checker) apiAccess() {
	api, keys := &c.config.API, c.at("api", "keys")
	hasKeys := !keys.isNothing() && (keys.kind != listNode || len(keys.items) > 0)
	api.OpenAccess = api.Auth == authNone || !hasKeys
	switch {
	case api.Auth == authNone && hasKeys:
		c.warn(c.config.place("api.auth"), "api.auth", "api.auth is none, so api.keys are not asked for; remove one of the two")
	case api.OpenAccess && api.Auth != authNone && !isLoopback(api.Host):
		c.fault("api.host", "%q is not a loopback address, and without keys everybody who reaches it could send messages; add api.keys, or listen on 127.0.0.1, or write api.auth: none", clip(api.Host))
	}
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.Unmap().IsLoopback()
}

func (c *checker) listeners() {
	api, public := &c.config.API.Listener, &c.config.Public.Listener
	c.publicURL()
	c.host("api.host", &api.Host)
	c.host("public.host", &public.Host)
	if api.Port != 0 && api.Port == public.Port && api.Host == public.Host {
		c.fault("public.port", "the port is that of the admin listener; give each its own")
	}
}

// host refuses an address with a port or a scheme, and takes the brackets off IPv6.
func (c *checker) host(path string, host *string) {
	if inner, ok := strings.CutPrefix(*host, "["); ok && strings.HasSuffix(inner, "]") {
		*host = strings.TrimSuffix(inner, "]")
	}
	if _, err := netip.ParseAddr(*host); err != nil && strings.ContainsAny(*host, ":/@[] \t\r\n") {
		c.fault(path, "expected an address or a host name without scheme and port, got %q", clip(*host))
	}
}

// tls finds the files of the listeners, so that a change of one is noticed. The
// listeners say what is wrong with what they hold.
func (c *checker) tls() {
	n := c.at("tls")
	if len(n.pairs()) == 0 {
		return
	}
	c.requireKeys(c.root.child("tls").children, n, "tls")
	for key, file := range map[string]*string{"cert": &c.config.TLS.Cert, "key": &c.config.TLS.Key} {
		given, path := *file, joinPath("tls", key)
		*file = c.file(given)
		switch _, err := c.read(*file, maxFileSize); {
		case n.get(key).isNothing() || err == nil:
		case given == "":
			c.fault(path, "the value is empty; give the path of a PEM file")
		default:
			c.fault(path, "read file %s: %s", clip(given), explainFile(err))
		}
	}
}

// presets makes the folder of presets ready to be opened, and notices a change of a
// file in it. Whoever reads it says what is wrong with it.
func (c *checker) presets() {
	if c.config.PresetsDir == "" {
		return
	}
	c.config.PresetsDir = c.file(c.config.PresetsDir)
	files, _ := filepath.Glob(filepath.Join(c.config.PresetsDir, "*", "*")) // the pattern is a good one, but for odd names of folders
	for _, file := range files {
		_, _ = c.read(file, maxFileSize) // it is noted
	}
}

// testNumbers reads recipients.test.
func (c *checker) testNumbers() {
	const path = "recipients.test"
	number, code := regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`), regexp.MustCompile(`^[0-9A-Za-z-]{0,32}$`)
	given := c.at("recipients", "test").pairs()
	tests := make(map[string]string, len(given))
	for _, e := range given {
		at := joinPath(path, e.key)
		switch {
		case !number.MatchString(e.key):
			c.problem(e.at, path, "expected numbers in quotes such as \"+12065550150\", each with its code or \"\"")
		case !e.value.isNothing() && !code.MatchString(e.value.text):
			c.problem(e.value.at, at, "expected a code of letters, digits and -, at most 32, or \"\"")
		}
		tests[e.key] = e.value.text
	}
	if len(tests) > 0 {
		c.config.Recipients.Test = tests
	}
	if at := slices.IndexFunc(c.config.Gateways, func(g Gateway) bool { return g.Name == InboxGateway }); len(tests) > 0 && at >= 0 {
		c.fault(c.config.Gateways[at].Path+".id", "the messages of recipients.test go through a gateway of this name; give yours another")
	}
	if c.config.Dispatch.Mode == "dry" {
		c.warn(c.config.place("dispatch.mode"), "dispatch.mode", "the mode is dry: no message is sent, and all end as sent")
	}
}

// leastDeleteAfter is the time below which a deletion is probably not meant:
// callers repeat their requests within it.
const leastDeleteAfter = time.Hour

// durations compares durations with each other, unless one has the wrong type.
func (c *checker) durations() {
	c.retry(c.config.Dispatch.Retry, "dispatch.retry")
	const path = "retention.delete_after"
	retention := c.config.Retention
	switch {
	case retention.DeleteAfter <= 0 || c.reported(path, "retention.scrub_after"):
	case retention.DeleteAfter < leastDeleteAfter:
		c.warn(c.config.place(path), path, "an Idempotency-Key keeps a repeated request from being sent twice only until its message is deleted; give at least %s", short(leastDeleteAfter))
	case retention.DeleteAfter < retention.ScrubAfter:
		c.warn(c.config.place(path), path, "messages are deleted before retention.scrub_after, which is %s and changes nothing; lower it or raise this", short(retention.ScrubAfter))
	}
}

// retry compares the delays at a path, if both are given.
func (c *checker) retry(retry Retry, path string) {
	initial, most := joinPath(path, "initial"), joinPath(path, "max")
	if retry.Max > 0 && retry.Initial > retry.Max && !c.reported(initial, most) {
		c.fault(initial, "expected at most %s, which is %s, got %s", most, short(retry.Max), short(retry.Initial))
	}
}

// short writes a duration without trailing zero units.
func short(d time.Duration) string {
	return strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(d.String())
}

func (c *checker) tracing() {
	tracing := &c.config.Tracing
	if tracing.Provider != "" && tracing.Provider != "otel" {
		c.warn(c.config.place("tracing.provider"), "tracing.provider", "only otel is exported to: no spans are exported; use otel with tracing.providers.otlp")
		tracing.Provider = ""
	}
	if strings.Contains(tracing.OTLP.ServerURL, "/") {
		c.fault("tracing.providers.otlp.server_url", "expected host:port without a scheme or a path, such as localhost:4318; for HTTP set insecure to true")
	}
}

// hints tells of keys that are kept for Kratos and change nothing.
func (c *checker) hints() {
	for _, key := range []string{"pull_count", "pull_wait"} {
		if n := c.at("courier", "worker", key); n != nil {
			c.warn(n.at, joinPath("courier.worker", key), "the courier does not poll, so the key changes nothing")
		}
	}
}

// fault reports a problem at the place of a key, or of the nearest above it.
func (c *checker) fault(path, format string, args ...any) {
	c.problem(c.config.place(path), path, format, args...)
}

// reported reports whether one of the paths has a problem already.
func (c *checker) reported(paths ...string) bool {
	return slices.ContainsFunc(c.problems, func(p Problem) bool { return slices.Contains(paths, p.Path) })
}
