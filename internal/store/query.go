package store

import "strings"

// ParseQueries reads the blocks of a file of statements by name. A block begins
// with "-- name: X"; {x} in it stands for the block "-- columns: x".
func ParseQueries(file string) map[string]string {
	texts, columns := map[string]string{}, []string{}
	for block := range strings.SplitSeq("\n"+file, "\n-- ") {
		head, body, _ := strings.Cut(block, "\n")
		kind, name, _ := strings.Cut(head, ": ")
		switch kind {
		case "name":
			texts[name] = strings.TrimSpace(body)
		case "columns":
			columns = append(columns, "{"+name+"}", strings.TrimSpace(body))
		}
	}
	replacer := strings.NewReplacer(columns...)
	for name, text := range texts {
		texts[name] = replacer.Replace(text)
	}
	return texts
}
