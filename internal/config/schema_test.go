package config

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// schemaText returns docs/config.schema.json, the JSON Schema (draft 7) of a
// configuration file, for editors. It accepts what Load accepts, except for what
// only Load can know: whether files, variables and hosts are there.
func schemaText() ([]byte, error) {
	root := schemaOf(rootSpec())
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "SMS courier configuration"
	root["patternProperties"] = map[string]any{"^x-": map[string]any{"description": "A place for anchors. Not read."}}
	if properties, ok := root["properties"].(map[string]any); ok {
		properties["$schema"] = map[string]any{"type": "string", "description": "The schema of this file, for editors."}
		for _, name := range kratosSections() {
			properties[name] = map[string]any{"description": "A section of Ory Kratos. Not read."}
		}
	}
	encoded, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return append(encoded, '\n'), nil
}

func schemaOf(s *spec) map[string]any {
	schema := schemaType(s)
	describe := map[string]string{"description": s.doc, "pattern": s.pattern}
	for key, text := range describe {
		if text != "" {
			schema[key] = text
		}
	}
	if len(s.enum) > 0 {
		schema["enum"] = s.enum
	}
	if s.def != "" {
		schema["default"] = schemaValue(s, s.def)
	}
	if s.example != "" && s.kind != headerSpec && s.kind != listSpec {
		schema["examples"] = []any{schemaValue(s, s.example)}
	}
	return schema
}

func schemaType(s *spec) map[string]any {
	switch s.kind {
	case objectSpec, eitherSpec:
		return schemaObject(s)
	case listSpec:
		return map[string]any{"type": []string{"array", "null"}, "items": schemaItem(s.item)}
	case headerSpec:
		return map[string]any{"type": []string{"object", "null"}, "additionalProperties": map[string]any{"type": "string"}}
	case paramsSpec:
		return map[string]any{"type": []string{"object", "null"}, "additionalProperties": map[string]any{"type": []string{"string", "integer", "boolean"}}}
	case textSpec, secretSpec:
		return map[string]any{"type": "string"}
	case intSpec:
		return map[string]any{"type": "integer", "minimum": s.bound(s.least), "maximum": s.bound(s.most)}
	case floatSpec:
		return map[string]any{"type": "number", "minimum": s.bound(s.least), "maximum": s.bound(s.most)}
	case boolSpec:
		return map[string]any{"type": "boolean"}
	case switchSpec:
		return map[string]any{"enum": []any{"on", "off", true, false}}
	case durationSpec:
		return map[string]any{"type": "string", "pattern": `^\+?(0|([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+)$`}
	case sizeSpec:
		return map[string]any{"type": []string{"string", "integer"}, "pattern": `^[0-9]+ *(B|kB|MB|[kK]iB|MiB|GiB)?$`}
	case anySpec, paramSpec:
	}
	return map[string]any{}
}

// schemaItem is the schema of a list element. One that may belong to another
// part of Kratos is checked only when its id is ours.
func schemaItem(s *spec) map[string]any {
	item := schemaOf(s)
	if text := s.asText(); text != nil {
		return map[string]any{"anyOf": []any{schemaOf(text), item}}
	}
	if s.skip == nil {
		return item
	}
	return map[string]any{
		"type": "object",
		"if":   map[string]any{"properties": map[string]any{"id": map[string]any{"const": smsChannel}}},
		"then": item,
	}
}

func schemaObject(s *spec) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, child := range s.children {
		properties[child.name] = schemaOf(child)
		if child.required {
			required = append(required, child.name)
		}
	}
	schema := map[string]any{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": s.open}
	if len(required) > 0 {
		schema["required"] = required
	}
	if len(s.exclusive) > 0 {
		schema["not"] = map[string]any{"required": s.exclusive}
	}
	if s.variants != nil {
		schema["oneOf"] = schemaVariants(s)
		properties["config"] = map[string]any{"type": "object", "description": s.child("config").doc}
	}
	return schema
}

func schemaVariants(s *spec) []any {
	var forms []any
	for _, kind := range keysOf(s.variants) {
		forms = append(forms, map[string]any{"properties": map[string]any{
			"type":   map[string]any{"const": kind},
			"config": schemaOf(object("config", s.child("config").doc, s.variants[kind]...)),
		}})
	}
	return forms
}

// schemaValue turns a value as it is written in a file into JSON.
func schemaValue(s *spec, written string) any {
	n := fromText(s, written, Position{})
	unquoted, err := strconv.Unquote(written)
	switch {
	case n.kind == intNode || n.kind == floatNode:
		return json.Number(n.text)
	case n.kind == boolNode:
		return n.text == "true"
	case s.kind == listSpec:
		return strings.Split(strings.Trim(written, "[]"), ", ")
	case err == nil:
		return unquoted
	default:
		return written
	}
}
