package preset

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"courier"
	"courier/internal/gateway/gatewaytest"
)

// TestPreset_Pages compares docs/presets with what the data says.
func TestPreset_Pages(t *testing.T) {
	t.Parallel()
	const folder = "../../../docs/presets"
	set, err := loadOurs()
	if err != nil {
		t.Fatal(err)
	}
	index := generated + "# Presets\n\nA gateway that is ready made: `preset: NAME` and the parameters of an account are all that a\n" +
		"configuration needs. [FORMAT.md](../../internal/gateway/preset/FORMAT.md) says how to add one of your own\n(`presets_dir`).\n\n" +
		"| preset | provider | receipts |\n|---|---|---|\n"
	for _, name := range set.Names() {
		p, _ := set.Get(name)
		index += fmt.Sprintf("| [%s](%s.md) | %s | %s |\n", name, name, p.Title, p.receiptsShort())
		compareFile(t, filepath.Join(folder, name+".md"), p.page(t))
	}
	compareFile(t, filepath.Join(folder, "README.md"), index)
	pages, _ := filepath.Glob(filepath.Join(folder, "*.md"))
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if _, err := set.Get(name); err != nil && name != "README" {
			t.Errorf("%s is the page of no preset: delete it", page)
		}
	}
}

const generated = "<!-- Generated from internal/gateway/preset/data: go test ./internal/gateway/preset -update -->\n\n"

func (p *Preset) receiptsShort() string {
	receipts := p.file.Receipts
	known := "known by their secret address"
	if len(receipts.Verify) > 0 {
		known = "signed"
		if len(receipts.Verify[len(receipts.Verify)-1].When) > 0 {
			known = "signed, or known by their secret address"
		}
	}
	switch receipts.Address {
	case addressNone:
		return "none"
	case addressRegistered:
		return known + "; the address is registered with the provider"
	}
	return known + "; the address is in each request"
}

// page is the documentation of a preset.
func (p *Preset) page(t *testing.T) string {
	t.Helper()
	text := generated + "# " + p.Title + "\n\n`preset: " + p.Name + "`, for [" + strings.TrimPrefix(p.Site, "https://") + "](" + p.Site + ").\n\n" + p.Notes + "\n## Configuration\n\n" + p.example()
	text += "\n| parameter | | |\n|---|---|---|\n"
	for _, name := range p.ordered() {
		param := p.Params[name]
		var kind []string
		if param.Required {
			kind = append(kind, "required")
		}
		if param.Secret {
			kind = append(kind, "secret")
		}
		doc := param.Doc
		if param.Enum != nil {
			doc += " One of `" + strings.Join(param.Enum, "`, `") + "`."
		}
		if param.Default != "" {
			doc += " Default `" + param.Default + "`."
		}
		text += fmt.Sprintf("| `%s` | %s | %s |\n", name, strings.Join(kind, ", "), doc)
	}
	for _, need := range p.file.Needs {
		if len(need) == 1 {
			text += "\n`" + strings.ReplaceAll(need[0], " ", "` and `") + "` is needed."
			continue
		}
		ways := make([]string, len(need))
		for i, way := range need {
			ways[i] = strings.ReplaceAll(way, " ", "` with `")
		}
		text += "\nOne of these is needed: `" + strings.Join(ways, "`, `") + "`."
	}
	if len(p.file.Needs) > 0 {
		text += "\n"
	}
	request := p.file.Request
	text += "\nMessages go to `" + request.Method + " " + request.URL + "`"
	if limits := p.file.Limits; limits != (Limits{}) {
		text += fmt.Sprintf(", at most %d at a time", limits.MaxInFlight)
	}
	text += ".\n"
	if p.Templates.Lookup != "" {
		text += "A message of which it is not known whether the provider took it is asked for before it is sent again.\n"
	}
	text += "\n## Receipts\n\n"
	if p.file.Receipts.Address == addressNone {
		text += "There are none.\n"
	} else {
		text += "Receipts are " + p.receiptsShort() + ".\nThe address is `{public.url}/receipts/{id}/{receipt_secret}`; `courier gateways show ID --reveal` prints it.\n\n"
		text += "| the provider says | the message is |\n|---|---|\n"
		text += p.stateRows(t)
	}
	text += codeRows("Codes in answers", p.Errors.Answers(), false) + codeRows("Codes in receipts", p.Errors.Receipts(), true)
	text += p.emulated(t)
	text += "\n## Sources\n\n"
	for _, source := range p.Docs {
		text += "- " + source + "\n"
	}
	return text
}

// ordered are the parameters, those that are required first.
func (p *Preset) ordered() []string {
	all := names(p.Params)
	slices.SortStableFunc(all, func(a, b string) int {
		rank := func(name string) int {
			switch {
			case p.Params[name].Required:
				return 0
			case name == baseURL:
				return 2
			}
			return 1
		}
		return rank(a) - rank(b)
	})
	return all
}

// example is a configuration with what is required.
func (p *Preset) example() string {
	text := "```yaml\ncourier:\n  gateways:\n    - id: " + p.Name + "\n      preset: " + p.Name + "\n"
	wanted := func(name string) bool {
		return p.Params[name].Required || slices.ContainsFunc(p.file.Needs, func(need []string) bool {
			return slices.Contains(strings.Fields(need[0]), name)
		})
	}
	if wanted(settingFrom) {
		text += "      from: \"+12065550110\"\n"
	}
	text += "      params:\n"
	for _, name := range p.ordered() {
		if param := p.Params[name]; wanted(name) {
			value := param.Example
			if param.Secret {
				value = p.variable(name)
			}
			text += "        " + name + ": " + value + "\n"
		}
	}
	if p.file.Receipts.Address != addressNone && (values{}).chosen(p.file.Receipts.Verify) == nil {
		text += "      receipt_secret: " + p.variable(settingSecret) + "\n"
	}
	return text + "```\n"
}

// variable is an environment variable for a secret.
func (p *Preset) variable(name string) string {
	name = strings.TrimLeft(p.Name, "0123456789") + "_" + name
	return "env://" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func (p *Preset) stateRows(t *testing.T) string {
	t.Helper()
	b := newEmulator(t, p)
	rows := ""
	for _, name := range b.Reports() {
		if _, isCode := p.Errors.Receipts()[name]; isCode {
			continue
		}
		report, err := b.Report(name)
		if err != nil {
			t.Fatal(err)
		}
		status := string(report.Gives.Status)
		if status == "" {
			status = "as before"
		}
		if report.Gives.Class != "" {
			status += ", `" + report.Gives.Class + "`"
		}
		rows += fmt.Sprintf("| %s | %s |\n", name, status)
	}
	return rows
}

func codeRows(title string, codes map[string]Code, receipts bool) string {
	if len(codes) == 0 {
		return ""
	}
	text := "\n## " + title + "\n\n| code | class | | |\n|---|---|---|---|\n"
	ordered := names(codes)
	slices.SortStableFunc(ordered, func(a, b string) int { // numbers by their size
		if strings.Trim(a+b, "0123456789") != "" {
			return strings.Compare(a, b)
		}
		return len(a) - len(b)
	})
	for _, code := range ordered {
		known := codes[code]
		becomes := string(known.Status)
		if outcome, _ := known.Class.Verdict(); !receipts && known.Class != "" {
			becomes = map[courier.Outcome]string{
				courier.OutcomeRejected: "rejected", courier.OutcomeGatewayDown: "waits, or goes another way",
				courier.OutcomeRetry: "tried again", courier.OutcomeUnknown: "outcome unknown",
			}[outcome]
		}
		text += fmt.Sprintf("| `%s` | %s | %s | %s |\n", code, known.Class, becomes, known.Means)
	}
	return text
}

func newEmulator(t *testing.T, p *Preset) *gatewaytest.Emulator {
	t.Helper()
	e, err := gatewaytest.NewEmulator(gatewaytest.EmulatorOptions{
		Source: p.Emulator, AnswerCodes: p.Errors.AnswerMeanings(), ReceiptCodes: p.Errors.ReceiptMeanings(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// emulated lists the recipients to which the emulator does something of its own.
func (p *Preset) emulated(t *testing.T) string {
	t.Helper()
	e := newEmulator(t, p)
	text := "\n## Trying it\n\n`courier inbox --as " + p.Name + "` takes requests as strictly as the provider and answers as it does.\n" +
		"Give its address as `base_url`. A message to one of these numbers gets an answer of its own, or a receipt:\n\n" +
		"| recipient | answer or receipt |\n|---|---|\n"
	for _, numbers := range []map[string]string{e.AnswerNumbers(), e.ReportNumbers()} {
		for _, number := range slices.Sorted(maps.Keys(numbers)) {
			text += fmt.Sprintf("| %s | %s |\n", number, numbers[number])
		}
	}
	return text
}
