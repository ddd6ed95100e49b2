package config

import "errors"

// orderEnviron is the place of the environment among the sources of problems;
// files count from 0.
const orderEnviron = 1 << 20

// Options say where a configuration comes from. Later sources win: defaults,
// Files in their order, Environ.
type Options struct {
	// Files are YAML, JSON (.json) or TOML (.toml).
	Files []string
	// Environ has entries NAME=value, as os.Environ returns them.
	Environ []string
	// IgnoreEnviron are names with the prefix COURIER_ that are no keys and no
	// reason for a warning.
	IgnoreEnviron []string
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
func load(options Options) (*Config, map[string]digest, error) {
	c := &checker{
		config:    &Config{},
		root:      rootSpec(),
		environ:   environMap(options.Environ),
		dir:       workingDirectory(options.Dir),
		positions: map[string]Position{},
		files:     map[string]digest{},

		placeholders: placeholders(), inAddress: inAddress(),
	}
	applyDefaults(c.root, c.config)
	readable := c.readFiles(options.Files)
	env := &envReader{checker: c, ignored: options.IgnoreEnviron}
	c.tree = env.overlay(c.tree)
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
		tree, s := c.readSource(name, path, i)
		c.problems = append(c.problems, s.problems...)
		c.warnings = append(c.warnings, s.warnings...)
		if tree != nil {
			c.tree = merge(c.tree, tree)
		}
		readable = readable && !s.broken
	}
	return readable
}

func (c *checker) finish() (*Config, map[string]digest, error) {
	c.problems, c.warnings = sorted(c.problems), sorted(c.warnings)
	if len(c.problems) > 0 {
		return nil, c.files, &InvalidError{Problems: c.problems, Warnings: c.warnings}
	}
	c.config.files, c.config.Warnings, c.config.positions = c.files, c.warnings, c.positions
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
