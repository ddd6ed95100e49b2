package preset

import (
	"net/url"
	"regexp"
	"strings"
)

// places are the {name} of a text.
func places() *regexp.Regexp { return regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`) }

// placesIn returns the names that a text has places for.
func placesIn(text string) (found []string) {
	for _, match := range places().FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// values are the parameters that were given or have a default, and the settings of
// every gateway.
type values map[string]string

// fill puts values in their places. It is false when one of them was not given. A
// name that is none of the preset's stays as it is.
func (v values) fill(text string, known map[string]Param, escape func(string) string) (filled string, whole bool) {
	whole = true
	filled = places().ReplaceAllStringFunc(text, func(place string) string {
		name := place[1 : len(place)-1]
		value, given := v[name]
		if _, isParam := known[name]; !given && !isParam && name != settingFrom && name != settingSecret {
			return place
		}
		whole = whole && given
		return escape(value)
	})
	return filled, whole
}

// fillAll fills the texts of a map, and leaves out those that name a parameter that was not given.
func (v values) fillAll(texts map[string]string, known map[string]Param) map[string]string {
	all := make(map[string]string, len(texts))
	for name, text := range texts {
		if filled, whole := v.fill(text, known, plainText); whole {
			all[name] = filled
		}
	}
	return all
}

func plainText(text string) string { return text }

// fillURL fills an address. What begins it is an origin, or a whole address; what
// comes later is escaped.
func (v values) fillURL(text string, known map[string]Param) string {
	start := ""
	if strings.HasPrefix(text, "{") {
		place, rest, _ := strings.Cut(text, "}")
		start, text = v[place[1:]], rest
		if rest != "" {
			start = strings.TrimRight(start, "/")
		}
	}
	rest, _ := v.fill(text, known, url.PathEscape)
	return start + rest
}

// chosen returns the first of the choices whose parameters are all given, nil for none.
func (v values) chosen(choices []choice) *choice {
	for i := range choices {
		if v.has(choices[i].When) {
			return &choices[i]
		}
	}
	return nil
}

func (v values) has(all []string) bool {
	for _, name := range all {
		if v[name] == "" {
			return false
		}
	}
	return true
}
