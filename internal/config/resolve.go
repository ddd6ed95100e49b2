package config

import "strings"

// resolve returns the text of a secret, or what its reference names: env://NAME
// or file://path. The value itself is in no message.
func (c *checker) resolve(n *node, path string) (Secret, bool) {
	given, ok := textOf(n)
	if !ok {
		return Secret{}, false
	}
	if name, isEnv := strings.CutPrefix(given, "env://"); isEnv {
		return c.resolveEnv(n, path, name)
	}
	if name, isFile := strings.CutPrefix(given, "file://"); isFile {
		return c.resolveFile(n, path, name)
	}
	if strings.Contains(given, "env://") {
		c.warn(n.at, path, "env:// is not at the start, so the value is used as it is written")
	}
	return NewSecret(given), true
}

func (c *checker) resolveEnv(n *node, path, name string) (Secret, bool) {
	value, set := c.environ[name]
	switch {
	case name == "":
		c.problem(n.at, path, "expected the name of an environment variable after env://")
	case !set:
		c.problem(n.at, path, "the environment variable %s is not set", clip(name))
	case value == "":
		c.problem(n.at, path, "the environment variable %s is empty", clip(name))
	default:
		return NewSecret(value), true
	}
	return Secret{}, false
}

func (c *checker) resolveFile(n *node, path, name string) (Secret, bool) {
	if name == "" {
		c.problem(n.at, path, "expected the path of a file after file://")
		return Secret{}, false
	}
	data, err := c.read(c.file(name), maxSecretSize)
	if err != nil {
		c.problem(n.at, path, "read secret file %s: %s", clip(name), explainFile(err))
		return Secret{}, false
	}
	value := strings.TrimRight(string(data), "\r\n")
	if value == "" {
		c.problem(n.at, path, "the secret file %s is empty", clip(name))
		return Secret{}, false
	}
	return NewSecret(value), true
}
