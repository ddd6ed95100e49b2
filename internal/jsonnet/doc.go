// Package jsonnet evaluates templates under limits that hold against a
// hostile template and a hostile message or answer.
//
// go-jsonnet can be neither cancelled nor bounded in memory, so nothing is parsed
// or interpreted in the courier's own process: a Pool keeps a few child processes
// of the running binary, each started with an empty environment, and asks them
// over pipes. A child that exceeds a limit dies or is killed, and is replaced;
// only the evaluation that was at fault fails. Every main and TestMain of a
// program that evaluates templates calls ServeIfChild first.
//
// Inside a program that is not the courier's own (Options.InProcess) there are no
// children: see docs/decisions/018-embedding.md.
//
// Most templates have a plan (package plan) and need a child only when they fail.
package jsonnet
