package config

import (
	"fmt"
	"strings"
)

const referenceHead = `# Configuration

This page is generated from the table of keys that the program itself uses.

## Sources

The defaults are overlaid by the files in the order of ` + "`-c`" + `, then by the environment. In files, maps are
merged deeply and lists are replaced. YAML, JSON (` + "`.json`" + `) and TOML (` + "`.toml`" + `) files are read, up to 1 MiB each.
A whole kratos.yml can be given: the sections of Ory Kratos that are not listed here are ignored, and the log names them.
Top-level keys that begin with ` + "`x-`" + ` are for YAML anchors and ignored.

Every key can be set by the environment variable with its path in capitals, joined by underscores, and list indices
as numbers: ` + "`COURIER_SMS_FROM`, `COURIER_CHANNELS_0_REQUEST_CONFIG_AUTH_CONFIG_PASSWORD`, `STORE_DSN`, `API_PORT`" + `.
A variable for a list or a map (` + "`COURIER_CHANNELS`" + `) is JSON. As in Kratos, each value in it is set over those of the files,
items of lists by their index, and what it does not name stays. Of several variables for one key, that with the longer path
wins: ` + "`COURIER_CHANNELS_0_REQUEST_CONFIG_METHOD`" + ` over ` + "`COURIER_CHANNELS`" + `. A single header is named after it
(` + "`…_REQUEST_CONFIG_HEADERS_X_API_KEY`" + `). An empty variable counts as not set, except for texts without a default.

Where the type is *secret*, the value may be ` + "`env://NAME`" + ` for an environment variable or ` + "`file:///run/secrets/name`" + ` for
a file, whose trailing line breaks are dropped. Header values are secrets too. Secrets are never logged. Nothing else is
expanded: a value with ` + "`${NAME}`, `$NAME`, `{{ .Name }}` or `<name>`" + ` is used as it is written, and a warning says so.

A change of a file, of a template or of a secret takes effect while the courier runs. One that is not valid is logged, and
the last good configuration stays. ` + "`courier config check`" + ` tells of everything that is wrong, with line and column.
`

// referenceText returns docs/config.md: every key with its type, default and meaning.
func referenceText() string {
	var page strings.Builder
	page.WriteString(referenceHead)
	for _, section := range rootSpec().children {
		fmt.Fprintf(&page, "\n## %s\n\n%s\n\n| key | type | default | meaning |\n|---|---|---|---|\n", section.name, section.doc)
		rows := referenceRows(object("", "", section), "", "")
		if section.kind == objectSpec {
			rows = rows[1:] // the section itself
		}
		for _, row := range rows {
			page.WriteString(row)
		}
	}
	page.WriteString("\n## Sections of Ory Kratos that are ignored\n\n")
	page.WriteString("`" + strings.Join(kratosSections(), "`, `") + "`\n")
	return page.String()
}

// referenceRows lists the keys below an object. A condition is said of each of
// them.
func referenceRows(s *spec, path, condition string) []string {
	var rows []string
	for _, child := range s.children {
		below := joinPath(path, child.name)
		rows = append(rows, referenceRow(child, below, condition))
		rows = append(rows, referenceRows(child, below, condition)...)
		if child.item != nil && len(child.item.children) > 0 {
			rows = append(rows, referenceRows(child.item, below+"[]", condition)...)
		}
	}
	for _, kind := range keysOf(s.variants) {
		form := object("", "", s.variants[kind]...)
		rows = append(rows, referenceRows(form, path+".config", "For "+kind+": ")...)
	}
	return rows
}

func referenceRow(s *spec, path, condition string) string {
	def := s.def
	if def != "" {
		def = "`" + def + "`"
	}
	if s.required {
		def = "*required*"
	}
	meaning := condition + s.doc
	if s.example != "" && len(s.enum) == 0 && s.def == "" {
		meaning += " Example: `" + s.example + "`."
	}
	return "| `" + path + "` | " + referenceType(s) + " | " + def + " | " + strings.ReplaceAll(meaning, "|", `\|`) + " |\n"
}

func referenceType(s *spec) string {
	if len(s.enum) > 0 {
		var values []string
		for _, value := range s.enum {
			if value != "" {
				values = append(values, "`"+value+"`")
			}
		}
		return strings.Join(values, ", ")
	}
	switch s.kind {
	case objectSpec, eitherSpec:
		return "map"
	case listSpec:
		return "list"
	case textSpec:
		return "text"
	case secretSpec:
		return "secret"
	case intSpec, floatSpec:
		return s.least + " to " + s.most
	case boolSpec:
		return "`true`, `false`"
	case switchSpec:
		return "`on`, `off`"
	case durationSpec:
		return "duration, " + s.least + " to " + s.most
	case sizeSpec:
		return "size, " + s.least + " to " + s.most
	case headerSpec, paramsSpec:
		return "map of secrets"
	case anySpec, paramSpec:
		return "ignored"
	}
	return ""
}
