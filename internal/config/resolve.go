package config

import "strings"

// isReference reports whether a value names where a secret is.
func isReference(text string) bool {
	return strings.HasPrefix(text, "env://") || strings.HasPrefix(text, "file://")
}

// referenceIn returns how a reference begins that stands in a value, empty where none does.
func referenceIn(text string) string {
	for _, start := range []string{"env://", "file://"} {
		if strings.Contains(text, start) {
			return start
		}
	}
	return ""
}

// resolve returns the text of a secret, or what its reference names: env://NAME
// or file://path. The value itself is in no message.
func (c *checker) resolve(n *node, path string) (Secret, bool) {
	if !n.isText() {
		return Secret{}, false
	}
	value, fault := n.text, ""
	if name, ok := strings.CutPrefix(n.text, "env://"); ok {
		value, fault = c.fromEnviron(name)
	} else if name, ok := strings.CutPrefix(n.text, "file://"); ok {
		value, fault = c.fromFile(name)
	} else if reference := referenceIn(n.text); reference != "" {
		c.warn(n.at, path, "%s is not at the start, so the value is used as it is written", reference)
	}
	if fault != "" {
		c.problem(n.at, path, "%s", fault)
	}
	return NewSecret(value), fault == ""
}

func (c *checker) fromEnviron(name string) (value, fault string) {
	value, set := c.environ[name]
	switch {
	case name == "":
		return "", "expected the name of an environment variable after env://"
	case !set:
		return "", "the environment variable " + clip(name) + " is not set"
	case value == "":
		return "", "the environment variable " + clip(name) + " is empty"
	}
	return value, ""
}

func (c *checker) fromFile(name string) (value, fault string) {
	if name == "" {
		return "", "expected the path of a file after file://"
	}
	data, err := c.read(c.file(name), maxSecretSize)
	if err != nil {
		return "", "read secret file " + clip(name) + ": " + explainFile(err)
	}
	if value = strings.TrimRight(string(data), "\r\n"); value == "" {
		return "", "the secret file " + clip(name) + " is empty"
	}
	return value, ""
}
