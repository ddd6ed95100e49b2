package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"syscall"

	"courier"
)

// fault is an exchange that brought no answer.
type fault struct {
	err error
	// written is true when the whole request may have reached the gateway.
	written bool
}

// describe returns what happened and its judgement. It never quotes the error,
// which may hold the url with its secrets.
func (f fault) describe() (string, verdict) {
	if f.written {
		return f.describeWritten()
	}
	if what, judged, ok := describeConfiguration(f.err); ok {
		return what, judged
	}
	retry := verdict{
		courier.OutcomeRetry, courier.ClassNetworkError,
		"nothing was sent and that may pass; check that the gateway can be reached from here",
	}
	switch {
	case isTimeout(f.err):
		retry.class = courier.ClassTimeout
		return "could not be reached in time", retry
	case isInterrupted(f.err):
		retry.advice = "nothing was sent and another attempt can be made"
		return "was not reached before the attempt was called off", retry
	case errors.Is(f.err, syscall.ECONNREFUSED):
		return "refused the connection", retry
	}
	if _, ok := errors.AsType[*net.DNSError](f.err); ok {
		return "has a host name that could not be looked up", retry
	}
	return "could not be reached", retry
}

func (f fault) describeWritten() (string, verdict) {
	unknown := verdict{
		courier.OutcomeUnknown, courier.ClassOutcomeUnknown,
		"it may or may not have taken the message: look in the gateway's own log",
	}
	switch {
	case isTimeout(f.err):
		unknown.class = courier.ClassTimeout
		return "was sent the message and did not answer in time", unknown
	case isInterrupted(f.err):
		return "was sent the message and the attempt was called off before it answered", unknown
	}
	return "was sent the message and broke off, or did not answer in HTTP", unknown
}

// describeConfiguration tells the faults that no repetition cures.
func describeConfiguration(err error) (string, verdict, bool) {
	down := verdict{outcome: courier.OutcomeGatewayDown, class: courier.ClassNetworkError}
	if errors.Is(err, errPrivateAddress) {
		down.advice = "clients.http.disallow_private_ip_ranges forbids it; add the url to " +
			"clients.http.private_ip_exception_urls if it is meant"
		return "resolves to a private address", down, true
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok && lookup.IsNotFound {
		down.advice = "check the host in url"
		return "has a host name that does not exist", down, true
	}
	if isCertificateFault(err) {
		down.advice = "check the host in url and the certificate authorities of this machine"
		return "has a TLS certificate that is not trusted", down, true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		down.advice = "use http:// in url, or the gateway's TLS port"
		return "does not speak TLS", down, true
	}
	return "", verdict{}, false
}

func isCertificateFault(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return unknown || host || invalid
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

func isInterrupted(err error) bool { return errors.Is(err, context.Canceled) }
