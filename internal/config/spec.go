package config

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"
)

// specKind is the type that a key asks for.
type specKind int

const (
	objectSpec specKind = iota
	eitherSpec          // an object, or the text of its first key alone
	listSpec
	textSpec
	secretSpec
	intSpec
	floatSpec
	boolSpec
	switchSpec // on or off
	durationSpec
	sizeSpec
	headerSpec // a map of header names to texts
	paramsSpec // a map of names to texts, whole numbers and booleans
	paramSpec  // one of them
	anySpec    // belongs to another part of Kratos
)

// spec is one key of the configuration: what it is called, what it holds, and
// where its value goes. The table of specs is the one source of the checks, the
// schema and the reference.
type spec struct {
	name string
	kind specKind
	doc  string
	// def is the default, example a value for the reference, and least and most
	// are the bounds, all as they are written in a file; empty for none.
	def, example, least, most string
	// pattern is a regular expression for editors; code checks more.
	pattern string
	enum    []string
	// required keys must be there when the object they are in is in use.
	required bool
	// exclusive are children of which only one may be there.
	exclusive []string
	// hidden values are not quoted in messages, as they may hold credentials.
	hidden bool
	// skip reports whether a value belongs to another part of Kratos.
	skip func(*node) bool
	// open objects may hold keys of Kratos that are not in the table.
	open     bool
	children []*spec
	// item is the element of a list.
	item *spec
	// variants are the children of config by the value of type next to it.
	variants map[string][]*spec
	// chosen is the spec with variants and the type for which this object is one of them.
	chosen *chosenVariant
	// field is the index of the field of Config for the value, nil for keys that
	// code reads.
	field []int
}

// chosenVariant tells why an object has the children that it has.
type chosenVariant struct {
	from *spec
	kind string
}

// fieldSpecs makes the specs of the fields of a struct that have a key. The tags
// say what spec says of the same name; kind is "switch" for a boolean that is
// written as on or off and "params" for a map of scalars, short elements of a list may be
// the text of their first key, item describes the elements of a list, whose enum is theirs.
// A key with a dot is below an object that has no field. What is not stored, and
// blank fields, are keys that code reads.
func fieldSpecs(t reflect.Type, index []int, stored bool) []*spec {
	var specs []*spec
	for i := range t.NumField() {
		field, at := t.Field(i), append(slices.Clone(index), i)
		stored := stored && field.Name != "_"
		if field.Anonymous {
			specs = append(specs, fieldSpecs(field.Type, at, stored)...)
			continue
		}
		name, ok := field.Tag.Lookup("key")
		if !ok {
			continue
		}
		get := field.Tag.Get
		least, most, _ := strings.Cut(get("range"), " ")
		s := &spec{
			name: name, kind: kindOf(field), doc: get("doc"), def: get("default"), example: get("example"), least: least, most: most,
			pattern: get("pattern"), enum: strings.Fields(get("enum")), required: get("required") != "", open: get("open") != "", hidden: get("hidden") != "",
		}
		switch {
		case s.kind == objectSpec:
			s.children = fieldSpecs(field.Type, at, stored)
		case s.kind == listSpec && field.Type.Elem().Kind() == reflect.Struct:
			s.item = object("", get("item"), fieldSpecs(field.Type.Elem(), nil, false)...)
			if get("short") != "" {
				s.item.kind = eitherSpec
			}
		case s.kind == listSpec:
			s.item = &spec{kind: textSpec, doc: cmp.Or(get("item"), "A value."), enum: s.enum, pattern: s.pattern, hidden: s.hidden}
			s.enum, s.pattern = nil, ""
		}
		if stored && s.kind != objectSpec {
			s.field = at
		}
		specs = append(specs, s.below())
	}
	return specs
}

func kindOf(field reflect.StructField) specKind {
	switch {
	case field.Tag.Get("kind") == "switch":
		return switchSpec
	case field.Tag.Get("kind") == "params":
		return paramsSpec
	case field.Type == reflect.TypeFor[time.Duration]():
		return durationSpec
	case field.Type == reflect.TypeFor[Secret]():
		return secretSpec
	}
	switch field.Type.Kind() { //nolint:exhaustive // the others are no types of keys
	case reflect.Int:
		return intSpec
	case reflect.Int64:
		return sizeSpec
	case reflect.Float64:
		return floatSpec
	case reflect.Bool:
		return boolSpec
	case reflect.Slice:
		return listSpec
	case reflect.Map:
		return headerSpec
	case reflect.Interface:
		return anySpec
	case reflect.Struct:
		return objectSpec
	}
	return textSpec
}

// below puts a spec with a dotted name into the objects that the name says.
func (s *spec) below() *spec {
	above, name, found := strings.Cut(s.name, ".")
	if !found {
		return s
	}
	s.name = name
	return object(above, "", s.below())
}

func (s *spec) isSecret() bool {
	return s.hidden || slices.Contains([]specKind{secretSpec, headerSpec, paramsSpec, paramSpec}, s.kind)
}

// asText is the spec of the text that may stand for the whole object, nil for none.
func (s *spec) asText() *spec {
	if s.kind == eitherSpec {
		return s.children[0]
	}
	return nil
}

// child returns the spec of a key, nil when there is none.
func (s *spec) child(name string) *spec {
	for _, c := range s.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (s *spec) childNames() []string {
	names := make([]string, len(s.children))
	for i, c := range s.children {
		names[i] = c.name
	}
	return names
}

// variantFields returns the possible forms of config in an object whose config
// depends on its type, in the order of the types.
func (s *spec) variantFields() []*spec {
	var forms []*spec
	for _, kind := range keysOf(s.variants) {
		forms = append(forms, object("config", s.child("config").doc, s.variants[kind]...))
	}
	return forms
}

// walk visits every key below a spec, depth first, elements of lists as path[].
func (s *spec) walk(path string, visit func(path string, s *spec)) {
	for _, child := range slices.Concat(s.children, s.variantFields()) {
		below := joinPath(path, child.name)
		visit(below, child)
		child.walk(below, visit)
	}
	if s.item != nil {
		s.item.walk(path+"[]", visit)
	}
}

// object makes a key that holds other keys.
func object(name, doc string, children ...*spec) *spec {
	return &spec{name: name, kind: objectSpec, doc: doc, children: children}
}

func foreign(name, doc string) *spec { return &spec{name: name, kind: anySpec, doc: doc} }
