package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The places of sources in the order of problems; files count from 0.
const (
	orderEnviron = 1 << 20
	orderFlags   = orderEnviron + 1
)

// Options say where a configuration comes from. Later sources win: defaults,
// Files in their order, Environ, Overrides.
type Options struct {
	// Files are YAML, JSON (.json) or TOML (.toml).
	Files []string
	// Environ has entries NAME=value, as os.Environ returns them.
	Environ []string
	// IgnoreEnviron are names with the prefix COURIER_ that are no keys and no
	// reason for a warning.
	IgnoreEnviron []string
	// Overrides are values by path (api.port), from command-line flags.
	Overrides map[string]any
	// Dir is the directory that relative paths start at; empty is the working
	// directory.
	Dir string
}

// Load reads a configuration. The error is an *InvalidError with everything
// that is wrong with it.
func Load(options Options) (*Config, error) {
	cfg, _, err := load(options)
	return cfg, err
}

// load also returns the files that the configuration depends on, when it is not
// valid too.
func load(options Options) (*Config, []string, error) {
	c := &checker{
		config:    &Config{},
		root:      rootSpec(),
		environ:   environMap(options.Environ),
		dir:       workingDirectory(options.Dir),
		positions: map[string]Position{},
	}
	applyDefaults(c.root, c.config)
	readable := c.readFiles(options.Files)
	c.overlay(options)
	c.check(c.root, c.tree, "")
	if readable {
		c.relations()
	}
	return c.finish()
}

// readFiles merges the files, and reports whether all of them could be read.
func (c *checker) readFiles(files []string) bool {
	readable := true
	for i, name := range files {
		path := c.file(name)
		tree, s := readSource(name, path, i)
		c.files = append(c.files, path)
		c.problems = append(c.problems, s.problems...)
		c.warnings = append(c.warnings, s.warnings...)
		if tree != nil {
			c.tree = merge(c.tree, tree)
		}
		readable = readable && !s.broken
	}
	return readable
}

func (c *checker) overlay(options Options) {
	env := &envReader{checker: c, ignored: options.IgnoreEnviron}
	c.tree = env.overlay(c.tree)
	at := Position{Source: "command line", order: orderFlags}
	for _, path := range keysOf(options.Overrides) {
		steps, target := c.locate(path)
		if target == nil {
			c.problem(at, path, "unknown key%s", suggest(path, allPaths(c.root, "")))
			continue
		}
		c.tree = c.put(c.tree, steps, c.override(target, options.Overrides[path], at, path), "")
	}
}

// locate finds the spec of a path of keys.
func (c *checker) locate(path string) ([]step, *spec) {
	s := c.root
	var steps []step
	for key := range strings.SplitSeq(path, ".") {
		if s = s.child(key); s == nil {
			return nil, nil
		}
		steps = append(steps, step{key: key, index: -1})
	}
	return steps, s
}

func (c *checker) override(s *spec, value any, at Position, path string) *node {
	if list, ok := value.([]string); ok {
		n := &node{kind: listNode, at: at}
		for _, item := range list {
			n.items = append(n.items, &node{kind: textNode, text: item, at: at})
		}
		return n
	}
	return c.structured(s, fmt.Sprint(value), at, path)
}

func allPaths(s *spec, path string) []string {
	var paths []string
	for _, child := range s.children {
		below := joinPath(path, child.name)
		paths = append(paths, below)
		paths = append(paths, allPaths(child, below)...)
	}
	return paths
}

func (c *checker) finish() (*Config, []string, error) {
	slices.Sort(c.files)
	c.files = slices.Compact(c.files)
	c.problems, c.warnings = sorted(c.problems), sorted(c.warnings)
	if len(c.problems) > 0 {
		return nil, c.files, &InvalidError{Problems: c.problems, Warnings: c.warnings}
	}
	c.config.Files, c.config.Warnings, c.config.positions = c.files, c.warnings, c.positions
	return c.config, c.files, nil
}

// Problem returns a problem of a key, with its place, for what is found out
// only after the configuration was read, such as a template that does not compile.
func (c *Config) Problem(path, message string) Problem {
	return Problem{Position: nearestPosition(c.positions, path), Path: path, Message: message}
}

// Problems returns the problems of an error of this package, nil for another.
func Problems(err error) []Problem {
	if invalid, ok := errors.AsType[*InvalidError](err); ok {
		return invalid.Problems
	}
	return nil
}
