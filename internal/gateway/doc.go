// Package gateway is one account at one HTTP SMS provider: it builds the request
// of a message as Ory Kratos's SMS courier does, sends it, and judges the answer.
//
// Render and Send are separate, so that a request can be shown without being
// sent. An attempt never tells a secret, a body or a full recipient.
package gateway
