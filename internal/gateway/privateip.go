package gateway

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"syscall"
)

// PrivateIPPolicy says whether private and special addresses may be dialed, as
// Kratos's clients.http does. The address is checked when a connection is made,
// after the name was resolved.
type PrivateIPPolicy struct {
	// Disallow refuses addresses that are not public.
	Disallow bool
	// ExceptionURLs are glob patterns of urls, without query and fragment, that
	// may be private all the same. * and ? stop at . and /, ** does not.
	ExceptionURLs []string
}

// errPrivateAddress reports a dial that the policy forbids.
var errPrivateAddress = errors.New("address is private")

type compiledPolicy struct {
	disallow   bool
	exceptions []*regexp.Regexp
}

func compilePolicy(policy PrivateIPPolicy) (*compiledPolicy, error) {
	compiled := &compiledPolicy{disallow: policy.Disallow}
	var errs []error
	for i, pattern := range policy.ExceptionURLs {
		exception, err := compileGlob(pattern)
		if err != nil {
			field := fmt.Sprintf("clients.http.private_ip_exception_urls[%d]", i)
			errs = append(errs, &OptionError{Field: field, Err: err})
		}
		compiled.exceptions = append(compiled.exceptions, exception)
	}
	return compiled, errors.Join(errs...)
}

// guards reports whether connections for the url must be to public addresses.
func (p *compiledPolicy) guards(target *url.URL) bool {
	if !p.disallow {
		return false
	}
	bare := *target
	bare.RawQuery, bare.Fragment, bare.RawFragment = "", "", ""
	text := bare.String()
	for _, exception := range p.exceptions {
		if exception.MatchString(text) {
			return false
		}
	}
	return true
}

// specialPrefixes are the blocks of the IANA special-purpose address registries
// (RFC 6890) and multicast.
func specialPrefixes() []netip.Prefix {
	return parsePrefixes(
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
		"192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
	)
}

func parsePrefixes(texts ...string) []netip.Prefix {
	prefixes := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		prefixes[i] = netip.MustParsePrefix(text)
	}
	return prefixes
}

// addressGuard refuses addresses that are not public.
type addressGuard struct {
	special []netip.Prefix
	// public holds all public IPv6 addresses.
	public netip.Prefix
}

func newAddressGuard() *addressGuard {
	return &addressGuard{special: specialPrefixes(), public: netip.MustParsePrefix("2000::/3")}
}

// control is called by the dialer with each address, ip:port, before it connects.
func (g *addressGuard) control(_, address string, _ syscall.RawConn) error {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return errPrivateAddress
	}
	ip := parsed.Addr().WithZone("").Unmap()
	if !ip.Is4() && !g.public.Contains(ip) {
		return errPrivateAddress
	}
	for _, prefix := range g.special {
		if prefix.Contains(ip) {
			return errPrivateAddress
		}
	}
	return nil
}
