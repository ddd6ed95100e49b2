package config

import (
	"cmp"
	"regexp"
	"strings"
)

// placeholders are the ways in which other programs write "filled in from
// elsewhere". A form that may as well be a password counts only in capitals. The
// names that some of them hold are groups.
func placeholders() *regexp.Regexp {
	return regexp.MustCompile(strings.Join([]string{
		`[$#%]\{+ *([A-Za-z_]\w*)[^}]*\}`,                                      // ${NAME}, ${NAME:-default}, #{NAME}
		`\$\(([A-Z_][A-Z0-9_]*)\)`,                                             // $(NAME)
		`\{\$\.?([A-Za-z_]\w*)\}`,                                              // {$NAME}
		`\{\{[^}]*?(\w+)\W*\}\}`,                                               // {{ .NAME }}, {{ env "NAME" }}
		`^(?:[A-Za-z]+ )?\$(?:env:)?[A-Z_][A-Z0-9_]+$`,                         // $NAME, Bearer $NAME
		`^[a-z]+:/[^#]*[/:=]\$[A-Z_][A-Z0-9_]+`,                                // $NAME in an address
		`^%[A-Z_][A-Z0-9_]+%$`,                                                 // %NAME%
		`%[0-9A-F]?[G-Z_][A-Z0-9_]{2,}%`,                                       // %NAME% inside, which the escape %2B is not
		`^(?:__[A-Z0-9_]+__|@[A-Z][A-Z0-9_]+@)$`,                               // __NAME__, @NAME@
		`^(?:[A-Za-z]+ )?<[A-Za-z][\w ./-]*>$`,                                 // <name>, Bearer <name>
		`^(?:[A-Za-z]+ )?(?i:env)[:(\[][\w./"'-]+[)\]]?$`,                      // env:NAME, Env://NAME
		`^[A-Za-z]+ (?:\{[A-Za-z_][\w-]*\}|\[[A-Za-z_][\w -]*\])$`,             // Bearer {name}, Bearer [name]
		`^[a-z]+://[^$#]*(?:<[\w ./-]+>|\{[A-Za-z_][\w.-]*\}|\[[A-Za-z_-]+\])`, // in an address, which has none of these characters
	}, "|"))
}

// placeholder reports whether a text holds a placeholder, and the name in it
// where its form shows that it is a name and no part of a secret.
func (c *checker) placeholder(text string) (name string, found bool) {
	groups := c.placeholders.FindStringSubmatch(text)
	if groups == nil || strings.Contains(text, "env://") {
		return "", false
	}
	return cmp.Or(groups[1:]...), true
}

// isBraced reports whether a map stands where a text is wanted, as YAML makes of
// {$NAME} without quotes.
func isBraced(s *spec, n *node) bool {
	return (s.kind == textSpec || s.kind == secretSpec || s.kind == paramSpec) && n.kind == mapNode && len(n.entries) == 1 && n.entries[0].value.isNothing()
}

// instead says what to write instead of a placeholder.
func instead(s *spec, path, name string) string {
	if s.kind == secretSpec || s.kind == paramSpec {
		return "write env://" + cmp.Or(name, "NAME") + " to take the whole value from that environment variable, or fill it in"
	}
	return "fill it in, or set the environment variable " + variableOf(path)
}

// variableOf returns the environment variable that sets a key.
func variableOf(path string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "[", "_", "]", "", "-", "_", `"`, "").Replace(path))
}
