package courier

import "strings"

// longestWord bounds the words that Nearest looks at, in bytes: no name is that
// long, and the work grows with the length.
const longestWord = 64

// Nearest returns the name that was probably meant by a word, or nothing: the one
// that takes the fewest edits to become, if a slip explains it (one edit, and one
// more for each three letters), or else the first that holds the word or begins it.
func Nearest(word string, names []string) string {
	if len(word) > longestWord {
		return ""
	}
	word = strings.ToLower(word)
	letters := len([]rune(word))
	best, fewest := "", 2+letters/3
	for _, name := range names {
		if edits := distance(word, strings.ToLower(name)); edits < fewest && edits < len([]rune(name)) {
			best, fewest = name, edits
		}
	}
	if best != "" || letters < 3 {
		return best
	}
	for _, name := range names {
		if len(name) >= 3 && (strings.Contains(name, word) || strings.HasPrefix(word, name)) {
			return name
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
	for i := range x {
		current := make([]int, len(y)+1)
		current[0] = i + 1
		for j := range y {
			substituted := last[j]
			if x[i] != y[j] {
				substituted++
			}
			current[j+1] = min(last[j+1]+1, current[j]+1, substituted)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				current[j+1] = min(current[j+1], before[j-1]+1)
			}
		}
		before, last = last, current
	}
	return last[len(y)]
}
