package config

import (
	"maps"
	"slices"
	"strings"
)

// suggest returns `; did you mean "x"?` for the candidate nearest to word, or
// nothing when none is near.
func suggest(word string, candidates []string) string {
	if near := nearest(word, candidates); near != "" {
		return `; did you mean "` + clip(near) + `"?`
	}
	return ""
}

// nearest returns the candidate that takes the fewest edits to become, if a
// misspelling explains it: one edit, and one more for each three letters.
// Otherwise it is the first that holds the word, or begins it.
func nearest(word string, candidates []string) string {
	word = strings.ToLower(clip(word))
	best, fewest := "", 2+len([]rune(word))/3
	for _, candidate := range candidates {
		if d := distance(word, strings.ToLower(candidate)); d < fewest && d < len([]rune(candidate)) {
			best, fewest = candidate, d
		}
	}
	if best == "" && len(word) >= 3 {
		best = related(word, candidates)
	}
	return best
}

func related(word string, candidates []string) string {
	for _, candidate := range candidates {
		if len(candidate) >= 3 && (strings.Contains(candidate, word) || strings.HasPrefix(word, candidate)) {
			return candidate
		}
	}
	return ""
}

// distance counts the insertions, deletions, substitutions and swaps of
// neighbours that turn a into b.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		current := make([]int, len(y)+1)
		current[0] = i
		for j := 1; j <= len(y); j++ {
			current[j] = min(last[j]+1, current[j-1]+1, last[j-1]+cost(x[i-1] != y[j-1]))
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, last = last, current
	}
	return last[len(y)]
}

func cost(differs bool) int {
	if differs {
		return 1
	}
	return 0
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
