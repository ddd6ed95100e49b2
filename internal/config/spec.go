package config

// specKind is the type that a key asks for.
type specKind int

const (
	objectSpec specKind = iota
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
	anySpec    // belongs to another part of Kratos
)

// spec is one key of the configuration: what it is called, what it holds, and
// where its value goes. The table of specs is the one source of the validation,
// the schema and the reference.
type spec struct {
	name string
	kind specKind
	doc  string
	// def is the default as it is written in a file, empty for none.
	def string
	// example is a value for the reference, as it is written in a file.
	example string
	// pattern is a regular expression for editors; code checks more.
	pattern string
	enum    []string
	bounds  *bounds
	// required keys must be there when the object they are in is in use.
	required bool
	// exclusive are children of which only one may be there.
	exclusive []string
	// legacy keys are accepted and not in the starter file.
	legacy bool
	// hidden values are not quoted in messages, as they may hold credentials.
	hidden bool
	// skip reports whether a value belongs to another part of Kratos.
	skip func(*node) bool
	// open objects may hold keys of Kratos that are not in the table.
	open     bool
	children []*spec
	// item is the element of a list.
	item *spec
	// variants are the children of config by the value of type beside it.
	variants map[string][]*spec
	// bind returns a pointer to where the value goes, nil for keys that code reads.
	bind func(*Config) any
}

// bounds are the least and the greatest number. A duration counts in seconds.
type bounds struct{ least, most float64 }

func (s *spec) isSecret() bool { return s.hidden || s.kind == secretSpec || s.kind == headerSpec }

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
		forms = append(forms, object("config", "", s.variants[kind]...))
	}
	return forms
}

// object makes a key that holds other keys.
func object(name, doc string, children ...*spec) *spec {
	return &spec{name: name, kind: objectSpec, doc: doc, children: children}
}

func text(name, def, doc string, bind func(*Config) any) *spec {
	return &spec{name: name, kind: textSpec, def: def, doc: doc, bind: bind}
}

func choice(name, def, doc string, enum []string, bind func(*Config) any) *spec {
	return &spec{name: name, kind: textSpec, def: def, doc: doc, enum: enum, bind: bind}
}

func secret(name, doc string, bind func(*Config) any) *spec {
	return &spec{name: name, kind: secretSpec, doc: doc, bind: bind}
}

func number(name, def, doc string, least, most float64, bind func(*Config) any) *spec {
	return &spec{name: name, kind: intSpec, def: def, doc: doc, bounds: &bounds{least, most}, bind: bind}
}

func truth(name, doc string, bind func(*Config) any) *spec {
	return &spec{name: name, kind: boolSpec, def: "false", doc: doc, bind: bind}
}

func duration(name, def, doc string, least, most float64, bind func(*Config) any) *spec {
	return &spec{name: name, kind: durationSpec, def: def, doc: doc, bounds: &bounds{least, most}, bind: bind}
}

func foreign(name, doc string) *spec { return &spec{name: name, kind: anySpec, doc: doc} }

func (s *spec) with(example string) *spec {
	s.example = example
	return s
}

func (s *spec) old() *spec {
	s.legacy = true
	return s
}

func (s *spec) mandatory() *spec {
	s.required = true
	return s
}

func (s *spec) opened() *spec {
	s.open = true
	return s
}
