package config

import _ "embed"

//go:embed starter.yaml
var starter string

// Starter returns a commented configuration file to begin with. It passes Load.
func Starter() string { return starter }
