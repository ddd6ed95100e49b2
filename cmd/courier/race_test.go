//go:build race

package main

// raced is true when the tests run with the race detector.
const raced = true
