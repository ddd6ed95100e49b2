package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"courier"
)

// cause is why a gateway, or the proxy before it, could not be connected to. It
// never quotes an error, which may hold the url with its secrets.
type cause struct {
	is           func(err error) bool
	what, advice string
}

// judgeSilence gives the verdict on an exchange without an answer.
func (a *Answer) judgeSilence() judgement {
	if what, advice, ok := describeDial(a.Err); ok {
		return unsent(what, advice)
	}
	switch a.Delivery {
	case DeliveryNone:
		if isTimeout(a.Err) {
			return unsent("could not be reached in time", "check that it can be reached from here")
		}
		if errors.Is(a.Err, context.Canceled) {
			return unsent("was not reached before the attempt was called off", "another attempt will be made")
		}
		return unsent("closed the connection before it took the message", "that may pass; look in its log if it goes on")
	case DeliveryPartial:
		verdict, what := verdictOf(courier.ClassNetworkError), "broke off before it had the whole message"
		if isTimeout(a.Err) {
			verdict.Class, what = courier.ClassTimeout, "did not read the whole message in time"
		}
		return judgement{verdict, what, "that may pass; check that it takes messages of this size"}
	case DeliveryWhole:
	}
	verdict := verdictOf(courier.ClassOutcomeUnknown)
	switch {
	case isTimeout(a.Err):
		verdict.Class = courier.ClassTimeout
		return judgement{verdict, "was sent the message and did not answer in time", lookThere}
	case errors.Is(a.Err, context.Canceled):
		return judgement{verdict, "was sent the message and the attempt was called off before it answered", lookThere}
	}
	return judgement{verdict, "was sent the message and broke off, or did not answer in HTTP", lookThere}
}

// unsent is the verdict on a message of which the gateway certainly knows nothing.
func unsent(what, advice string) judgement {
	return judgement{courier.Verdict{
		Outcome: courier.OutcomeGatewayDown, Class: courier.ClassNetworkError, Scope: courier.ScopeGateway, Unsent: true,
	}, what, advice}
}

// describeDial says why no connection was made. ok is false when one was.
func describeDial(err error) (what, advice string, ok bool) {
	failed, ok := errors.AsType[*dialError](err)
	if !ok {
		// With TLS 1.3 a gateway judges the client's certificate, and tells of it,
		// after the client may have sent a request; it reads none before.
		return describe(err, certificateAlerts())
	}
	if failed.variable != "" {
		return "was not connected to: " + failed.variable + " is not a usable address",
			"write it as http://, https:// or socks5://host:port, or name the gateway's host in NO_PROXY", true
	}
	if failed.status != 0 {
		what, advice = describeRefusal(failed.status)
		return "is behind the proxy " + failed.proxy + ", which " + what, advice, true
	}
	if outer, ok := errors.AsType[*net.OpError](err); ok && outer.Op == "proxyconnect" && failed.proxy == "" {
		failed.proxy = failed.address // net/http speaks to the proxy of an http url
	}
	causes := connectCauses()
	if failed.handshake {
		causes = append(handshakeCauses(), causes...)
	}
	what, advice, _ = describe(failed.err, causes)
	if failed.proxy != "" {
		return "is behind the proxy " + failed.proxy + ", which " + what,
			"check HTTPS_PROXY, HTTP_PROXY and that the proxy runs; NO_PROXY names the hosts that need none", true
	}
	return what, advice, true
}

// describeRefusal says what the answer of a proxy to CONNECT means.
func describeRefusal(status int) (what, advice string) {
	what = "answered CONNECT with " + statusName(status)
	switch status {
	case http.StatusProxyAuthRequired:
		return what, "write its user and password into HTTPS_PROXY as http://user:password@host:port"
	case http.StatusForbidden, http.StatusUnauthorized, http.StatusMethodNotAllowed:
		return what, "allow the gateway's host and port in the proxy, or name the host in NO_PROXY"
	}
	return what, "look in the proxy's log whether it reaches the gateway, or name the host in NO_PROXY"
}

func describe(err error, causes []cause) (what, advice string, ok bool) {
	for _, cause := range causes {
		if cause.is(err) {
			return cause.what, cause.advice, true
		}
	}
	return "", "", false
}

// connectCauses ends with one that fits every error.
func connectCauses() []cause {
	const reachable = "check the host and port in url, and that they can be reached from here"
	return []cause{
		{
			isPrivateAddress, "resolves to a private address",
			"clients.http.disallow_private_ip_ranges forbids it; add the url to clients.http.private_ip_exception_urls if it is meant",
		},
		{isAny(syscall.ECONNREFUSED), "refused the connection", reachable},
		{isUnknownHost, "has a host name that does not exist", "check the host in url"},
		{isType[*net.DNSError], "has a host name that could not be looked up", "check the name servers of this machine"},
		{isAny(syscall.EHOSTUNREACH, syscall.ENETUNREACH), "could not be reached: the network knows no way to it", reachable},
		{
			isAny(syscall.EMFILE, syscall.ENFILE), "could not be reached: this machine has no free file descriptor",
			"raise the limit of open files (ulimit -n, LimitNOFILE)",
		},
		{isTimeout, "could not be reached in time", reachable},
		{isAny(context.Canceled), "was not reached before the attempt was called off", "another attempt will be made"},
		{isAny(syscall.ECONNRESET, syscall.EPIPE), "broke the connection off before it took the message", reachable},
		{func(error) bool { return true }, "could not be reached", reachable},
	}
}

// handshakeCauses ends with one that fits every error but those of a time-out.
func handshakeCauses() []cause {
	const renew = "have it renewed, and check the clock of this machine"
	return append(certificateAlerts(),
		cause{isType[tls.RecordHeaderError], "does not speak TLS", "use http:// in url, or the gateway's TLS port"},
		cause{isAny(errSpeaksTLS), "speaks TLS", "use https:// in url"},
		cause{
			isAlert(handshakeFailure), "refused the TLS handshake",
			"ask the gateway which TLS it speaks, and whether it wants a client certificate",
		},
		cause{isOldTLS, "speaks no version of TLS that is safe", "ask the gateway for an address with TLS 1.2 or newer"},
		cause{isExpired, "has a TLS certificate that is not trusted: it has expired or is not yet valid", renew},
		cause{
			isType[x509.HostnameError], "has a TLS certificate that is not trusted: it is for another host name",
			"check the host in url",
		},
		cause{
			isType[x509.UnknownAuthorityError], "has a TLS certificate that is not trusted: no authority known here signed it",
			"name the file of the authority in tls.ca of this gateway or in SSL_CERT_FILE, or add it to this machine's",
		},
		cause{
			isCertificateFault, "has a TLS certificate that is not trusted",
			"check the host in url and the certificate authorities of this machine",
		},
		cause{isAlert(112), "has no TLS certificate for this host name", "check the host in url"},
		cause{
			func(err error) bool { return !isTimeout(err) && !errors.Is(err, context.Canceled) },
			"broke the TLS handshake off", "check the port in url, and ask the gateway which TLS it speaks",
		},
		cause{isTimeout, "did not finish the TLS handshake in time", "check the port in url, and that it speaks TLS"},
	)
}

// certificateAlerts are those of RFC 8446, 6.2, by which a server says that it
// wants a certificate of the client. Some say just that the handshake failed.
func certificateAlerts() []cause {
	return []cause{{
		func(err error) bool {
			return errors.Is(err, errClientCertificate) || isAlert(41, 42, 43, 44, 45, 46, 48, 49, 116)(err)
		},
		"wants a client certificate for TLS that it knows",
		"name the one that it gave you in tls.cert of this gateway and its key in tls.key, or ask it for another way to authenticate",
	}}
}

var (
	// errSpeaksTLS reports TLS where http was expected.
	errSpeaksTLS = errors.New("the other side speaks TLS")
	// errClientCertificate reports that a certificate was asked for, and the
	// handshake failed without one.
	errClientCertificate = errors.New("a client certificate is asked for")
)

// handshakeFailure is an alert with many reasons.
const handshakeFailure = 40

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isAny(targets ...error) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
	}
}

func isUnknownHost(err error) bool {
	lookup, ok := errors.AsType[*net.DNSError](err)
	return ok && lookup.IsNotFound
}

func isExpired(err error) bool {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok && invalid.Reason == x509.Expired
}

func isCertificateFault(err error) bool {
	return isType[*tls.CertificateVerificationError](err) || isType[x509.CertificateInvalidError](err)
}

// isOldTLS recognises the alert protocol_version and crypto/tls's own error, which has no type.
func isOldTLS(err error) bool {
	return isAlert(70)(err) || strings.Contains(err.Error(), "unsupported protocol version")
}

// isAlert reports whether the other side ended TLS with one of some alerts. Their type in
// crypto/tls has no name, so their number is looked at.
func isAlert(numbers ...uint64) func(error) bool {
	return func(err error) bool {
		failed, ok := errors.AsType[*net.OpError](err)
		if !ok || failed.Op != "remote error" {
			return false
		}
		number := reflect.ValueOf(failed.Err)
		return number.Kind() == reflect.Uint8 && slices.Contains(numbers, number.Uint())
	}
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
