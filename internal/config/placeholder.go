package config

import (
	"cmp"
	"regexp"
	"strings"
)

// placeholders are the ways in which other programs write "filled in from
// elsewhere". The names that some of them hold are groups.
func placeholders() *regexp.Regexp {
	return regexp.MustCompile(strings.Join([]string{
		`[$#%]\{+ *([A-Za-z_]\w*)[^}]*\}`,       // ${NAME}, ${NAME:-default}, #{NAME}
		`\$\(([A-Za-z_]\w*)\)`,                  // $(NAME)
		`\{\$\.?([A-Za-z_]\w*)\}`,               // {$NAME}
		`\{\{[^}]*?(\w+)\W*\}\}`,                // {{ .NAME }}, {{ env "NAME" }}
		`^\$(?:env:)?[A-Za-z_]\w*$`,             // $NAME
		`^%\w{3,}%$`,                            // %NAME%
		`%[0-9A-Fa-f]?[G-Zg-z_]\w*%`,            // %NAME% inside, which the escape %2B is not
		`^(?:\{[\w.-]+\}|\[[A-Za-z][\w.-]*\])$`, // {name}, [name]
		`^(?:__\w+__|@\w+@|<[\w ./-]+>)$`,       // __NAME__, @NAME@, <name>
		`^(?i:env)[.:(\[/][\w./"'-]+[)\]]?$`,    // env.NAME, env:NAME, Env://NAME
	}, "|"))
}

// inAddress are placeholders in an address, which none of these characters has.
func inAddress() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z]+://.*(?:<[\w ./-]+>|\{[A-Za-z_][\w.-]*\}|\[[A-Za-z_-]+\])`)
}

// placeholder reports whether a text holds a placeholder, and the name in it
// where its form shows that it is a name and no part of a secret.
func (c *checker) placeholder(text string) (name string, found bool) {
	if strings.HasPrefix(text, "env://") {
		return "", false
	}
	if groups := c.placeholders.FindStringSubmatch(text); groups != nil {
		return cmp.Or(groups[1:]...), true
	}
	return "", c.inAddress.MatchString(text)
}

// isBraced reports whether a map stands where a text is wanted, as YAML makes of
// {$NAME} without quotes.
func isBraced(s *spec, n *node) bool {
	return (s.kind == textSpec || s.kind == secretSpec) && n.kind == mapNode && len(n.entries) == 1 && n.entries[0].value.isNothing()
}

// instead says what to write instead of a placeholder.
func instead(s *spec, path, name string) string {
	if s.kind == secretSpec {
		return "write env://" + cmp.Or(name, "NAME") + " to take the whole value from that environment variable, or fill it in"
	}
	return "fill it in, or set the environment variable " + variableOf(path)
}

// variableOf returns the environment variable that sets a key.
func variableOf(path string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "[", "_", "]", "", "-", "_", `"`, "").Replace(path))
}
