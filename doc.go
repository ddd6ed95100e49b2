// Package courier holds the words of the SMS courier: messages, attempts,
// statuses with their legal transitions, outcomes, error classes and the
// arithmetic of segments. It has no dependencies beyond the standard library,
// does no I/O and is safe to import from anywhere.
package courier
