// Package jsonnet evaluates request templates under limits that hold against a
// hostile template and a hostile message.
//
// go-jsonnet can be neither cancelled nor bounded in memory, so nothing is
// parsed or evaluated in the courier's own process: a Pool keeps a few child
// processes of the running binary, each started with an empty environment, and
// speaks a framed protocol with them over pipes. A child that exceeds a limit
// dies or is killed, and is replaced; only the evaluation that was at fault
// fails. Every main and TestMain of a program that evaluates templates calls
// ServeIfChild first.
//
// Evaluations of one template that wait for a free child travel together and
// share one set-up of the standard library. A template that places values, or
// computes with them in common ways, is compiled to Go and reaches a child only
// when it fails: see plan.
package jsonnet
