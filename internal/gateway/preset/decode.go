package preset

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"courier"
)

// decode reads a YAML file. The error names the place and, for a key that does not
// exist, the one that was probably meant.
func decode(name string, text []byte, into any) error {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(document.Content) == 0 {
		return fmt.Errorf("%s: it is empty", name)
	}
	root := document.Content[0]
	if err := checkKeys(name, root, reflect.TypeOf(into).Elem()); err != nil {
		return err
	}
	if err := root.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// checkKeys compares the keys of a file with the fields of the type that it is read into.
func checkKeys(name string, node *yaml.Node, kind reflect.Type) error {
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	var errs []error
	switch {
	case node.Kind == yaml.AliasNode:
		return checkKeys(name, node.Alias, kind)
	case node.Kind == yaml.SequenceNode && kind.Kind() == reflect.Slice:
		for _, element := range node.Content {
			errs = append(errs, checkKeys(name, element, kind.Elem()))
		}
	case node.Kind == yaml.MappingNode && kind.Kind() == reflect.Map:
		for i := 1; i < len(node.Content); i += 2 {
			errs = append(errs, checkKeys(name, node.Content[i], kind.Elem()))
		}
	case node.Kind == yaml.MappingNode && kind.Kind() == reflect.Struct:
		fields, open := fieldsOf(kind)
		for i := 0; i < len(node.Content); i += 2 {
			key := node.Content[i]
			field, known := fields[key.Value]
			switch {
			case known:
				errs = append(errs, checkKeys(name, node.Content[i+1], field))
			case !open:
				errs = append(errs, fmt.Errorf("%s:%d:%d: %w", name, key.Line, key.Column, unknown("key", key.Value, names(fields))))
			}
		}
	}
	return errors.Join(errs...)
}

// fieldsOf returns the keys of a struct. It is open when it takes any other key too.
func fieldsOf(kind reflect.Type) (fields map[string]reflect.Type, open bool) {
	fields = map[string]reflect.Type{}
	for field := range kind.Fields() {
		key, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if options == "inline" {
			open = true
			continue
		}
		if key == "" {
			key = strings.ToLower(field.Name)
		}
		fields[key] = field.Type
	}
	return fields, open
}

func names[V any](of map[string]V) []string {
	var all []string
	for name := range of {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// unknown says that a name does not exist, and which one was probably meant.
func unknown(what, name string, known []string) error {
	if near := courier.Nearest(name, known); near != "" {
		return fmt.Errorf("there is no %s %q: did you mean %q?", what, name, near)
	}
	return fmt.Errorf("there is no %s %q: there are %s", what, name, strings.Join(known, ", "))
}
