package config

import (
	"maps"
	"slices"
	"strings"

	"courier/internal/nearest"
)

// suggest returns `; did you mean "x"?` for the candidate nearest to word, or
// nothing when none is near.
func suggest(word string, candidates []string) string {
	if near := nearest.Name(clip(word), candidates); near != "" {
		return `; did you mean "` + clip(near) + `"?`
	}
	return ""
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// quoted lists words for a message: "a", "b" or "c".
func quoted(words []string) string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = `"` + word + `"`
	}
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " or " + list[len(list)-1]
}
