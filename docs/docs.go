// Package docs holds the generated documents that the program prints.
package docs

import _ "embed"

// ConfigSchema is the JSON Schema of a configuration file, for editors. A test of
// internal/config writes it.
//
//go:embed config.schema.json
var ConfigSchema string
