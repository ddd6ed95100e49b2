package config

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
)

// orderEnviron is the place of the environment among the sources of problems;
// files count from 0.
const orderEnviron = 1 << 20

// Options say where a configuration comes from. Later sources win: defaults,
// Files in their order, Snippets in theirs, Environ.
type Options struct {
	// Files are YAML, JSON (.json) or TOML (.toml).
	Files []string
	// Snippets are YAML.
	Snippets []Snippet
	// Environ has entries NAME=value, as os.Environ returns them.
	Environ []string
	// ReferencesOnly leaves Environ to values env://NAME: it sets no keys.
	ReferencesOnly bool
	// IgnoreEnviron are names with the prefix COURIER_ that are no keys and no
	// reason for a warning.
	IgnoreEnviron []string
	// Dir is the directory that relative paths start at; empty is the working
	// directory.
	Dir string
}

// Snippet is a configuration that a program has, and no file.
type Snippet struct {
	// Name stands for it where it is at fault.
	Name string
	// Made is true when nobody has written the text, so lines and columns tell nothing.
	Made bool
	YAML []byte
}

// Load reads a configuration. The error is an *InvalidError with everything
// that is wrong with it.
func Load(options Options) (*Config, error) {
	c := read(options)
	return c.finish(c.problems)
}

// Check reads a configuration and has judge, which asks the parts that use it,
// find what else is wrong. Where a value is missing or has the wrong type, judge
// sees another in its place, and what it says of it is left out, so that
// everything is found at once. An error of judge that is no *InvalidError is
// returned when nothing else is wrong.
func Check(options Options, judge func(*Config) error) (*Config, error) {
	c := read(options)
	problems := slices.Clone(c.problems)
	if c.readable {
		err := judge(c.config)
		if len(problems) == 0 && err != nil && len(Problems(err)) == 0 {
			return c.config, err
		}
		if invalid, ok := errors.AsType[*InvalidError](err); ok && len(invalid.Warnings) > len(c.config.Warnings) {
			c.config.Warnings = sorted(invalid.Warnings)
		}
		for _, problem := range Problems(err) {
			if !slices.ContainsFunc(c.problems, problem.concerns) {
				problems = append(problems, problem)
			}
		}
	}
	return c.finish(problems)
}

// concerns reports whether one of the keys of two problems is in the other.
func (p Problem) concerns(other Problem) bool {
	return within(p.Path, other.Path) || within(other.Path, p.Path)
}

func within(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && above != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// read returns what could be read of a configuration, and what is wrong with it.
func read(options Options) *checker {
	dir, _ := filepath.Abs(options.Dir) // without a working directory, paths stay relative
	c := &checker{
		config:       &Config{origin: origin{positions: map[string]Position{}, files: map[string]digest{}}},
		root:         rootSpec(),
		environ:      environMap(options.Environ),
		ignored:      options.IgnoreEnviron,
		dir:          dir,
		placeholders: placeholders(),
	}
	applyDefaults(c.root, c.config)
	c.readSources(&options)
	if !options.ReferencesOnly {
		c.readEnviron()
	}
	c.check(c.root, c.tree, "")
	if c.readable {
		c.relations()
	}
	c.config.Warnings = sorted(c.warnings)
	return c
}

// readSources merges the files and snippets, and notes whether all of them could be read.
func (c *checker) readSources(options *Options) {
	c.readable = true
	for i, name := range options.Files {
		c.lay(c.readSource(name, c.file(name), i))
	}
	for i, text := range options.Snippets {
		s := &source{name: text.Name, order: len(options.Files) + i, made: text.Made, data: text.YAML}
		c.lay(s.tree(".yml"), s)
	}
}

// lay lays what a source holds over what was read before.
func (c *checker) lay(tree *node, s *source) {
	c.problems = append(c.problems, s.problems...)
	c.warnings = append(c.warnings, s.warnings...)
	if tree != nil {
		c.tree = merge(c.tree, tree)
	}
	c.readable = c.readable && !s.broken
}

// finish returns the configuration, or an error when something is wrong with it.
func (c *checker) finish(problems []Problem) (*Config, error) {
	if len(problems) == 0 {
		return c.config, nil
	}
	return nil, &InvalidError{Problems: sorted(problems), Warnings: c.config.Warnings}
}

// Problem returns a problem of a key, with its place, for what is found out
// only after the configuration was read, such as a template that does not compile.
func (c *Config) Problem(path, message string) Problem {
	return Problem{Position: c.place(path), Path: path, Message: strings.ReplaceAll(message, "\n", "; ")}
}

// Problems returns the problems of an error of this package, nil for another.
func Problems(err error) []Problem {
	if invalid, ok := errors.AsType[*InvalidError](err); ok {
		return invalid.Problems
	}
	return nil
}
