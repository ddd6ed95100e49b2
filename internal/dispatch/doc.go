// Package dispatch is the engine: it takes messages into the store, claims the
// ones that are due, renders and sends them through their gateway, decides what
// each attempt came to and settles it. Every gateway has a queue of its own, and a
// gate with a limit of attempts in flight and a breaker, so that a gateway that is
// down delays no message of another.
package dispatch
