package gateway

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"syscall"

	"code.dny.dev/ssrf"
	"github.com/gobwas/glob"
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

// controlFunc is what a net.Dialer asks before it connects.
type controlFunc func(network, address string, conn syscall.RawConn) error

type addressPolicy struct {
	exceptions []glob.Glob
	// public refuses all that is not, private lets the private ranges pass too.
	// Both are nil when every address may be dialed.
	public, private controlFunc
}

// Check reports what is wrong with the policy, for a configuration without a gateway.
func (p PrivateIPPolicy) Check() error {
	_, err := compilePolicy(p)
	return err
}

func compilePolicy(policy PrivateIPPolicy) (*addressPolicy, error) {
	compiled := &addressPolicy{}
	if policy.Disallow {
		compiled.public = ssrf.New(ssrf.WithAnyPort()).Safe
		compiled.private = ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(
			netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
			netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
		), ssrf.WithAllowedV6Prefixes(netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fc00::/7"))).Safe
	}
	var errs []error
	for i, pattern := range policy.ExceptionURLs {
		exception, err := glob.Compile(pattern, '.', '/')
		if err != nil {
			field := fmt.Sprintf("clients.http.private_ip_exception_urls[%d]", i)
			errs = append(errs, &OptionError{Field: field, Err: fmt.Errorf(
				"is no pattern (%w): close every [ and {, and escape them with \\ when they are meant literally", err)})
			continue
		}
		compiled.exceptions = append(compiled.exceptions, exception)
	}
	return compiled, errors.Join(errs...)
}

// isExcepted reports whether a url may lead to a private address.
func (p *addressPolicy) isExcepted(target *url.URL) bool {
	bare := *target
	bare.RawQuery, bare.Fragment, bare.RawFragment = "", "", ""
	text := bare.String()
	return slices.ContainsFunc(p.exceptions, func(exception glob.Glob) bool { return exception.Match(text) })
}

// control returns what to ask before a connection for the url, nil for nothing.
func (p *addressPolicy) control(target *url.URL) controlFunc {
	if p.isExcepted(target) {
		return p.private
	}
	return p.public
}

// isPrivateAddress reports whether the policy kept a connection from being made.
func isPrivateAddress(err error) bool {
	return errors.Is(err, ssrf.ErrProhibitedIP) || errors.Is(err, ssrf.ErrProhibitedNetwork) || errors.Is(err, ssrf.ErrInvalidHostPort)
}
