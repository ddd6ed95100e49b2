package postgres

import (
	_ "embed"
	"strconv"
	"strings"

	"courier/internal/store"
)

//go:embed queries.sql
var queriesFile string

// claimMessages is the name of the statement that has a text for each of claimSizes.
const claimMessages = "ClaimMessages"

// claimSizes are the numbers that stand for {most} in ClaimMessages: the smallest
// that is not below what is asked for is used.
func claimSizes() []int { return []int{16, 128, 1024, 1 << 20} }

// claimQuery returns the name of ClaimMessages with a size.
func claimQuery(limit int) string {
	for _, size := range claimSizes() {
		if limit <= size {
			return claimMessages + strconv.Itoa(size)
		}
	}
	return claimMessages + strconv.Itoa(claimSizes()[len(claimSizes())-1])
}

// statementTexts are the texts of all statements by name.
func statementTexts() map[string]string {
	texts := store.ParseQueries(queriesFile)
	for _, size := range claimSizes() {
		texts[claimMessages+strconv.Itoa(size)] = strings.ReplaceAll(texts[claimMessages], "{most}", strconv.Itoa(size))
	}
	delete(texts, claimMessages)
	return texts
}
