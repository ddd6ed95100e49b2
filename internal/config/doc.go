// Package config turns configuration files and the environment into one typed
// Config, and reports everything that is wrong with them at once, each with its
// place and the nearest right key. It checks types and names; what a value means
// is judged by the part that uses it, whose errors Config.Problem places. It reads
// the courier section as Ory Kratos writes it. One table of keys, the tags of
// Config, serves the checks, and the schema and the reference in docs.
package config
