package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"courier"
)

// checkOrigin refuses what a web page in the browser of an operator could send:
// a request from another site, and without keys one for a host name that may
// have been pointed here for the purpose (DNS rebinding).
func (a *API) checkOrigin(r *http.Request, keyless bool) error {
	if err := a.origins.Check(r); err != nil {
		return &courier.Error{Code: courier.CodeForbidden, Message: "the request comes from a web page of another site; call the API from a program", Err: err}
	}
	if keyless && !a.options.AnyHost && !isLocalName(r.Host) {
		return &courier.Error{
			Code: courier.CodeForbidden, Field: "header.Host",
			Message: "without API keys the courier answers to localhost and to IP addresses only; use one of them, or configure api.keys",
		}
	}
	return nil
}

// isLocalName reports whether no name server was asked for the host: it is
// empty, an address, or localhost and below (RFC 6761, 6.3).
func isLocalName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]."))
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}
