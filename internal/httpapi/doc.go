// Package httpapi is the HTTP interface of the courier: the admin listener
// takes, shows, cancels and retries messages, the public one answers health
// checks. Errors are RFC 9457 problem documents with the codes of package courier.
//
// The OpenAPI document is reflected by huma from the types that are sent. The
// requests are decoded here instead: huma's validator quotes what it refuses,
// which may be a body or a recipient, and decodes a request twice.
package httpapi
