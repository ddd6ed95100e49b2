// Package intake judges a message at accept and completes it: the recipient in
// E.164, the sender, the channel's gateway, segments, times and the fingerprint
// of an idempotent request. Every way into the courier passes through it, so
// that a message is accepted by one set of rules.
package intake
