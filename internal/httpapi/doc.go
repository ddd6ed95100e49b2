// Package httpapi is the HTTP interface of the courier: the admin listener
// takes, shows, cancels and retries messages, the public one takes receipts and
// answers health checks. Errors are RFC 9457 problem documents with the codes of package courier.
//
// One table has every endpoint with what it takes, gives and refuses. The OpenAPI
// document is reflected from it by huma. Requests are decoded here into the same
// types: huma's validator quotes what it refuses, which may be a body or a
// recipient, and decodes a request twice.
package httpapi
