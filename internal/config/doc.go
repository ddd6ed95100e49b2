// Package config turns configuration files, the environment and command-line
// flags into one typed, validated Config, and tells about everything that is
// wrong with them at once, each with its place and the nearest right key. It
// reads the courier section as Ory Kratos writes it. One table of keys serves
// the validation, the JSON Schema, the starter file and the reference. It opens
// nothing but the files it is given and those they name.
package config
