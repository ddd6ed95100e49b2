// Package nearest finds the name that somebody meant who misspelt one.
package nearest

import "strings"

// maxWord bounds what is compared, in characters: nobody means a longer name.
const maxWord = 60

// Name returns the candidate that was misspelt, see Spelling, or else the first that
// holds the word or begins it; empty for none.
func Name(word string, candidates []string) string {
	if best := Spelling(word, candidates); best != "" || len(word) < 3 {
		return best
	}
	return related(strings.ToLower(word), candidates)
}

// Spelling returns the candidate that takes the fewest edits to become, if a
// misspelling explains it: one edit, and one more for each three letters; empty
// for none. Upper and lower case are the same.
func Spelling(word string, candidates []string) string {
	word = strings.ToLower(word)
	if len(word) > maxWord {
		return ""
	}
	best, fewest := "", 2+len([]rune(word))/3
	for _, candidate := range candidates {
		if d := distance(word, strings.ToLower(candidate)); d < fewest && d < len([]rune(candidate)) {
			best, fewest = candidate, d
		}
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
			substituted := last[j-1]
			if x[i-1] != y[j-1] {
				substituted++
			}
			current[j] = min(last[j]+1, current[j-1]+1, substituted)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, last = last, current
	}
	return last[len(y)]
}
