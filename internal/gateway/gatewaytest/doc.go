// Package gatewaytest is a fake SMS gateway over real HTTP: it records what it
// is sent and answers, fails, hangs or breaks off as a script says. The
// development inbox is built on its handler.
package gatewaytest
