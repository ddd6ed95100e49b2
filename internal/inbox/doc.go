// Package inbox is the development inbox: a fake SMS gateway that takes every
// request on any path and method, and shows what a phone would have received.
package inbox
