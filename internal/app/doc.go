// Package app is the composition root: it builds the store, the gateways, the
// engine and the listeners from a configuration, starts them in order and stops
// them in reverse. It is the only package that constructs adapters.
package app
