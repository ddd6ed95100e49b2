package preset

import (
	"maps"

	"courier"
)

// Errors are a provider's codes: those in answers, those in receipts, and those in both.
type Errors struct {
	Both    map[string]Code `yaml:"both"`
	Answer  map[string]Code `yaml:"answer"`
	Receipt map[string]Code `yaml:"receipt"`
}

// Code is what a code of a provider means.
type Code struct {
	Class courier.Class `yaml:"class"`
	// Status is that of the receipt, empty for what its state says.
	Status courier.Status `yaml:"status"`
	Means  string         `yaml:"means"`
}

// Answers returns the codes that an answer can have.
func (e Errors) Answers() map[string]Code { return merge(e.Both, e.Answer) }

// Receipts returns the codes that a receipt can have.
func (e Errors) Receipts() map[string]Code { return merge(e.Both, e.Receipt) }

// AnswerMeanings and ReceiptMeanings are what the codes mean, as an emulator takes them.
func (e Errors) AnswerMeanings() map[string]string { return meanings(e.Answers()) }

// ReceiptMeanings is the other half of AnswerMeanings.
func (e Errors) ReceiptMeanings() map[string]string { return meanings(e.Receipts()) }

func meanings(table map[string]Code) map[string]string {
	all := make(map[string]string, len(table))
	for code, known := range table {
		all[code] = known.Means
	}
	return all
}

func merge(tables ...map[string]Code) map[string]Code {
	all := map[string]Code{}
	for _, table := range tables {
		maps.Copy(all, table)
	}
	return all
}

// plain is a table as a template sees it.
func plain(table map[string]Code) map[string]any {
	orNull := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	values := make(map[string]any, len(table))
	for code, known := range table {
		values[code] = map[string]any{
			"class": orNull(string(known.Class)), "status": orNull(string(known.Status)), "means": orNull(known.Means),
		}
	}
	return values
}
